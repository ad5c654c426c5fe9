/**
 * Options of commands, as data.
 *
 * @module
 */

/**
 * What an option needs of the others so that it does anything: what is wrong beside these values, in which
 * defaults are filled in, as it goes on after "Cannot use --x: it", e.g. `needs --chat`; undefined where nothing is.
 */
export type Need = (values: AnyValues) => string | undefined;

/** What all kinds of options have. */
export interface OptionBase {
  /** Its name without the dashes, e.g. `max-tokens`. */
  readonly name: string;
  /** A letter that stands for it after a single dash, e.g. `n`; the same in all commands. */
  readonly short?: string;
  /** What must hold where it is given; always does something where absent. */
  readonly needs?: readonly Need[];
  /** What it does, in a few words. */
  readonly summary: string;
  /** Longer notes for the help, a line each. */
  readonly notes?: readonly string[];
}

/** What options with a value have. */
export interface ValueOption extends OptionBase {
  /** What stands for the value in the help, e.g. `DIR`. */
  readonly value: string;
  /** Whether the command cannot do without it. */
  readonly required?: boolean;
}

/** A flag: true where given. */
export interface BooleanOption extends OptionBase {
  /** Its kind. */
  readonly type: "boolean";
}

/** A text. */
export interface StringOption extends ValueOption {
  /** Its kind. */
  readonly type: "string";
  /** The only values allowed. */
  readonly choices?: readonly string[];
  /** The value where it is not given. */
  readonly default?: string;
}

/** A number. */
export interface NumberOption extends ValueOption {
  /** Its kind; an `integer` has no fraction. */
  readonly type: "number" | "integer";
  /** The least value allowed. */
  readonly min?: number;
  /** The largest; what a native integer holds, 2^31 - 1, where an `integer` has none. */
  readonly max?: number;
  /** The value where it is not given. */
  readonly default?: number;
}

/** A text that may be given several times. */
export interface ListOption extends ValueOption {
  /** Its kind. */
  readonly type: "list";
}

/** Some of a few words, with commas between them. */
export interface WordsOption extends ValueOption {
  /** Its kind. */
  readonly type: "words";
  /** The words allowed. */
  readonly choices: readonly string[];
}

/** Whole numbers from 0 with commas between them. */
export interface IntegersOption extends ValueOption {
  /** Its kind. */
  readonly type: "integers";
}

/** Numbers for whole numbers from 0, as `ID=VALUE` with commas between them. */
export interface PairsOption extends ValueOption {
  /** Its kind. */
  readonly type: "pairs";
}

/** An option of a command. */
export type Option =
  | BooleanOption
  | StringOption
  | NumberOption
  | ListOption
  | WordsOption
  | IntegersOption
  | PairsOption;

/** An argument without dashes that a command needs, e.g. the directory to inspect. */
export interface Positional {
  /** Its key among the values. */
  readonly name: string;
  /** What stands for it in the help, e.g. `DIR`. */
  readonly value: string;
  /** What it is, in a few words. */
  readonly summary: string;
  /** The only values allowed. */
  readonly choices?: readonly string[];
  /** Longer notes for the help, a line each. */
  readonly notes?: readonly string[];
}

/** Options that stand for one another, and exclude one another unless `together` says otherwise. */
export interface Alternatives {
  /** Their names. */
  readonly names: readonly string[];
  /** Whether several may be given all the same. */
  readonly together?: boolean;
  /** Whether one of them must be given: never where absent, always, or unless standard input has what they give. */
  readonly needed?: "always" | "unless piped";
}

/** The type of an option's value. */
export type ValueOf<O extends Option> = O extends BooleanOption ? boolean
  : O extends ListOption ? readonly string[]
  : O extends WordsOption ? readonly O["choices"][number][] | undefined
  : O extends IntegersOption ? readonly number[] | undefined
  : O extends PairsOption ? Readonly<Record<number, number>> | undefined
  : O extends NumberOption ? OrAbsent<O, number>
  : OrAbsent<O, O extends { choices: readonly (infer C extends string)[] } ? C : string>;
/** `T`, or undefined where the option may be left out and has no default. */
export type OrAbsent<O, T> = O extends { default: unknown } | { required: true } ? T
  : T | undefined;

/** The values of options `O`, by name. */
export type Values<O extends readonly Option[]> = {
  readonly [K in O[number] as K["name"]]: ValueOf<K>;
};

/** Values of options that are known only at run time. */
export type AnyValues = Readonly<Record<string, unknown>>;
