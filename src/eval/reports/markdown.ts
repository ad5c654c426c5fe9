/**
 * The report in Markdown.
 *
 * @module
 */
import type { Summary } from "../summary/summary.ts";
import { factsOf } from "./facts.ts";
import { type Column, type ReportTable, tablesOf } from "./tables.ts";

const escaped = (text: string) => text.replace(/[\\|<>*_`[\]]/g, "\\$&");

function row(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |\n`;
}

function rule({ align }: Column): string {
  return align === "right" ? "---:" : "---";
}

function section({ title, note, columns, rows }: ReportTable): string {
  return `\n## ${escaped(title)}\n\n${escaped(note)}\n\n` +
    row(columns.map(({ name }) => escaped(name))) +
    row(columns.map(rule)) +
    rows.map((cells) => row(cells.map(escaped))).join("");
}

/** The report of `summary`. */
export function markdownReport(summary: Summary): string {
  const facts = factsOf(summary).map(([name, value]) => `- ${name}: ${escaped(value)}\n`);
  return `# Evaluation: ${escaped(summary.bench)}\n\n${facts.join("")}` +
    tablesOf(summary).map(section).join("");
}
