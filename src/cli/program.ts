/**
 * The program: finds the command, parses its options, runs it, and turns errors into exit codes.
 *
 * @module
 */
import { FileError } from "../base/errors.ts";
import type { AnyValues } from "./option.ts";
import type { Command } from "./command.ts";
import { failureOf, isBrokenPipe, type Running } from "./failure.ts";
import { commandHelp, PROGRAM, programHelp } from "./help.ts";
import type { Io } from "./io.ts";
import { writeJson } from "./json.ts";
import { suggestion } from "./nearest.ts";
import { parseOptions } from "./parse.ts";
import { UsageError } from "./usage_error.ts";
import { VERSION } from "./version.ts";

/** Runs the program on `args` and returns its exit code. Never throws. */
export async function runProgram(
  args: readonly string[],
  commands: readonly Command[],
  io: Io,
): Promise<number> {
  const running: { -readonly [K in keyof Running]: Running[K] } = {};
  try {
    const [first, ...rest] = args;
    if (first === undefined) {
      throw new UsageError(
        `Cannot run ${PROGRAM}: no command is given, expected ${names(commands)}`,
      );
    }
    if (first === "--version" || first === "-V") {
      await io.stdout.write(`${PROGRAM} ${VERSION}\n`);
      return 0;
    }
    if (first === "--help" || first === "-h" || first === "help") {
      const [topic] = first === "help" ? rest.filter((arg) => !arg.startsWith("-")) : [];
      const help = topic === undefined ? programHelp(commands) : commandHelp(find(topic, commands));
      await io.stdout.write(help);
      return 0;
    }
    const command = find(first, commands);
    running.command = command;
    const values: AnyValues | undefined = parseOptions(command, rest);
    if (values === undefined) {
      await io.stdout.write(commandHelp(command));
      return 0;
    }
    running.values = values;
    return await command.run(values, io);
  } catch (error) {
    return await fail(error, running, args.includes("--json") && !hasJsonFile(running), io);
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

function find(name: string, commands: readonly Command[]): Command {
  const found = commands.find((command) => command.name === name);
  if (found !== undefined) return found;
  throw new UsageError(
    `Cannot run "${name}": there is no such command, expected ${names(commands)}` +
      suggestion(name, commands.map((command) => command.name)),
  );
}

function names(commands: readonly Command[]): string {
  return commands.map((command) => command.name).join(", ");
}
