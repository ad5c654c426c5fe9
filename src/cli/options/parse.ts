/**
 * Command-line arguments to the values of a command's options: the one place that checks them.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { suggestion } from "../../base/nearest.ts";
import { checkNeeds, isGiven } from "./needs.ts";
import type { Alternatives, AnyValues, BooleanOption, Option, Positional } from "./option.ts";
import { valueOf } from "./option_value.ts";
import { expandShort } from "./short_flags.ts";
import { UsageError } from "./usage_error.ts";
import { wordList } from "./word_list.ts";

/** What can be parsed: a command, or what a test makes up. */
export interface Grammar {
  /** The command's name, for messages. */
  readonly name: string;
  /** Its options. */
  readonly options: readonly Option[];
  /** Those of its options that exclude one another. */
  readonly alternatives?: readonly Alternatives[];
  /** Its argument without dashes, where it needs one. */
  readonly positional?: Positional;
}

/** What all commands have. */
export const HELP_OPTION: BooleanOption & { readonly name: "help" } = {
  name: "help",
  short: "h",
  type: "boolean",
  summary: "Print this",
};

/**
 * The values of `args`, by name, defaults filled in; undefined where they ask for help. `piped` says whether
 * standard input may give what is not on the command line. A UsageError that names the flag for one that is
 * unknown, given twice, without its value, with one that does not fit, or that would do nothing beside the others.
 */
export function parseOptions(
  grammar: Grammar,
  args: readonly string[],
  piped = false,
): AnyValues | undefined {
  const { options } = grammar;
  const all = [...options, HELP_OPTION];
  const flags = all.filter((option) => option.type === "boolean").map(({ name }) => name);
  const valued = options.filter((option) => option.type !== "boolean").map(({ name }) => name);
  const texts: readonly string[] = [...valued, "_"];
  const unknown: string[] = [];
  const long = expandShort(args, all);
  const parsed = parseArgs(long, {
    boolean: flags,
    string: texts,
    collect: [...flags, ...valued],
    unknown: (arg: string, key?: string) => {
      if (key === undefined) return true;
      unknown.push(arg);
      return false;
    },
  }) as Record<string, unknown> & { help: boolean[]; _: string[] };
  if (parsed.help.length > 0) return undefined;

  const values: Record<string, unknown> = {};
  const found = new Set<string>();
  for (const option of options) {
    const given = parsed[option.name] as (string | boolean)[];
    if (given.length > 1 && option.type !== "list") {
      throw new UsageError(
        `Cannot use --${option.name} ${given.length} times: expected it at most once`,
      );
    }
    if (given.length > 0) found.add(option.name);
    values[option.name] = option.type === "boolean"
      ? flagOf(option.name, long, given as boolean[])
      : valueOf(option, given as string[]);
  }
  refuseUnknown(grammar, unknown);
  takePositional(grammar, parsed._, values);
  refuseMissing(grammar, values, piped);
  checkNeeds(options, found, values);
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

function refuseUnknown(grammar: Grammar, unknown: readonly string[]): void {
  if (unknown.length === 0) return;
  const [flag] = unknown[0].split("=");
  const names = [...grammar.options, HELP_OPTION].map(({ name }) => name);
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
  const [text] = given;
  values[positional.name] = text === "" ? undefined : text;
  const { choices } = positional;
  if (text === undefined || choices === undefined || choices.includes(text)) return;
  throw new UsageError(
    `Cannot use "${text}": expected ${wordList(choices)}${suggestion(text, choices)}`,
  );
}

/** Says all that is missing at once, and which options cannot stand beside one another. */
function refuseMissing(grammar: Grammar, values: AnyValues, piped: boolean): void {
  const { name, options, alternatives = [], positional } = grammar;
  const missing: string[] = [];
  if (positional !== undefined && values[positional.name] === undefined) {
    missing.push(`${positional.value} (${positional.summary})`);
  }
  for (const option of options) {
    if (option.type === "boolean" || !option.required) continue;
    if (values[option.name] === undefined) missing.push(`--${option.name} ${option.value}`);
  }
  for (const { names, needed, together = false } of alternatives) {
    const given = names.filter((one) => isGiven(values[one]));
    if (given.length > 1 && !together) {
      const flags = given.map((one) => `--${one}`);
      throw new UsageError(
        `Cannot use ${wordList(flags, "and")} together: expected one of them`,
      );
    }
    if (given.length > 0 || !needed || (needed === "unless piped" && piped)) continue;
    const flags = options.filter((option) => names.includes(option.name)).map((option) =>
      option.type === "boolean" ? `--${option.name}` : `--${option.name} ${option.value}`
    );
    missing.push(wordList(needed === "always" ? flags : [...flags, "a text on standard input"]));
  }
  if (missing.length === 0) return;
  const verb = missing.length > 1 ? "are" : "is";
  throw new UsageError(`Cannot ${name}: ${missing.join("; ")} ${verb} missing`);
}
