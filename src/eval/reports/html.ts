/**
 * The report as one HTML file that stands alone: charts are SVG inside it, and nothing is fetched.
 *
 * @module
 */
import type { Summary } from "../summary/summary.ts";
import { chartsOf } from "./charts.ts";
import { factsOf } from "./facts.ts";
import { type ReportTable, tablesOf } from "./tables.ts";

const SIGNS: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
};

const escaped = (text: string) => text.replace(/[&<>"]/g, (sign) => SIGNS[sign]);

const STYLE = `
:root { color-scheme: light }
body { font: 15px/1.45 system-ui, sans-serif; color: #222; background: #fff; margin: 2rem auto;
  max-width: 68rem; padding: 0 1rem }
h1 { font-size: 1.6rem } h2 { font-size: 1.2rem; margin-top: 2.2rem }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 1rem } dd { margin: 0 }
dt, .note { color: #555 } .scroll { overflow-x: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .2rem .7rem; text-align: left; white-space: nowrap }
th { border-bottom: 2px solid #888 } td { border-bottom: 1px solid #ddd }
.right { text-align: right } svg { max-width: 100%; height: auto }
`;

function tableSection({ title, note, columns, rows }: ReportTable): string {
  const cell = (tag: string, at: number, text: string) =>
    `<${tag}${columns[at].align === "right" ? ' class="right"' : ""}>${escaped(text)}</${tag}>`;
  const line = (tag: string, cells: readonly string[]) =>
    `<tr>${cells.map((text, at) => cell(tag, at, text)).join("")}</tr>\n`;
  return `<section><h2>${escaped(title)}</h2>\n<p class="note">${escaped(note)}</p>\n` +
    `<div class="scroll"><table>\n<thead>${line("th", columns.map(({ name }) => name))}</thead>\n` +
    `<tbody>\n${rows.map((cells) => line("td", cells)).join("")}</tbody></table></div></section>\n`;
}

/** The report of `summary`. */
export async function htmlReport(summary: Summary): Promise<string> {
  const title = `Evaluation: ${escaped(summary.bench)}`;
  const facts = factsOf(summary)
    .map(([name, value]) => `<dt>${escaped(name)}</dt><dd>${escaped(value)}</dd>\n`);
  const charts: string[] = [];
  for (const chart of chartsOf(summary)) {
    const figure = `<figure class="scroll">${await chart.draw()}</figure>`;
    charts.push(`<section><h2>${escaped(chart.title)}</h2>\n${figure}</section>\n`);
  }
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style></head>
<body><h1>${title}</h1>
<dl>
${facts.join("")}</dl>
${charts.join("")}${tablesOf(summary).map(tableSection).join("")}</body></html>
`;
}
