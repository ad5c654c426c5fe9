/**
 * A command as it would be typed.
 *
 * @module
 */
import type { CommandInfo } from "./command.ts";
import { PROGRAM } from "./help.ts";
import type { AnyValues, Option } from "./option.ts";

/** What a shell takes as it stands. */
const PLAIN = /^[\w./:=,@%+-]+$/;

/** The command line that gives `values` to `command`, for a POSIX shell; what is as without it is left out. */
export function commandLine(
  { name, positional, options }: CommandInfo,
  values: AnyValues,
): string {
  const argument = positional === undefined ? [] : [values[positional.name]];
  const words = [...argument, ...options.flatMap((option) => wordsOf(option, values[option.name]))];
  return [PROGRAM, name, ...words.map((word) => quoted(`${word}`))].join(" ");
}

function wordsOf(option: Option, value: unknown): unknown[] {
  const flag = `--${option.name}`;
  switch (option.type) {
    case "boolean":
      return value === true ? [flag] : [];
    case "list":
      return (value as readonly unknown[]).flatMap((one) => valued(flag, one));
    case "integers":
    case "words":
      return value === undefined ? [] : valued(flag, (value as readonly unknown[]).join(","));
    case "pairs":
      return value === undefined
        ? []
        : valued(flag, Object.entries(value as object).map((pair) => pair.join("=")).join(","));
    default:
      return value === undefined || value === option.default ? [] : valued(flag, value);
  }
}

/** What begins with a dash would be taken for another flag. */
function valued(flag: string, value: unknown): unknown[] {
  return `${value}`.startsWith("-") ? [`${flag}=${value}`] : [flag, value];
}

function quoted(word: string): string {
  return PLAIN.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
