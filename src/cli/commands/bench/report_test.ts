import { fileURLToPath } from "node:url";
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { SpecMQuantError } from "../../../base/errors.ts";
import { compareReports } from "./compare.ts";
import type { Figure } from "./figure.ts";
import { digits, reportMarkdown, sectionText } from "./render.ts";
import { readReport, type Report, reportJson } from "./report.ts";

const figure = (name: string, value: number, more: Partial<Figure> = {}): Figure => ({
  name,
  value,
  unit: "ms",
  better: "lower",
  ...more,
});

function report(figures: readonly Figure[], context = 512): Report {
  return {
    source: "test",
    date: "2026-01-01T00:00:00.000Z",
    commit: null,
    device: { backend: "cpu", name: "A", detail: null, memoryBytes: 5, driver: null },
    options: { context, runs: 3, rows: [1, 4] },
    sections: [{ table: "forward", subject: "m/f16", notes: ["a note"], figures }],
  };
}

function withFile<T>(text: string, body: (file: string) => T): T {
  const file = Deno.makeTempFileSync();
  try {
    Deno.writeTextFileSync(file, text);
    return body(file);
  } finally {
    Deno.removeSync(file);
  }
}

Deno.test("reports: what is written is read again, every key is there", () => {
  const full = figure("rows=1", 2, {
    p10: 1,
    p90: 3,
    runs: 3,
    bytes: 8,
    gbPerSecond: 4,
    share: 0.5,
    relative: 1,
  });
  const written = report([full, figure("rows=4", 3)]);
  const text = reportJson(written);
  const read = withFile(text, readReport);
  assertEquals(JSON.parse(reportJson(read)), JSON.parse(text));
  assertEquals(read.sections[0].figures[0], full);
  const [first, second] = JSON.parse(text).sections[0].figures;
  assertEquals(Object.keys(second), Object.keys(first));
  assertEquals(second.gb_per_second, null);
});

Deno.test("reports: what is no report is refused, by what is wrong with it", () => {
  const good = JSON.parse(reportJson(report([figure("rows=1", 2)])));
  const cases: [string, string][] = [
    ["{", "it is not JSON"],
    ["[]", "it is no object"],
    [
      JSON.stringify({ ...good, schema: "specmquant-bench/9" }),
      'its schema is "specmquant-bench/9"',
    ],
    [JSON.stringify({ ...good, sections: 1 }), "sections is no list"],
    [JSON.stringify({ ...good, device: null }), "device is no object"],
  ];
  good.sections[0].figures[0].better = "more";
  cases.push([JSON.stringify(good), '"better" of rows=1 is "more", expected lower or higher']);
  good.sections[0].figures[0].value = "2";
  cases.push([JSON.stringify(good), "the value of rows=1 is no number"]);
  for (const [text, message] of cases) {
    const error = withFile(text, (file) => assertThrows(() => readReport(file), SpecMQuantError));
    assertStringIncludes(error.message, message);
  }
  assertThrows(() => readReport("/nowhere/x.json"), SpecMQuantError, "there is no such file");
});

Deno.test("compare: above 1 is better, whatever the unit; only what both have", () => {
  const rate = { unit: "GB/s", better: "higher" } as const;
  const now = report([
    figure("rows=1", 2),
    figure("read", 300, rate),
    figure("new", 1),
    figure("idle", 0),
    figure("other unit", 1, { unit: "share" }),
  ]);
  const then = report([
    figure("read", 200, rate),
    figure("rows=1", 3),
    figure("gone", 1),
    figure("idle", 1),
    figure("other unit", 1),
  ], 64);
  const { rows, notes } = compareReports(now, then);
  assertEquals(rows.map(({ id, ratio }) => [id, ratio]), [
    ["forward/m/f16/rows=1", 1.5],
    ["forward/m/f16/read", 1.5],
  ]);
  assertEquals(notes, [
    "1 figures of the earlier run are not in this one",
    "the context differs: 512 now, 64 then",
  ]);
});

Deno.test("digits: four that count, none behind large numbers", () => {
  const cases: [number, string][] = [
    [0, "0"],
    [0.00123, "0.0012"],
    [0.12345, "0.1235"],
    [3.14159, "3.142"],
    [31.4159, "31.42"],
    [4390.4, "4390"],
    [-2.5, "-2.500"],
    [128256, "128256"],
  ];
  for (const [value, text] of cases) assertEquals(digits(value), text);
});

Deno.test("render: only columns that are filled; shares as percent; markdown has the same cells", () => {
  const figures = [figure("rows=1", 2, { share: 0.5 }), figure("rows=4", 3)];
  const { sections: [section] } = report(figures);
  const lines = sectionText(section, Infinity).split("\n");
  assertEquals(lines[0], "forward: m/f16");
  assertEquals(lines[1].trim().split(/\s+/), ["figure", "value", "unit", "share"]);
  assertEquals(lines[3].trim().split(/\s+/), ["rows=1", "2.000", "ms", "50.0%"]);
  assertEquals(lines[5], "a note");
  const text = reportMarkdown(report(figures));
  assertStringIncludes(text, "## forward: m/f16\n\n| figure | value | unit | share |\n");
  assertStringIncludes(text, "| rows=1 | 2.000 | ms | 50.0% |\n");
  assertStringIncludes(text, "- a note\n");
});

Deno.test("render: sections fit the terminal", () => {
  const more = {
    p10: 1.2345,
    p90: 2.3456,
    bytes: 1e9,
    gbPerSecond: 123.4,
    share: 0.5,
    relative: 1,
  };
  const names = ["rows=1", "eagle2-6-10-60 tree rounds and more", "a/path.of.names"];
  const { sections: [section] } = report(names.map((name) => figure(name, 2, more)));
  const whole = sectionText(section, Infinity);
  assert(whole.split("\n").some((line) => line.length > 80));
  const words = (text: string) => text.replaceAll(/[-\s]+/g, "").length;
  for (const columns of [40, 60, 80, 100]) {
    const text = sectionText(section, columns);
    for (const line of text.split("\n")) assert(line.length <= columns, `${columns}: ${line}`);
    assertEquals(words(text), words(whole));
  }
});

Deno.test("the anchors are a report, and hold the figures that must be beaten", () => {
  const file = fileURLToPath(
    new URL("../../../../bench/results/anchors-h200.json", import.meta.url),
  );
  const anchors = readReport(file);
  const ids = new Map(
    anchors.sections.flatMap(({ table, subject, figures }) =>
      figures.map(({ name, value }) => [`${table}/${subject}/${name}`, value])
    ),
  );
  assertEquals(ids.get("forward/llama-3-70b/w4a16-g128/rows=1"), 17.48);
  assertEquals(ids.get("forward/llama-3-8b/w4a16-g128/rows=60"), 6.4);
  assertEquals(ids.get("prefill/llama-3-70b/w4a16-g128/tokens=1024"), 417.8);
  assertEquals(ids.get("speculation/llama-3-70b/w4a16-g128/hier-6-3-10-30 round R=2"), 32);
  assert([...ids.values()].every((value) => value > 0));
});
