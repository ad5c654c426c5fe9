/**
 * Output for machines: one line of JSON.
 *
 * @module
 */
import type { Output } from "./io.ts";

/** Writes `value` as one line. */
export function writeJson(output: Output, value: unknown): Promise<void> {
  return output.write(`${JSON.stringify(value)}\n`);
}
