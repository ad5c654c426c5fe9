/**
 * What an evaluation was, in short.
 *
 * @module
 */
import type { Summary, TargetSummary } from "../summary/summary.ts";

function sampling({ choice, seeds }: TargetSummary): string {
  const said = Object.entries(choice).map(([name, value]) => `${name} ${JSON.stringify(value)}`);
  const how = seeds[0] === null ? ["greedy", ...said] : [...said, `seeds ${seeds.join(", ")}`];
  return how.join(", ");
}

/** Facts of `summary`: a name and a value each. */
export function factsOf(
  { bench, date, device, maxTokens, targets }: Summary,
): readonly (readonly [name: string, value: string])[] {
  const hows = targets.map(sampling);
  const alike = new Set(hows).size === 1;
  return [
    ["benchmark", bench],
    ["prompts", `${targets[0].methods[0].all.problems}`],
    ["tokens", `at most ${maxTokens} a turn`],
    ["sampling", alike ? hows[0] : hows.map((how, i) => `${targets[i].name}: ${how}`).join("; ")],
    ["device", device],
    ["begun", date],
  ];
}
