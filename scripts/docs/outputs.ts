/**
 * Runs the commands in the documents, and writes what they say into them:
 *
 *     deno run -A scripts/docs/outputs.ts [--check] [FILE...]
 *
 * FILE is a Markdown file by its path in the repository; all that have commands where none is given. With `--check` nothing is
 * written, and where something would be, it is printed, and the exit code is 1.
 *
 * @module
 */
import { processIo } from "../../src/cli/terminal/io.ts";
import { Reporter } from "../native/reporter.ts";
import { root } from "../native/run.ts";
import { smollm2 } from "../smollm2.ts";
import { markdownFiles } from "./contents.ts";
import { ShellSession } from "./session.ts";
import { shown, steady } from "./steady.ts";
import { blocksOf, type CommandBlock, withOutputs } from "./transcript.ts";

/** Which blocks are run. */
export interface RunOptions {
  /** Also those that take long. */
  readonly tasks: boolean;
  /** The path of SmolLM2; blocks that need it are left out where absent. */
  readonly smollm2?: string;
}

/** What running a document came to. */
export interface Ran {
  /** What each block of commands wrote that was run, by the line that it begins in. */
  readonly outputs: ReadonlyMap<number, readonly string[]>;
  /** Where that is something else than the document says, and commands that ended otherwise: for people, one each. */
  readonly differences: readonly string[];
}

/** Whether a document has commands with outputs. */
export function hasCommands(markdown: string): boolean {
  return blocksOf(markdown).some((block) => "entries" in block);
}

/** Why the outputs of this machine are not those of the documents, which are of the CPU library; or undefined. */
export function otherMachine(): string | undefined {
  try {
    Deno.statSync(`${root}build/libspecmquant.so`);
    return "the outputs are those of the CPU library, and there is the CUDA library";
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return undefined;
  }
}

/** Runs the commands of the document `file`, whose text is `markdown`, in one shell. */
export async function runDocument(
  file: string,
  markdown: string,
  options: RunOptions,
): Promise<Ran> {
  const isRun = ({ words }: CommandBlock) =>
    (options.tasks || !words.includes("task")) &&
    (options.smollm2 !== undefined || !words.includes("smollm2"));
  const outputs = new Map<number, readonly string[]>();
  const differences: string[] = [];
  await using shell = await ShellSession.start(options.smollm2);
  for (const block of blocksOf(markdown)) {
    if ("text" in block) shell.write(block.name, block.text);
    else if ("command" in block) {
      const { code, sent } = await shell.run(block.command);
      if (code !== 0) differences.push(`${file}: ${block.command}\nended with ${code}: ${sent}\n`);
    } else if (isRun(block)) {
      const found: string[] = [];
      for (const { command, output } of block.entries) {
        const { code, sent } = await shell.run(command);
        const text = steady(shown(sent));
        found.push(text);
        const what = `${file}, line ${block.line}: ${command}`;
        if (text !== output) {
          differences.push(`${what}\nwrote\n${text}\nexpected\n${output}\n`);
        }
        if ((code !== 0) !== block.words.includes("fails")) {
          differences.push(`${what}\nended with ${code}, and wrote\n${text}\n`);
        }
      }
      outputs.set(block.line, found);
    }
  }
  return { outputs, differences };
}

if (import.meta.main) {
  const isCheck = Deno.args.includes("--check");
  const named = Deno.args.filter((arg) => arg !== "--check");
  const other = otherMachine();
  if (other !== undefined) {
    console.error(`Cannot run the documents: ${other}, expected none in build`);
    Deno.exit(1);
  }
  using reporter = new Reporter(processIo().stderr);
  const model = await smollm2(reporter);
  let wrong = 0;
  for (const file of named.length > 0 ? named : markdownFiles(root)) {
    const markdown = Deno.readTextFileSync(root + file);
    if (!hasCommands(markdown)) continue;
    const start = performance.now();
    const { outputs, differences } = await runDocument(file, markdown, {
      tasks: true,
      smollm2: model,
    });
    if (isCheck) { for (const difference of differences) console.error(difference); }
    else {
      // A command that ends otherwise is no output.
      const ends = differences.filter((difference) => /\nended with /.test(difference));
      for (const end of ends) console.error(end);
      Deno.writeTextFileSync(root + file, withOutputs(markdown, outputs));
      wrong += ends.length;
    }
    if (isCheck) wrong += differences.length;
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    console.log(`${file}: ${outputs.size} blocks, ${differences.length} changes, ${seconds} s`);
  }
  if (wrong > 0) Deno.exit(1);
}
