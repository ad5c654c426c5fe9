/**
 * What the program does with errors: what it says and its exit code.
 *
 * @module
 */
import { ArgumentError, SpecMQuantError } from "../base/errors.ts";
import { systemReason } from "../base/system_error.ts";
import type { CommandInfo } from "./options/command.ts";
import { PROGRAM } from "./options/help.ts";
import { INTERRUPTED } from "./terminal/interrupt.ts";
import type { AnyValues } from "./options/option.ts";
import { UsageError } from "./options/usage_error.ts";

/** How the program ends after an error. */
export interface Failure {
  /** The exit code. */
  readonly exitCode: number;
  /** A stable word for machines. */
  readonly code: string;
  /** What went wrong, without a stack. */
  readonly message: string;
  /** What standard error says. */
  readonly report: string;
}

/** What was running when an error came: the command and its values, as far as they are known. */
export interface Running {
  /** The command. */
  readonly command?: CommandInfo;
  /** The values of its options. */
  readonly values?: AnyValues;
}

/** Whether `error` only says that nobody reads the output any more. */
export function isBrokenPipe(error: unknown): boolean {
  return error instanceof Deno.errors.BrokenPipe;
}

/**
 * Usage errors exit with 2, and so do arguments of the library that came from an option, whose flag is then
 * named. Errors of this project and of the operating system exit with 1; anything else is a mistake in this
 * program and shows its stack.
 */
export function failureOf(error: unknown, running: Running = {}): Failure {
  const { command } = running;
  if (error instanceof UsageError) {
    const help = command === undefined ? "--help" : `${command.name} --help`;
    const hint = `Run "${PROGRAM} ${help}" for what it takes.`;
    return failure(2, error.code, error.message, hint);
  }
  if (error instanceof ArgumentError) {
    const isPositional = error.argument === command?.positional?.name;
    const name = optionOf(error, running);
    if (name === undefined) return failure(isPositional ? 2 : 1, error.code, error.message);
    const flag = flagOf(name, running);
    const message = flag === undefined ? error.message : `--${flag}: ${error.message}`;
    return failure(2, error.code, message);
  }
  if (error instanceof SpecMQuantError) {
    // Its message begins with its role, which is the name of the option that gave the directory, unless --trio did.
    const isFlag = (command?.options.some(({ name }) => name === error.role) ?? false) &&
      running.values?.trio === undefined;
    return failure(1, error.code, isFlag ? `--${error.message}` : error.message);
  }
  if (error instanceof DOMException && error.name === "AbortError") {
    return { ...failure(INTERRUPTED, "interrupted", error.message), report: `${error.message}\n` };
  }
  const message = error instanceof Error ? error.message : String(error);
  if (systemReason(error) !== undefined) return failure(1, "system", message);
  const stack = error instanceof Error ? error.stack ?? message : message;
  return { ...failure(1, "internal", message), report: `internal error: ${stack}\n` };
}

function failure(exitCode: number, code: string, message: string, hint?: string): Failure {
  const report = `error: ${message}\n${hint === undefined ? "" : `${hint}\n`}`;
  return { exitCode, code, message, report };
}

/** The option that an argument of the library came from: `minDraft` is `--min-draft`. */
function optionOf({ argument }: ArgumentError, { command }: Running): string | undefined {
  const name = argument.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return command?.options.some((option) => option.name === name) ? name : undefined;
}

/** The flag to name: a text may have come from a file, or from neither. */
function flagOf(name: string, { command, values = {} }: Running): string | undefined {
  const twin = `${name}-file`;
  if (values[name] !== undefined || !command?.options.some((one) => one.name === twin)) return name;
  return values[twin] === undefined ? undefined : twin;
}
