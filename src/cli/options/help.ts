/**
 * The help of the program and of each command: the one place that prints it.
 *
 * @module
 */
import type { CommandInfo } from "./command.ts";
import type { Alternatives, Option } from "./option.ts";
import { HELP_OPTION } from "./parse.ts";
import { pad, textWidth } from "../terminal/width.ts";
import { fill, wrap } from "../terminal/wrap.ts";

/** The program's name. */
export const PROGRAM = "specmquant";

/** Lines are no longer than this on wide terminals: long ones are hard to read. */
const MOST_COLUMNS = 100;

/** What is beside a name must have this many columns, else it goes below. */
const LEAST_BESIDE = 30;

/** What is below a name is this far to the right. */
const BELOW = 8;

/** Help on the program: what its commands are. Lines have at most `columns` columns. */
export function programHelp(commands: readonly CommandInfo[], columns: number): string {
  const width = Math.min(columns, MOST_COLUMNS);
  const lines = [
    ...hanging([`Usage: ${PROGRAM}`, "COMMAND", "[options]"], width),
    "",
    ...wrap("Quantized language models with hierarchical speculative decoding.", width),
    "",
    "Commands:",
    ...entries(
      [
        ...commands.map(({ name, summary }): Entry => [name, [summary]]),
        ["help", ["Print the help of a command"]],
      ],
      width,
    ),
    "",
    "Options:",
    ...entries([
      ["-h, --help", ["Print this, or the help of a command"]],
      ["-V, --version", ["Print the version"]],
    ], width),
    "",
    ...wrap("Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.", width),
    ...wrap(
      'With --json a failure prints {"error": {"code", "message"}} on standard output as well.',
      width,
    ),
    "",
    "Example:",
    `  ${PROGRAM} help ${commands[0].name}`,
  ];
  return lines.map((line) => `${line}\n`).join("");
}

/** Help on one command. Lines have at most `columns` columns, but for a word or an example's text that is longer. */
export function commandHelp(command: CommandInfo, columns: number): string {
  const width = Math.min(columns, MOST_COLUMNS);
  const { summary, notes = [], positional, options, example } = command;
  const shorts = options.some(({ short }) => short !== undefined);
  const listed: Entry[] = [...options, HELP_OPTION].map((option) => [
    (option.short ? `-${option.short}, ` : shorts ? "    " : "") + flagOf(option),
    [`${option.summary}${remarks(option)}`, ...(option.notes ?? [])],
  ]);
  if (positional) {
    const { value, summary, choices, notes = [] } = positional;
    const remark = choices ? ` (${choices.join(", ")})` : "";
    listed.unshift([value, [`${summary}${remark}`, ...notes]]);
  }
  const lines = [
    ...hanging(usage(command), width),
    "",
    ...wrap(summary, width),
    ...(notes.length > 0 ? ["", ...wrap(notes.join(" "), width)] : []),
    "",
    "Options:",
    ...entries(listed, width),
    "",
    "Example:",
    ...shellLines(`${PROGRAM} ${example}`, width),
  ];
  return lines.map((line) => `${line}\n`).join("");
}

/** How a command is called, in pieces that stay whole. */
function usage({ name, positional, options, alternatives = [] }: CommandInfo): string[] {
  const flags = (names: readonly string[]) =>
    options.filter((option) => names.includes(option.name)).map(flagOf);
  const needed = options.filter((option) => option.type !== "boolean" && option.required);
  const oneOf = ({ names, needed }: Alternatives) =>
    needed === undefined
      ? []
      : flags(names).map((flag, i, all) =>
        (i === 0 ? "(" : "| ") + flag + (i === all.length - 1 ? ")" : "")
      );
  return [
    `Usage: ${PROGRAM} ${name}`,
    ...(positional ? [positional.value] : []),
    ...needed.map(flagOf),
    ...alternatives.flatMap(oneOf),
    "[options]",
  ];
}

function flagOf(option: Option): string {
  return option.type === "boolean" ? `--${option.name}` : `--${option.name} ${option.value}`;
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

/** A name, and texts about it, each of which begins a line. */
type Entry = readonly [name: string, texts: readonly string[]];

/** Names with their texts beside them in a column, or below them where there is no room. */
function entries(all: readonly Entry[], width: number): string[] {
  const beside = Math.max(...all.map(([name]) => textWidth(name))) + 4;
  const isBeside = width - beside >= LEAST_BESIDE;
  const indent = isBeside ? beside : BELOW;
  return all.flatMap(([name, texts]) => {
    // Further texts are lists: what goes on in another line is set off.
    const lines = texts.flatMap((text, at) =>
      wrap(text, width - indent - (at === 0 ? 0 : 2))
        .map((line, i) => at > 0 && i > 0 ? `  ${line}` : line)
    );
    const first = isBeside ? [`  ${pad(name, indent - 2)}${lines.shift()}`] : [`  ${name}`];
    return [...first, ...lines.map((line) => " ".repeat(indent) + line)];
  });
}

/** Pieces in lines, the first at the edge and the others to the right of it. */
function hanging(pieces: readonly string[], width: number): string[] {
  const [first, ...rest] = fill(pieces.map((text) => ({ text, glue: " " })), width - 4);
  return [first, ...rest.map((line) => `    ${line}`)];
}

/** A command line as it can be pasted, its lines joined by backslashes. */
function shellLines(line: string, width: number): string[] {
  // A flag and its value stay together.
  const args = line.match(/-\S+ (?!-)(?:"[^"]*"|\S+)|"[^"]*"|\S+/g) ?? [];
  const lines = fill(args.map((text) => ({ text, glue: " " })), width - 6);
  return lines.map((text, i) =>
    (i === 0 ? "  " : "    ") + text + (i < lines.length - 1 ? " \\" : "")
  );
}
