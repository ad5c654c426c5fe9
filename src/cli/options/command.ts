/**
 * What a command is.
 *
 * @module
 */
import type { Io } from "../terminal/io.ts";
import type { Alternatives, AnyValues, Option, Positional, Values } from "./option.ts";

/** What a command says about itself. */
export interface CommandInfo {
  /** Its name on the command line. */
  readonly name: string;
  /** What it does, in one line. */
  readonly summary: string;
  /** More about it: sentences, which become one paragraph. */
  readonly notes?: readonly string[];
  /** Its argument without dashes, where it needs one. */
  readonly positional?: Positional;
  /** Its options, without `--help`, which all have. */
  readonly options: readonly Option[];
  /** Those of its options that exclude one another. */
  readonly alternatives?: readonly Alternatives[];
  /** How it may be called, without the program's name. */
  readonly example: string;
}

/** A command as the registry holds it. */
export interface Command extends CommandInfo {
  /** Runs it on checked values and returns its exit code. */
  run(values: AnyValues, io: Io): Promise<number>;
}

/** A command with the types of its values. */
export interface TypedCommand<O extends readonly Option[], P extends string = never>
  extends CommandInfo {
  /** See {@link CommandInfo}. */
  readonly options: O;
  /** See {@link CommandInfo}. */
  readonly positional?: Positional & { readonly name: P };
  /** See {@link Command}. */
  run(values: Values<O> & Readonly<Record<P, string>>, io: Io): Promise<number>;
}

/** Makes a command whose `run` knows the types that the parser gives to its options. */
export function command<const O extends readonly Option[], const P extends string = never>(
  typed: TypedCommand<O, P>,
): Command {
  return {
    ...typed,
    run: (values, io) => typed.run(values as Values<O> & Readonly<Record<P, string>>, io),
  };
}
