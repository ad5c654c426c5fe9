/**
 * Every format of reports.
 *
 * @module
 */
import type { Summary } from "../summary/summary.ts";
import { htmlReport } from "./html.ts";
import { jsonReport } from "./json.ts";
import { markdownReport } from "./markdown.ts";

/** A format. */
export interface ReportFormat {
  /** Name of the file. */
  readonly file: string;
  /** What is in it. */
  write(summary: Summary): string | Promise<string>;
}

/** All formats; a new one is one file and one line here. */
export const REPORTS: readonly ReportFormat[] = [
  { file: "summary.json", write: jsonReport },
  { file: "report.md", write: markdownReport },
  { file: "report.html", write: htmlReport },
];
