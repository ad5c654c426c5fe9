/**
 * What may stand where on the command line, as shells need to know it.
 *
 * @module
 */
import type { CommandInfo } from "../../options/command.ts";
import type { Option } from "../../options/option.ts";
import { HELP_OPTION } from "../../options/parse.ts";

/** What a value can be. */
export type Expected =
  /** One of these words. */
  | { readonly kind: "words"; readonly words: readonly string[] }
  /** Some of these words, with commas between them. */
  | { readonly kind: "list"; readonly words: readonly string[] }
  /** A path; that of a model is a directory or a file that ends with .gguf. */
  | { readonly kind: "directory" | "file" | "model" }
  /** Anything else. */
  | { readonly kind: "text" };

/** A flag. */
export interface Flag {
  /** With its dashes, e.g. `--max-tokens`. */
  readonly long: string;
  /** With its dash, e.g. `-n`. */
  readonly short?: string;
  /** What it does. */
  readonly summary: string;
  /** What stands for its value in the help, and what it can be; absent where it takes none. */
  readonly value?: { readonly name: string; readonly expected: Expected };
  /** Whether it may be given several times. */
  readonly repeats: boolean;
}

/** What may follow the name of a command. */
export interface CommandGrammar {
  /** The name. */
  readonly name: string;
  /** What it does. */
  readonly summary: string;
  /** Its flags. */
  readonly flags: readonly Flag[];
  /** What its argument without dashes can be, where it takes one. */
  readonly positional?: { readonly name: string; readonly expected: Expected };
}

/** A shell, and how it is told all this. */
export interface Shell {
  /** Its name. */
  readonly name: string;
  /** Where it reads completions of the program by itself, with `PROGRAM` for the program's name. */
  readonly place: string;
  /** The script for `program`. */
  script(program: string, commands: readonly CommandGrammar[]): string;
}

const PATHS: Readonly<Record<string, Expected>> = {
  DIR: { kind: "directory" },
  FILE: { kind: "file" },
  MODEL: { kind: "model" },
};

function expectedOf(value: string, choices: readonly string[] | undefined): Expected {
  return choices === undefined
    ? PATHS[value] ?? { kind: "text" }
    : { kind: "words", words: choices };
}

function flagOf(option: Option): Flag {
  const { name, short, summary } = option;
  const base = {
    long: `--${name}`,
    ...(short !== undefined && { short: `-${short}` }),
    summary,
    repeats: option.type === "list",
  };
  if (option.type === "boolean") return base;
  const expected: Expected = option.type === "words"
    ? { kind: "list", words: option.choices }
    : expectedOf(option.value, option.type === "string" ? option.choices : undefined);
  return { ...base, value: { name: option.value, expected } };
}

/** The grammar of all commands, and of the `help` that every program has. */
export function grammarOf(commands: readonly CommandInfo[]): CommandGrammar[] {
  const grammars = commands.map(({ name, summary, options, positional }): CommandGrammar => ({
    name,
    summary,
    flags: [...options, HELP_OPTION].map(flagOf),
    ...(positional && {
      positional: {
        name: positional.value,
        expected: expectedOf(positional.value, positional.choices),
      },
    }),
  }));
  const words = commands.map(({ name }) => name);
  return [...grammars, {
    name: "help",
    summary: "Print the help of a command",
    flags: [],
    positional: { name: "COMMAND", expected: { kind: "words", words } },
  }];
}

/** The flags that stand in place of a command. */
export const PROGRAM_FLAGS: readonly Flag[] = [
  {
    long: "--help",
    short: "-h",
    summary: "Print the help of the program or of a command",
    repeats: false,
  },
  { long: "--version", short: "-V", summary: "Print the version", repeats: false },
];

/** A flag's names, the letter first. */
export function namesOf({ long, short }: Flag): string[] {
  return short === undefined ? [long] : [short, long];
}
