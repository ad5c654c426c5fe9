/**
 * The summary as JSON.
 *
 * @module
 */
import { snakeCase } from "../../base/key_case.ts";
import type { Summary } from "../summary/summary.ts";

/** All figures of `summary`. */
export function jsonReport(summary: Summary): string {
  return `${JSON.stringify(snakeCase(summary), null, 2)}\n`;
}
