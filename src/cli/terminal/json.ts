/**
 * Output for machines: one line of JSON with keys in snake_case.
 *
 * @module
 */
import type { Output } from "./io.ts";

/** `value` with every key of every object inside turned from camelCase into snake_case. */
export function snakeCase(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(snakeCase);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      snakeCase(inner),
    ]),
  );
}

/** Writes `value` as one line. */
export function writeJson(output: Output, value: unknown): Promise<void> {
  return output.write(`${JSON.stringify(value)}\n`);
}
