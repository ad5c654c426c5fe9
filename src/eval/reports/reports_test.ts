import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { answer, planOf } from "../fixtures_test.ts";
import { AnswerFile } from "../runs/answer_file.ts";
import { RUN_SCHEMA, type RunSettings } from "../runs/settings.ts";
import { summarize, type Summary } from "../summary/summary.ts";
import { chartsOf } from "./charts.ts";
import { htmlReport } from "./html.ts";
import { jsonReport } from "./json.ts";
import { markdownReport } from "./markdown.ts";
import { factsOf } from "./facts.ts";
import { tablesOf } from "./tables.ts";

/** A name that means something in every format. */
const NAME = `w4|<b>&"x"*`;

/** Two targets, two methods and two tasks; suffix is twice as fast in one and half as fast in the other. */
function made(targets: readonly string[]): Summary {
  const problems = [..."aabb"].map((task, i) => ({ id: `${i}`, task, turns: ["x"] }));
  const { bench, ...planned } = planOf(problems, ["ar", "suffix"], targets);
  const benchmark = { ...bench.benchmark, measure: { name: "exact match", runsCode: false } };
  const plan = { ...planned, bench: { ...bench, benchmark } };
  const path = Deno.makeTempFileSync();
  try {
    using file = new AnswerFile(path);
    for (const target of targets) {
      for (const { id: problem, task } of problems) {
        const tokens = [1, 2, 3, 4];
        file.append(answer({ target, problem, task, tokens, decodeMs: 100 }));
        const decodeMs = target === targets[0] ? 50 : 200;
        const drafted = { tokens, decodeMs, lengths: [1, 3], left: task === "b" ? 1 : 0 };
        file.append(answer({ target, method: "suffix", problem, task, ...drafted }));
      }
    }
    const settings = { schema: RUN_SCHEMA, date: "2026-01-01T00:00:00.000Z" } as RunSettings;
    return summarize(plan, file, settings, () => true);
  } finally {
    Deno.removeSync(path);
  }
}

const SUMMARY = made([NAME, "w8"]);

Deno.test("tablesOf: targets beside methods, then each target", () => {
  const tables = tablesOf(SUMMARY);
  assertEquals(tables.map(({ title }) => title), [
    "Compatibility: targets and methods",
    `Speed: ${NAME}`,
    `Accept lengths: ${NAME}`,
    "Speed: w8",
    "Accept lengths: w8",
    "Answers: exact match",
  ]);
  const [grid, speed, lengths] = tables;
  assertEquals(grid.rows, [
    [NAME, "40.0 tokens/s", "2.00 (2.00)"],
    ["w8", "40.0 tokens/s", "0.50 (2.00)"],
  ]);
  assertEquals(speed.rows.map(([task, method]) => `${task} ${method}`), [
    "a ar",
    "a suffix",
    "b ar",
    "b suffix",
    "all ar",
    "all suffix",
  ]);
  assertEquals(speed.rows[5], [
    "all",
    "suffix",
    "80.0",
    "2.00 [2.00, 2.00]",
    "66.7",
    "1.83 [1.83, 1.83]",
    "2.00",
    "10",
    "4 of 4",
  ]);
  assertEquals(lengths.rows.map((row) => row.slice(0, 6)), [
    ["suffix", "8", "2.00", "50%", "0%", "50%"],
  ]);
  for (const { columns, rows } of tables) {
    for (const row of rows) assertEquals(row.length, columns.length);
  }
  const one = tablesOf({ ...made(["t"]), measure: null }).map(({ title }) => title);
  assertEquals(one, ["Speed: t", "Accept lengths: t"]);
});

Deno.test("tablesOf: turns that were left out are told", () => {
  const { targets: [target], ...rest } = SUMMARY;
  const methods = target.methods.toReversed();
  const last = tablesOf({ ...rest, targets: [{ ...target, methods }] }).at(-1)!;
  assertEquals([last.title, last.rows], ["Left out", [[NAME, "b", "2"]]]);
});

Deno.test("factsOf: how tokens are chosen, of each target where they differ", () => {
  const [one, two] = SUMMARY.targets;
  const said = (...targets: Summary["targets"]) =>
    new Map(factsOf({ ...SUMMARY, targets })).get("sampling");
  const sampled = { ...two, choice: { temperature: 0.5, topK: 4 }, seeds: [3, 4] };
  assertEquals(said(one, two), "greedy");
  assertEquals(said(sampled), "temperature 0.5, topK 4, seeds 3, 4");
  assertEquals(said(one, sampled), `${NAME}: greedy; w8: temperature 0.5, topK 4, seeds 3, 4`);
  assertEquals(
    said({ ...one, choice: { repetitionPenalty: 1.1 } }),
    "greedy, repetitionPenalty 1.1",
  );
});

Deno.test("markdown: a row a line, and names that mean nothing else", () => {
  const text = markdownReport(SUMMARY);
  assertStringIncludes(text, '\n| w4\\|\\<b\\>&"x"\\* | 40.0 tokens/s | 2.00 (2.00) |\n');
  assertStringIncludes(text, "\n| --- | ---: | ---: |\n");
  const ragged = text.split("\n").filter((line) => line.startsWith("|"))
    .map((line) => line.replaceAll("\\|", "").split("|").length);
  assert(ragged.every((cells) => [5, 6, 11, 14].includes(cells)), `${ragged}`);
});

Deno.test("JSON: all figures, in snake_case", () => {
  const json = JSON.parse(jsonReport(SUMMARY));
  assertEquals(json.schema, RUN_SCHEMA);
  const { all } = json.targets[0].methods[1];
  assertEquals(all.decode.tokens_per_second, 80);
  assertEquals(all.accept_lengths, [0, 4, 0, 4]);
});

Deno.test("charts: SVG with a bar for each figure, also of one target and without ar", async () => {
  const bars = (svg: string) => [...svg.matchAll(/aria-roledescription="bar"/g)].length;
  const titles = chartsOf(SUMMARY).map(({ title }) => title);
  assertEquals(titles.length, 4);
  const [grid, speed, time, lengths] = await Promise.all(
    chartsOf(SUMMARY).map((chart) => chart.draw()),
  );
  assertMatch(grid, /^<svg [^]*>0\.50<[^]*<\/svg>$/);
  // Targets, tasks and their sum, methods, both parts.
  assertEquals([speed, time].map(bars), [2 * 3 * 2 * 2, 2 * 2 * 2]);
  assertEquals(bars(lengths), 2 * 3);
  const one = made(["t"]);
  assertEquals(chartsOf(one).length, 3);
  const [{ methods: [, suffix], ...target }] = one.targets;
  const none = { tokensPerSecond: 1, interval: null, speedup: null, speedupInterval: null };
  const figures = { ...suffix.all, decode: none, whole: none };
  const alone = { ...suffix, all: figures, tasks: [figures] };
  const plain = { ...one, targets: [{ ...target, methods: [alone] }] };
  assertEquals(chartsOf(plain).map(({ title }) => title), [titles[2], titles[3]]);
  for (const chart of chartsOf(plain)) assertMatch(await chart.draw(), /^<svg /);
});

Deno.test("HTML: one file that fetches nothing and runs nothing, with names escaped", async () => {
  const html = await htmlReport(SUMMARY);
  assertMatch(html, /^<!doctype html>/);
  assertEquals(html.includes("<b>"), false);
  assertStringIncludes(html, "<td>w4|&lt;b&gt;&amp;&quot;x&quot;*</td>");
  const outside = /(src|href|action)="(?!data:)|url\(|@import|<script|\son\w+=/i;
  assertEquals(outside.exec(html.replace(/xlink:href="#/g, "")), null);
  assertEquals([...html.matchAll(/<svg /g)].length, 4);
  // Ids of several charts in one page.
  const ids = [...html.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
  assertEquals(new Set(ids).size, ids.length);
});
