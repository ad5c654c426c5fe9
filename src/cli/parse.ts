/**
 * Command-line arguments to the values of a command's options: the one place that checks them.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import type { AnyValues, Option, Positional } from "./option.ts";
import { suggestion } from "./nearest.ts";
import { UsageError } from "./usage_error.ts";

/** What can be parsed: a command, or what a test makes up. */
export interface Grammar {
  /** The command's name, for messages. */
  readonly name: string;
  /** Its options. */
  readonly options: readonly Option[];
  /** Its argument without dashes, where it needs one. */
  readonly positional?: Positional;
}

/** Digits, with a sign, a fraction and an exponent if need be: neither `0x10` nor `Infinity`. */
const NUMBER = /^[-+]?(\d+(\.\d*)?|\.\d+)(e[-+]?\d+)?$/i;

/** The largest whole number that goes to the native library. */
const MOST = 2 ** 31 - 1;

/**
 * The values of `args`, by name, defaults filled in; undefined where they ask for help. A UsageError that
 * names the flag for one that is unknown, given twice, without its value, or with one that does not fit.
 */
export function parseOptions(grammar: Grammar, args: readonly string[]): AnyValues | undefined {
  const { options } = grammar;
  const flags = options.filter((option) => option.type === "boolean").map(({ name }) => name);
  const valued = options.filter((option) => option.type !== "boolean").map(({ name }) => name);
  const texts: readonly string[] = [...valued, "_"];
  const unknown: string[] = [];
  const parsed = parseArgs([...args], {
    boolean: ["help", ...flags],
    string: texts,
    collect: [...flags, ...valued],
    alias: { help: "h" },
    unknown: (arg: string, key?: string) => {
      if (key === undefined) return true;
      unknown.push(arg);
      return false;
    },
  }) as Record<string, unknown> & { _: string[] };
  if (parsed.help === true) return undefined;

  const values: Record<string, unknown> = {};
  for (const option of options) {
    const given = parsed[option.name] as (string | boolean)[];
    if (given.length > 1 && option.type !== "list") {
      throw new UsageError(
        `Cannot use --${option.name} ${given.length} times: expected it at most once`,
      );
    }
    values[option.name] = option.type === "boolean"
      ? flagOf(option.name, args, given as boolean[])
      : valueOf(option, given as string[]);
  }
  refuseUnknown(grammar, unknown);
  takePositional(grammar, parsed._, values);
  for (const option of options) {
    if (option.type === "boolean" || !option.required) continue;
    if (values[option.name] === undefined) {
      throw new UsageError(
        `Cannot ${grammar.name}: --${option.name} is missing, expected --${option.name} ${option.value}`,
      );
    }
  }
  return values;
}

/** parseArgs takes any value of a boolean for true, so `--json=no` has to be looked up. */
function flagOf(name: string, args: readonly string[], given: readonly boolean[]): boolean {
  const assigned = args.find((arg) => arg.startsWith(`--${name}=`));
  if (assigned !== undefined) {
    throw new UsageError(`Cannot use ${assigned}: --${name} takes no value`);
  }
  return given[0] ?? false;
}

function valueOf(option: Exclude<Option, { type: "boolean" }>, given: readonly string[]): unknown {
  const { name, value } = option;
  if (given.includes("")) {
    throw new UsageError(
      `Cannot use --${name}: its value is missing, expected --${name} ${value} ` +
        `(or --${name}=${value} where the value begins with a dash)`,
    );
  }
  if (option.type === "list") return given;
  const text = given[0];
  if (option.type === "integers") return text === undefined ? undefined : integers(name, text);
  if (text === undefined) return option.default;
  if (option.type !== "string") return numberOf(option, text);
  if (option.choices !== undefined && !option.choices.includes(text)) {
    throw new UsageError(
      `Cannot use --${name} ${text}: expected ${list(option.choices)}` +
        suggestion(text, option.choices),
    );
  }
  return text;
}

function numberOf(
  option: Extract<Option, { type: "number" | "integer" }>,
  text: string,
): number {
  const number = NUMBER.test(text) ? Number(text) : NaN;
  const { name, type, min = -Infinity, max = Infinity } = option;
  const whole = type === "integer";
  const [least, most] = whole ? [Math.max(min, -MOST), Math.min(max, MOST)] : [min, max];
  const fits = whole ? Number.isInteger(number) : Number.isFinite(number);
  if (fits && number >= least && number <= most) return number;
  // The limits of native integers are news only to whoever goes beyond them.
  const from = option.min !== undefined || number < least ? ` from ${least}` : "";
  const to = option.max !== undefined || number > most ? ` to ${most}` : "";
  const kind = whole ? "a whole number" : "a number";
  throw new UsageError(`Cannot use --${name} ${text}: expected ${kind}${from}${to}`);
}

function integers(name: string, text: string): number[] {
  return text.split(",").map((part) => {
    const number = /^\s*\d+\s*$/.test(part) ? Number(part) : NaN;
    if (number <= MOST) return number;
    if (number > MOST) {
      throw new UsageError(
        `Cannot use --${name} ${text}: ${part} is in it, expected at most ${MOST}`,
      );
    }
    throw new UsageError(
      `Cannot use --${name} ${text}: "${part}" is in it, expected whole numbers with commas between`,
    );
  });
}

function refuseUnknown(grammar: Grammar, unknown: readonly string[]): void {
  if (unknown.length === 0) return;
  const [flag] = unknown[0].split("=");
  const names = [...grammar.options.map(({ name }) => name), "help"];
  throw new UsageError(
    `Cannot use ${flag}: ${grammar.name} has no such option` +
      suggestion(flag.replace(/^-+/, ""), names, "--"),
  );
}

function takePositional(
  { name, positional }: Grammar,
  given: readonly string[],
  values: Record<string, unknown>,
): void {
  const stray = given[positional === undefined ? 0 : 1];
  if (stray !== undefined) {
    const expected = positional === undefined ? "options only" : `one ${positional.value}`;
    throw new UsageError(`Cannot use "${stray}": ${name} takes ${expected}`);
  }
  if (positional === undefined) return;
  if (given[0] === undefined || given[0] === "") {
    throw new UsageError(`Cannot ${name}: ${positional.value} is missing, ${positional.summary}`);
  }
  values[positional.name] = given[0];
}

/** `a, b or c`. */
function list(words: readonly string[]): string {
  return words.length < 2
    ? words.join("")
    : `${words.slice(0, -1).join(", ")} or ${words[words.length - 1]}`;
}
