/**
 * Options as they come at run time, where no compiler has looked at them: each is what it is said to be, and
 * there are no others.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { ArgumentError } from "./errors.ts";
import { suggestion } from "./nearest.ts";

/** What an option may be. */
export interface Kind {
  /** In words, behind "expected". */
  readonly expected: string;
  /** Whether it has to be given. */
  readonly required?: boolean;
  /** Whether `value`, which is not undefined, is one. */
  fits(value: unknown): boolean;
}

/** A kind for each option of `T`. */
export type Kinds<T> = { readonly [K in keyof T]-?: Kind };

/** The same kind, of an option that has to be given. */
export function required(kind: Kind): Kind {
  return { ...kind, required: true };
}

/** A whole number from `min` to `max`. */
export function integer(min = -Infinity, max: number = Number.MAX_SAFE_INTEGER): Kind {
  const range = (min > -Infinity ? ` from ${min}` : "") +
    (max < Number.MAX_SAFE_INTEGER ? ` to ${max}` : "");
  return {
    expected: `a whole number${range}`,
    fits: (value) =>
      Number.isSafeInteger(value) && value as number >= min && value as number <= max,
  };
}

/** A finite number from `min` to `max`. */
export function number(min: number, max = Infinity): Kind {
  return {
    expected: `a number from ${min}${max < Infinity ? ` to ${max}` : ""}`,
    fits: (value) => Number.isFinite(value) && value as number >= min && value as number <= max,
  };
}

/** One of some words. */
export function oneOf(words: readonly string[]): Kind {
  return {
    expected: words.length < 2
      ? words.join("")
      : `${words.slice(0, -1).join(", ")} or ${words[words.length - 1]}`,
    fits: (value) => words.includes(value as string),
  };
}

/** An object of which `fits` says that it will do. */
export function object(expected: string, fits: (value: Record<string, unknown>) => boolean): Kind {
  return {
    expected,
    fits: (value) => isObject(value) && fits(value),
  };
}

/** Text. */
export const TEXT: Kind = {
  expected: "text",
  fits: (value) => typeof value === "string",
};

/** True or false. */
export const BOOLEAN: Kind = {
  expected: "true or false",
  fits: (value) => typeof value === "boolean",
};

/** A function. */
export const FUNCTION: Kind = {
  expected: "a function",
  fits: (value) => typeof value === "function",
};

/** An `AbortSignal`. */
export const SIGNAL: Kind = {
  expected: "an AbortSignal",
  fits: (value) => value instanceof AbortSignal,
};

/** A file or directory; see {@linkcode pathOf}. */
export const PATH: Kind = {
  expected: "a path or a file: URL",
  fits: (value) =>
    value instanceof URL ? urlPath(value) !== undefined : typeof value === "string" && value !== "",
};

/** Throws the `ArgumentError` of `argument` where `value` is none of `kind`; `doing` cannot be done. */
export function checkArgument(doing: string, argument: string, value: unknown, kind: Kind): void {
  if (value === undefined ? !kind.required : kind.fits(value)) return;
  throw new ArgumentError(
    argument,
    `Cannot ${doing}: ${argument} is ${show(value)}, expected ${kind.expected}`,
  );
}

/**
 * Throws the `ArgumentError` of the first option that is not of its kind, or that there is not: then with the
 * name that it may have been meant to be. An option that is undefined counts as absent.
 */
export function checkOptions<T extends object>(doing: string, options: T, kinds: Kinds<T>): void {
  if (!isObject(options)) {
    throw new ArgumentError(
      "options",
      `Cannot ${doing}: options is ${show(options)}, expected an object`,
    );
  }
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(kinds, name)) continue;
    throw new ArgumentError(
      name,
      `Cannot ${doing}: there is no option ${name}${suggestion(name, Object.keys(kinds))}`,
    );
  }
  for (const [name, kind] of Object.entries<Kind>(kinds)) {
    checkArgument(doing, name, (options as Record<string, unknown>)[name], kind);
  }
}

/** The path of a file or directory given as `argument`. Throws an `ArgumentError` for what is none. */
export function pathOf(doing: string, argument: string, value: string | URL): string {
  checkArgument(doing, argument, value, required(PATH));
  return typeof value === "string" ? value : urlPath(value)!;
}

function urlPath(url: URL): string | undefined {
  try {
    return fileURLToPath(url).replace(/(?<=.)\/+$/, "");
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A value as messages show it, cut to a short length. */
export function show(value: unknown): string {
  switch (typeof value) {
    case "function":
      return "a function";
    case "bigint":
      return `${value}n`;
    case "string":
      return cut(JSON.stringify(value));
    case "object": {
      if (value === null) return "null";
      if (value instanceof URL) return cut(`the URL ${value}`);
      const name = value.constructor?.name ?? "Object";
      return name === "Object" || name === "Array" ? cut(json(value) ?? name) : `of type ${name}`;
    }
    default:
      return String(value);
  }
}

function json(value: object): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    // It holds itself, or a bigint.
    return undefined;
  }
}

function cut(text: string): string {
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
