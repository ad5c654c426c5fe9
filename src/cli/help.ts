/**
 * The help of the program and of each command: the one place that prints it.
 *
 * @module
 */
import type { CommandInfo } from "./command.ts";
import type { Option } from "./option.ts";
import { table } from "./table.ts";

/** The program's name. */
export const PROGRAM = "specmquant";

/** Signs of a line. */
const WIDTH = 100;

/** Help on the program: what its commands are. */
export function programHelp(commands: readonly CommandInfo[]): string {
  const rows = commands.map(({ name, summary }) => [`  ${name}`, summary]);
  return `Usage: ${PROGRAM} COMMAND [options]

Quantized language models with hierarchical speculative decoding.

Commands:
${table([...rows, ["  help", "Print the help of a command"]], ["left", "left"])}
Options:
  --help     Print this, or the help of a command
  --version  Print the version

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.
With --json a failure prints {"error": {"code", "message"}} on standard output as well.

Example:
  ${PROGRAM} help ${commands[0].name}
`;
}

/** Help on one command. */
export function commandHelp(command: CommandInfo): string {
  const { name, summary, notes = [], positional, options, example } = command;
  const needed = options.flatMap((option) =>
    option.type !== "boolean" && option.required ? [`--${option.name} ${option.value}`] : []
  );
  const usage = [PROGRAM, name, ...(positional ? [positional.value] : []), ...needed, "[options]"];
  const entries: [string, string[]][] = options.map((option) => [
    option.type === "boolean" ? `--${option.name}` : `--${option.name} ${option.value}`,
    [`${option.summary}${remarks(option)}`, ...(option.notes ?? [])],
  ]);
  entries.push(["--help", ["Print this"]]);
  if (positional) entries.unshift([positional.value, [positional.summary]]);
  const indent = Math.max(...entries.map(([flag]) => flag.length)) + 4;
  const lines = entries.flatMap(([flag, texts]) =>
    texts.flatMap((text) => wrap(text, WIDTH - indent))
      .map((text, i) => `  ${(i === 0 ? flag : "").padEnd(indent - 2)}${text}`)
  );
  const paragraphs = [`Usage: ${usage.join(" ")}`, "", summary, ...notes];
  return [...paragraphs, "", "Options:", ...lines, "", "Example:", `  ${PROGRAM} ${example}`, ""]
    .join("\n");
}

function remarks(option: Option): string {
  if (option.type === "boolean") return "";
  const parts: string[] = [];
  if (option.type === "string" && option.choices) parts.push(option.choices.join(", "));
  if (option.type === "list") parts.push("may be repeated");
  if (option.required) parts.push("required");
  if ("default" in option) parts.push(`default ${option.default}`);
  return parts.length === 0 ? "" : ` (${parts.join("; ")})`;
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
