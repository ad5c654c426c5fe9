/**
 * `parseArgs` with the name, signature and behaviour of `@std/cli/parse-args`, so that the commands
 * run where the JSR registry cannot be reached. `deno.json` links this package in its place.
 * Dotted names (`--a.b`) are plain names here.
 *
 * @module
 */

type Names = string | readonly string[];
type NameOf<T> = T extends readonly (infer N extends string)[] ? N : T extends string ? T : never;

/** The options of {@linkcode parseArgs}. */
export interface ParseOptions {
  /** Puts what follows `--` under the key `"--"` and not into `_`. */
  "--"?: boolean;
  /** Other names of a flag. */
  alias?: Readonly<Record<string, Names>>;
  /** Flags without a value, `false` unless given; `true` for every `--flag` without `=`. */
  boolean?: boolean | Names;
  /** Values of flags that are not given. */
  default?: Readonly<Record<string, unknown>>;
  /** Puts the first argument that is no flag, and all after it, into `_`. */
  stopEarly?: boolean;
  /** Flags whose value stays a string; `""` where the value is missing. */
  string?: Names;
  /** Flags that may be repeated; their values are lists, `[]` unless given. */
  collect?: Names;
  /** Flags that `--no-flag` sets to `false`. */
  negatable?: Names;
  /** Called with each argument that is not declared above; `false` drops the argument. */
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}

type NamesIn<O, K extends string> = K extends keyof O ? NameOf<O[K]> : never;
type Value<O, N, T> = N extends NamesIn<O, "collect"> ? T[]
  : N extends NamesIn<O, "negatable"> ? T | false
  : T;
type Defaults<O> = O extends { default: infer D } ? D : Record<never, never>;
type Widen<T> = T extends string ? string
  : T extends number ? number
  : T extends boolean ? boolean
  : T;
type WithDefault<O, N, T> = N extends keyof Defaults<O> ? T | Widen<Defaults<O>[N]> : T;
type Always<O> =
  | NamesIn<O, "boolean">
  | NamesIn<O, "collect">
  | (keyof Defaults<O> & string);
type Declared<O> = Always<O> | NamesIn<O, "string">;
type Typed<O, N extends string> = N extends NamesIn<O, "boolean"> ? Value<O, N, boolean>
  : N extends NamesIn<O, "string"> ? Value<O, N, string>
  : Value<O, N, unknown>;
type Main<O> =
  & { [N in Always<O>]: WithDefault<O, N, Typed<O, N>> }
  & { [N in Exclude<Declared<O>, Always<O>>]?: Typed<O, N> };
type AliasOf<O> = O extends { alias: infer A } ? A : Record<never, never>;
type Aliased<O> = {
  [K in keyof AliasOf<O> as NameOf<AliasOf<O>[K]>]: K extends keyof Main<O> ? Main<O>[K] : unknown;
};
// Names known only at run time leave nothing to say about types.
type Known<O> = O extends { boolean: Names } | { string: Names } | { collect: Names }
  ? string extends Declared<O> ? Record<string, unknown>
  : Main<O> & Aliased<O> & Record<string, unknown>
  // deno-lint-ignore no-explicit-any
  : Record<string, any>;

/** What {@linkcode parseArgs} returns: a value for each flag, and what is no flag in `_`. */
export type Args<O extends ParseOptions = ParseOptions> =
  & Known<O>
  & {
    /** The arguments that are no flags. */
    _: Array<string | number>;
  }
  & (O extends { "--": true } ? { "--": string[] } : { "--"?: string[] });

const NUMBER = /^(?:0x[0-9a-f]+|[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?)$/i;

function list(names: Names | boolean | undefined): readonly string[] {
  if (names === undefined || typeof names === "boolean") return [];
  return typeof names === "string" ? [names] : names;
}

function numeric(text: string): string | number {
  return NUMBER.test(text) ? Number(text) : text;
}

/**
 * Takes command-line arguments apart.
 *
 * Numbers are made of values that look like numbers, unless the flag is in `options.string`.
 */
export function parseArgs<const O extends ParseOptions = Record<never, never>>(
  args: string[],
  options?: O & ParseOptions,
): Args<O> {
  const given: ParseOptions = options ?? {};
  // Each name of a flag leads to all names of that flag.
  const names = new Map<string, string[]>();
  for (const [name, others] of Object.entries(given.alias ?? {})) {
    const all = [name, ...list(others)];
    for (const one of all) names.set(one, all);
  }
  const namesOf = (name: string) => names.get(name) ?? [name];
  const declare = (of: Names | boolean | undefined) => new Set(list(of).flatMap(namesOf));
  const booleans = declare(given.boolean);
  const strings = declare(given.string);
  const lists = declare(given.collect);
  const negatables = declare(given.negatable);

  const rest: Array<string | number> = [];
  const result: Record<string, unknown> = { _: rest };

  const set = (arg: string, name: string, value: unknown, mayCollect = true) => {
    const declared = booleans.has(name) || strings.has(name) || names.has(name) ||
      (given.boolean === true && /^--[^=]+$/.test(arg));
    if (!declared && given.unknown?.(arg, name, value) === false) return;
    const typed = typeof value === "string" && !strings.has(name) ? numeric(value) : value;
    for (const one of namesOf(name)) {
      if (!mayCollect || !lists.has(one)) result[one] = typed;
      else if (Array.isArray(result[one])) result[one].push(typed);
      else result[one] = one in result ? [result[one], typed] : [typed];
    }
  };

  const end = args.indexOf("--");
  const before = end === -1 ? args : args.slice(0, end);
  const after = end === -1 ? [] : args.slice(end + 1);

  let at = 0;
  // Sets a flag that has no value attached: it takes the next argument if that can be one.
  const setWithNext = (arg: string, name: string, isValue: (next: string) => boolean) => {
    const next = before[at];
    const isBoolean = booleans.has(name) || (given.boolean === true && arg.startsWith("--"));
    if (next && !isBoolean && isValue(next)) {
      at++;
      set(arg, name, next);
    } else if (next === "true" || next === "false") {
      at++;
      set(arg, name, next === "true");
    } else {
      set(arg, name, strings.has(name) ? "" : true);
    }
  };

  while (at < before.length) {
    const arg = before[at++];
    if (/^--./.test(arg)) {
      const equals = arg.indexOf("=", 3);
      const name = arg.slice(2, equals === -1 ? undefined : equals);
      const value = equals === -1 ? "" : arg.slice(equals + 1);
      if (value !== "") {
        // "--no-x=1" sets x, as in the registry's package.
        const plain = name.replace(/^no-/, "");
        set(arg, plain, booleans.has(plain) ? value !== "false" : value);
      } else if (name.startsWith("no-") && negatables.has(name.slice(3))) {
        set(arg, name.slice(3), false, false);
      } else {
        setWithNext(arg, name, (next) => !next.startsWith("-"));
      }
    } else if (/^-[^-]/.test(arg)) {
      setLetters(arg);
    } else {
      if (given.unknown?.(arg) !== false) rest.push(strings.has("_") ? arg : numeric(arg));
      if (given.stopEarly) {
        rest.push(...before.slice(at));
        break;
      }
    }
  }

  // A cluster of one-letter flags, `-abc`; a value may follow without a space, `-n5` or `-n=5`.
  function setLetters(arg: string): void {
    const letters = arg.slice(1);
    for (let i = 0; i < letters.length; i++) {
      const letter = letters[i];
      const tail = letters.slice(i + 1);
      if (tail === "") {
        if (letter !== "-") setWithNext(arg, letter, (next) => !/^--?[^-]/.test(next));
      } else if (tail === "-") {
        set(arg, letter, "-");
      } else if (/[A-Za-z]/.test(letter) && tail.startsWith("=")) {
        return set(arg, letter, tail.slice(1));
      } else if (
        /\W/.test(tail[0]) || (/[A-Za-z]/.test(letter) && /^-?\d+(\.\d*)?(e-?\d+)?$/.test(tail))
      ) {
        return set(arg, letter, tail);
      } else {
        set(arg, letter, strings.has(letter) ? "" : true);
      }
    }
  }

  for (const [name, value] of Object.entries(given.default ?? {})) {
    if (!(name in result)) { for (const one of namesOf(name)) result[one] = value; }
  }
  for (const name of booleans) {
    if (!(name in result)) result[name] = lists.has(name) ? [] : false;
  }
  for (const name of lists) {
    if (!(name in result)) result[name] = [];
  }
  if (given["--"]) result["--"] = after;
  else rest.push(...after);
  return result as Args<O>;
}
