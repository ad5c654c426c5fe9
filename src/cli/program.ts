/**
 * The program: finds the command, parses its options, runs it, and turns errors into exit codes.
 *
 * @module
 */
import { FileError } from "../base/errors.ts";
import { onWarning } from "../base/warnings.ts";
import type { AnyValues } from "./options/option.ts";
import type { Command } from "./options/command.ts";
import { failureOf, isBrokenPipe, type Running } from "./failure.ts";
import { commandHelp, PROGRAM, programHelp } from "./options/help.ts";
import type { Io } from "./terminal/io.ts";
import { writeJson } from "./terminal/json.ts";
import { suggestion } from "../base/nearest.ts";
import { parseOptions } from "./options/parse.ts";
import { UsageError } from "./options/usage_error.ts";
import { VERSION } from "./options/version.ts";

const HELP_FLAGS: readonly string[] = ["--help", "-h"];
const VERSION_FLAGS: readonly string[] = ["--version", "-V", "-v"];

/** Runs the program on `args` and returns its exit code. Never throws. */
export async function runProgram(
  args: readonly string[],
  commands: readonly Command[],
  io: Io,
): Promise<number> {
  onWarning((message) => io.stderr.writeSync(`warning: ${message}\n`));
  const running: { -readonly [K in keyof Running]: Running[K] } = {};
  try {
    const [first, ...rest] = args;
    if (first === undefined) {
      throw new UsageError(
        `Cannot run ${PROGRAM}: no command is given, expected ${names(commands)}`,
      );
    }
    if (VERSION_FLAGS.includes(first)) {
      await io.stdout.write(`${PROGRAM} ${VERSION}\n`);
      return 0;
    }
    const { columns } = io.stdout;
    if (first === "help" || HELP_FLAGS.includes(first)) {
      const topic = helpTopic(rest);
      await io.stdout.write(
        topic === undefined
          ? programHelp(commands, columns)
          : commandHelp(find(topic, commands), columns),
      );
      return 0;
    }
    const command = find(first, commands);
    running.command = command;
    const values: AnyValues | undefined = parseOptions(command, rest, !io.stdin.isTerminal);
    if (values === undefined) {
      await io.stdout.write(commandHelp(command, columns));
      return 0;
    }
    running.values = values;
    return await command.run(values, io);
  } catch (error) {
    return await fail(error, running, args.includes("--json") && !hasJsonFile(running), io);
  } finally {
    onWarning();
  }
}

/** Whether `--json` names a file of the command: standard output is then for people. */
function hasJsonFile({ command }: Running): boolean {
  return command?.options.some(({ name, type }) => name === "json" && type !== "boolean") ?? false;
}

async function fail(error: unknown, running: Running, json: boolean, io: Io): Promise<number> {
  // Whoever read the output has seen enough, as in `... | head`.
  if (isBrokenPipe(error)) return 0;
  const { exitCode, code, message, report } = failureOf(error, running);
  await io.stderr.write(report);
  try {
    if (json) await writeJson(io.stdout, { error: { code, message } });
  } catch (again) {
    // Where standard output is what failed, standard error and the exit code have said so.
    if (!isBrokenPipe(again) && !(again instanceof FileError)) throw again;
  }
  return exitCode;
}

/** The command that `help` is asked about; undefined for the program. */
function helpTopic(args: readonly string[]): string | undefined {
  const [topic, stray] = args.filter((arg) => !HELP_FLAGS.includes(arg));
  if (stray !== undefined) {
    throw new UsageError(`Cannot use "${stray}": help takes the name of one command`);
  }
  return topic === "help" ? undefined : topic;
}

function find(name: string, commands: readonly Command[]): Command {
  const found = commands.find((command) => command.name === name);
  if (found !== undefined) return found;
  if (name.startsWith("-")) {
    throw new UsageError(
      `Cannot use ${name}: the name of a command comes first, expected ${names(commands)}`,
    );
  }
  throw new UsageError(
    `Cannot run "${name}": there is no such command, expected ${names(commands)}` +
      suggestion(name, commands.map((command) => command.name)),
  );
}

function names(commands: readonly Command[]): string {
  return commands.map((command) => command.name).join(", ");
}
