/**
 * Blocks of commands and their outputs in Markdown: finding them, and putting other outputs into them.
 *
 * A block begins with three backticks and `console`; a line behind `$ ` is a command, which goes on in the next line behind a
 * backslash at its end, and what follows is what it writes. Words behind `console` say how the block is run: `task` leaves it to
 * `deno task docs:outputs`, as it takes long; `smollm2` needs that model; `fails` says that its commands do. A block of another language is a file where its last word has a dot: `ts ignore client.ts`. A comment
 * `<!-- situation: COMMAND -->` is run too, where readers find themselves without having done anything.
 *
 * @module
 */

/** A command, and what the document says that it writes. */
export interface Entry {
  /** The command as a shell reads it. */
  readonly command: string;
  /** Its output, lines without an end behind the last one; empty where there is none. */
  readonly output: string;
}

/** A block of commands. */
export interface CommandBlock {
  /** Words behind `console`. */
  readonly words: readonly string[];
  /** What is run, one after the other. */
  readonly entries: readonly Entry[];
  /** The line that it begins in, counted from 1. */
  readonly line: number;
}

/** A file that the reader writes. */
export interface FileBlock {
  /** Its name. */
  readonly name: string;
  /** Its text. */
  readonly text: string;
}

/** What is run without being shown. */
export interface Situation {
  /** The command as a shell reads it. */
  readonly command: string;
}

/** What a document has for a shell, in order. */
export type Block = CommandBlock | FileBlock | Situation;

/** What blocks may say of themselves. */
const WORDS: ReadonlySet<string> = new Set(["task", "smollm2", "fails"]);

const FENCED = /^```(.*)\n([^]*?)^```$/gm;

const SITUATION = /^<!-- situation: ([^]*?) -->$/gm;

/** The name of a file at the end of what stands behind the backticks. */
const FILE = / (\S+\.\S+)$/;

function entriesOf(text: string): Entry[] {
  const entries: { command: string; output: string[] }[] = [];
  let goesOn = false;
  for (const line of text.split("\n").slice(0, -1)) {
    if (goesOn) entries.at(-1)!.command += `\n${line}`;
    else if (line.startsWith("$ ")) entries.push({ command: line.slice(2), output: [] });
    else if (entries.length > 0) entries.at(-1)!.output.push(line);
    else throw new Error(`"${line}" is no command, expected a line that begins with "$ "`);
    goesOn = (goesOn || line.startsWith("$ ")) && line.endsWith("\\");
  }
  return entries.map(({ command, output }) => ({ command, output: output.join("\n") }));
}

/** What a fenced block is for a shell; undefined where it is nothing. */
function blockOf(info: string, text: string, line: number): Block | undefined {
  const [language, ...words] = info.split(" ");
  if (language === "console") {
    const other = words.find((word) => !WORDS.has(word));
    if (other !== undefined) throw new Error(`line ${line}: "${other}" says nothing of a block`);
    return { words, entries: entriesOf(text), line };
  }
  const name = FILE.exec(info)?.[1];
  return name === undefined ? undefined : { name, text };
}

/** The blocks of a Markdown text, and its situations, in order. */
export function blocksOf(markdown: string): Block[] {
  const lineAt = (index: number) => markdown.slice(0, index).split("\n").length;
  const fenced = [...markdown.matchAll(FENCED)].map(({ 1: info, 2: text, index }) => ({
    index,
    block: blockOf(info, text, lineAt(index)),
  }));
  const situations = [...markdown.matchAll(SITUATION)]
    .map(({ 1: command, index }) => ({ index, block: { command } }));
  return [...fenced, ...situations].sort((a, b) => a.index - b.index)
    .map(({ block }) => block).filter((block) => block !== undefined);
}

/** The text with other outputs: `outputs` has those of each block of commands that has others, by the line that it begins in. */
export function withOutputs(
  markdown: string,
  outputs: ReadonlyMap<number, readonly string[]>,
): string {
  return markdown.replaceAll(FENCED, (whole, info: string, text: string, index: number) => {
    const found = outputs.get(markdown.slice(0, index).split("\n").length);
    if (found === undefined) return whole;
    const lines = entriesOf(text).map(({ command }, i) =>
      `$ ${command}\n${found[i] === "" ? "" : `${found[i]}\n`}`
    );
    return `\`\`\`${info}\n${lines.join("")}\`\`\``;
  });
}
