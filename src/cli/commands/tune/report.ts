/**
 * What `tune` prints: what rounds cost, how often drafts are accepted, and the best settings, with why.
 *
 * @module
 */
import type { Tuned, TunedSetting } from "../../../engine/mod.ts";
import { CostTable, type Setting, settingName } from "../../../speculation/mod.ts";
import { table } from "../../terminal/table.ts";
import { methodOf } from "./map.ts";

/** Settings that are listed. */
const LISTED = 8;

/** The tables of what was found. */
export function tuneText(tuned: Tuned, columns: number): string {
  const { costs, survival, context, settings } = tuned;
  const names = ["target", "draft model"];
  const forwards = costs.levels.map(({ rows, verifyMs }, level) => {
    const body = rows.map((count, j) => [
      String(count),
      ...costs.contexts.map((_, i) => verifyMs[i][j].toFixed(2)),
      (verifyMs[0][j] / verifyMs[0][0]).toFixed(2),
    ]);
    const header = [
      "rows",
      ...costs.contexts.map((tokens) => `ms at ${tokens}`),
      `of one row at ${costs.contexts[0]}`,
    ];
    return `Rounds of the ${names[level]}, without drafts\n` +
      table(body, header.map(() => "right"), header, columns);
  });
  const drafts = costs.levels.flatMap(({ draftMs, queuedMs }, level) =>
    [
      ...Object.entries(draftMs).map(([name, ms]) => [names[level], name, ms]),
      ...(level > 0 ? [[names[level], "one token, plainly", queuedMs]] : []),
    ] as [string, string, readonly number[]][]
  );
  const rates = Object.entries(survival).map(([key, chances]) => [
    key.startsWith("0") ? "target" : "draft model",
    key.slice(2),
    chances.slice(0, 6).map((chance) => chance.toFixed(2)).join(" "),
  ]);
  const best = settings.slice(0, LISTED).map((one) => [
    one.name,
    methodOf(one.setting),
    one.tokens.toFixed(2),
    one.ms.toFixed(2),
    `${one.predicted.toFixed(1)} ± ${percent(one.spread)}`,
    one.realised === undefined
      ? ""
      : `${one.realised.toFixed(1)} ± ${percent(one.realisedSpread!)}`,
    one.realised === undefined ? "" : `${(100 * (one.realised / one.predicted - 1)).toFixed(1)}%`,
  ]);
  return [
    ...forwards,
    "Proposals, ms\n" + table(
      drafts.map(([model, name, ms]) => [model, name, ...ms.map((one) => one.toFixed(2))]),
      ["left", "left", ...costs.contexts.map(() => "right" as const)],
      ["for the", "drafter", ...costs.contexts.map((tokens) => `at ${tokens}`)],
      columns,
    ),
    ...(rates.length === 0 ? [] : [
      "The share of rounds in which 1, 2, ... tokens at least were accepted\n" +
      table(rates, ["left", "left", "left"], ["by the", "of", "share"], columns),
    ]),
    `The best at ${context.toFixed(0)} tokens\n` + table(
      best,
      ["left", "left", "right", "right", "right", "right", "right"],
      ["setting", "method", "tokens", "ms a round", "tokens/s", "realised", "off by"],
      columns,
    ),
    why(tuned),
  ].join("\n\n") + "\n";
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)}%`;
}

/** Where the time of the best setting goes, beside plain decoding and the best of each other method. */
function why({ costs, context, settings }: Tuned): string {
  const [best] = settings;
  const plain = settings.find(({ setting }) => setting.kind === "plain")!;
  const costsAt = new CostTable(costs, context);
  const rowsMs = (setting: Setting) =>
    costsAt.verify(0, setting.kind === "plain" ? 1 : setting.rows);
  const others = new Map<string, TunedSetting>();
  for (const one of settings) {
    const method = methodOf(one.setting);
    if (method !== methodOf(best.setting) && !others.has(method)) others.set(method, one);
  }
  // Rounds of suffixes mostly have fewer rows than the setting's most.
  const verifyMs = Math.min(best.ms, rowsMs(best.setting));
  const lines = [
    best.setting.kind === "plain"
      ? `Plain decoding is the fastest: no draft makes up for what it costs.`
      : `${best.name} is the fastest: a round gives ${best.tokens.toFixed(2)} tokens in ${
        best.ms.toFixed(2)
      } ms, of which ${verifyMs.toFixed(2)} verify and ${
        (best.ms - verifyMs).toFixed(2)
      } draft; plain decoding one in ${plain.ms.toFixed(2)} ms.`,
    ...[...others].map(([method, one]) => {
      const name = settingName(one.setting);
      // Plain decoding and suffixes have one setting, of the method's name.
      return `${name === method ? `The method ${name}` : `The best of ${method}, ${name},`} has ${
        (one.predicted / best.predicted).toFixed(2)
      } of its speed: ${one.tokens.toFixed(2)} tokens in ${one.ms.toFixed(2)} ms.`;
    }),
  ];
  return lines.join("\n");
}
