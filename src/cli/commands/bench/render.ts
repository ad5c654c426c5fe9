/**
 * Results for people: text, and markdown.
 *
 * @module
 */
import { type Align, table } from "../../terminal/table.ts";
import { paragraph } from "../../terminal/wrap.ts";
import type { Comparison } from "./compare.ts";
import type { Figure, Section } from "./figure.ts";
import type { Report } from "./report.ts";

/** A table before it is text: cells, the first column to the left. */
interface Cells {
  readonly title: string;
  readonly notes: readonly string[];
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Four significant digits, and no fraction of large numbers. */
export function digits(value: number): string {
  if (value === 0) return "0";
  const places = Math.max(0, 3 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(places, 4));
}

const percent = (share: number) => `${(share * 100).toFixed(1)}%`;

/** The columns that a section may have behind names and values, and when: where a figure fills them. */
const COLUMNS: readonly (readonly [header: string, cell: (figure: Figure) => string])[] = [
  ["p10", ({ p10 }) => p10 === undefined ? "" : digits(p10)],
  ["p90", ({ p90 }) => p90 === undefined ? "" : digits(p90)],
  ["GB", ({ bytes }) => bytes === undefined ? "" : digits(bytes / 1e9)],
  ["GB/s", ({ gbPerSecond }) => gbPerSecond === undefined ? "" : digits(gbPerSecond)],
  ["share", ({ share }) => share === undefined ? "" : percent(share)],
  ["x", ({ relative }) => relative === undefined ? "" : relative.toFixed(2)],
];

function sectionCells({ table, subject, notes, figures }: Section): Cells {
  const columns = COLUMNS.filter(([, cell]) => figures.some((figure) => cell(figure) !== ""));
  return {
    title: `${table}: ${subject}`,
    notes,
    header: ["figure", "value", "unit", ...columns.map(([header]) => header)],
    rows: figures.map((figure) => {
      const isShare = figure.unit === "share";
      return [
        figure.name,
        isShare ? percent(figure.value) : digits(figure.value),
        isShare ? "" : figure.unit,
        ...columns.map(([, cell]) => cell(figure)),
      ];
    }),
  };
}

function comparisonCells({ earlier, rows, notes }: Comparison): Cells {
  return {
    title: `compared with ${earlier}`,
    notes,
    header: ["figure", "now", "then", "unit", "times as good"],
    rows: rows.map(({ id, now, then, unit, ratio }) => [
      id,
      digits(now),
      digits(then),
      unit,
      ratio.toFixed(2),
    ]),
  };
}

function text({ title, notes, header, rows }: Cells, columns: number): string {
  const align: Align[] = header.map((name, i) => i === 0 || name === "unit" ? "left" : "right");
  const said = notes.map((note) => paragraph(note, columns)).join("");
  return `${paragraph(title, columns)}${table(rows, align, header, columns)}${said}\n`;
}

function markdown({ title, notes, header, rows }: Cells): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |\n`;
  const rule = header.map((name, i) => i === 0 || name === "unit" ? "---" : "---:");
  const said = notes.map((note) => `- ${note}\n`).join("");
  return `## ${title}\n\n${line(header)}${line(rule)}${rows.map(line).join("")}\n${
    said === "" ? "" : `${said}\n`
  }`;
}

/** What was run where: lines above all tables. */
function heading({ source, commit, date, device, options }: Report): string[] {
  const { name, driver, detail } = device;
  return [
    `${source}${commit === null ? "" : `, commit ${commit.slice(0, 12)}`}, ${date}`,
    `${name}${driver === null ? "" : `, driver ${driver}`}${detail === null ? "" : ` (${detail})`}`,
    `context ${options.context}, ${options.runs} samples a figure: median, p10, p90`,
  ];
}

/** The lines above all tables, as text of at most `columns` columns. */
export function headingText(report: Report, columns: number): string {
  return `${heading(report).map((line) => paragraph(line, columns)).join("")}\n`;
}

/** One section as text, in at most `columns` columns where it can be. */
export function sectionText(section: Section, columns: number): string {
  return text(sectionCells(section), columns);
}

/** A comparison as text, in at most `columns` columns where it can be. */
export function comparisonText(comparison: Comparison, columns: number): string {
  return text(comparisonCells(comparison), columns);
}

/** A whole report as markdown, with a comparison where there is one. */
export function reportMarkdown(report: Report, comparison?: Comparison): string {
  const sections = report.sections.map((section) => markdown(sectionCells(section)));
  const compared = comparison === undefined ? "" : markdown(comparisonCells(comparison));
  const lines = heading(report).map((line) => `- ${line}\n`).join("");
  return `# Benches\n\n${lines}\n${sections.join("")}${compared}`.trimEnd() + "\n";
}
