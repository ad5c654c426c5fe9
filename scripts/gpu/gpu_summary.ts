/**
 * Sums up a run of `scripts/gpu/gpu_suite.sh`: one JSON file, and lines for people.
 *
 *     deno run -A scripts/gpu/gpu_summary.ts FOLDER summary.json device=... driver=... nvcc=... commit=...
 *
 * FOLDER has `results.tsv` (stage, item, passed, failed, seconds, note) and `seconds.tsv` (stage, seconds).
 * Exits with 1 where anything failed.
 *
 * @module
 */

/** One command or test file of a stage. */
export interface SuiteItem {
  /** What ran, e.g. `tests.ops.norm`. */
  readonly name: string;
  /** Tests passed; 1 for a command. */
  readonly passed: number;
  /** Tests failed. */
  readonly failed: number;
  /** Wall time. */
  readonly seconds: number;
  /** Why, where that is not plain. */
  readonly note: string | null;
}

/** One stage. */
export interface SuiteStage {
  /** `build`, `test`, `sanitize` or `bench`. */
  readonly name: string;
  /** Wall time. */
  readonly seconds: number;
  /** Sum over its items. */
  readonly passed: number;
  /** Sum over its items. */
  readonly failed: number;
  /** In the order of their names. */
  readonly items: readonly SuiteItem[];
}

const lines = (text: string) => text.split("\n").filter((line) => line !== "");

/** The stages in the order of `seconds`, from the two tables of a run. */
export function summarizeSuite(results: string, seconds: string): SuiteStage[] {
  const rows = lines(results).map((line) => line.split("\t"));
  return lines(seconds).map((line) => {
    const [name, wall] = line.split("\t");
    const items = rows.filter(([stage]) => stage === name)
      .map(([, item, passed, failed, took, note]): SuiteItem => ({
        name: item,
        passed: Number(passed),
        failed: Number(failed),
        seconds: Number(took),
        note: note || null,
      }))
      .sort((a, b) => a.name < b.name ? -1 : 1);
    const sum = (key: "passed" | "failed") => items.reduce((all, item) => all + item[key], 0);
    return { name, seconds: Number(wall), passed: sum("passed"), failed: sum("failed"), items };
  });
}

/** The lines for people: each stage, and each item of it that did not pass. */
export function suiteText(stages: readonly SuiteStage[]): string {
  return stages.flatMap(({ name, seconds, passed, failed, items }) => [
    `${
      failed === 0 ? "ok    " : "FAILED"
    } ${name}: ${passed} passed, ${failed} failed, ${seconds} s`,
    ...items.filter((item) => item.failed > 0).map((item) =>
      `       ${item.name}: ${item.failed} failed${item.note === null ? "" : ` (${item.note})`}`
    ),
  ]).join("\n");
}

if (import.meta.main) {
  const [folder, file, ...facts] = Deno.args;
  const read = (name: string) => Deno.readTextFileSync(`${folder}/${name}`);
  const stages = summarizeSuite(read("results.tsv"), read("seconds.tsv"));
  const known = Object.fromEntries(facts.map((fact) => {
    const at = fact.indexOf("=");
    return [fact.slice(0, at), fact.slice(at + 1) || null];
  }));
  const summary = {
    schema: "specmquant-gpu-suite/1",
    date: new Date().toISOString(),
    ...known,
    stages,
  };
  Deno.writeTextFileSync(file, `${JSON.stringify(summary, null, 2)}\n`);
  console.log(`${known.device ?? "no GPU"}, driver ${known.driver ?? "none"}`);
  console.log(suiteText(stages));
  if (stages.some(({ failed }) => failed > 0)) Deno.exit(1);
}
