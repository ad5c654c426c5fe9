/**
 * Keys of JSON: snake_case in files and output, camelCase in code.
 *
 * @module
 */

function renamed(value: unknown, rename: (key: string) => string): unknown {
  if (Array.isArray(value)) return value.map((one) => renamed(one, rename));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [rename(key), renamed(inner, rename)]),
  );
}

/** `value` with every key of every object inside turned from camelCase into snake_case. */
export function snakeCase(value: unknown): unknown {
  return renamed(value, (key) => key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
}

/** `value` with every key of every object inside turned from snake_case into camelCase. */
export function camelCase(value: unknown): unknown {
  return renamed(value, (key) => key.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase()));
}
