/**
 * The demo: answers a maths word problem with the bundled trio, then compares the methods on it. With `--smollm2` it answers a
 * question with SmolLM2-135M-Instruct and what drafts for it.
 *
 *     deno task demo
 *     deno task demo -- "A baker has 12 trays of 8 rolls. ..."
 *     deno task demo -- --smollm2 "Why is the sky blue?"
 *
 * @module
 */
import { type GenerationResult, Session, SpecMQuantError, type TokenIds } from "../mod.ts";
import { legend, paint, proposerColor } from "../src/cli/terminal/color.ts";
import { INTERRUPTED, interruptible } from "../src/cli/terminal/interrupt.ts";
import { processIo } from "../src/cli/terminal/io.ts";
import { table } from "../src/cli/terminal/table.ts";
import { type Composition, compositionOf, planOf } from "../src/engine/composition.ts";
import { smollm2Trio } from "./models/smollm2_trio.ts";
import { Trio } from "./models/trio.ts";
import { FetchError, WrongContentError } from "./models/wheel.ts";
import { Reporter } from "./native/reporter.ts";

const MAX_TOKENS = 160;
const CONTEXT = 1024;

const color = Deno.stdout.isTerminal() && !Deno.noColor;
const encoder = new TextEncoder();
const print = (text: string) => Deno.stdout.writeSync(encoder.encode(text));
const show = (by: string, text: string) => color ? paint(proposerColor(by), text) : text;

/** A trio, and what it is asked. */
interface Demo {
  /** Loads it. */
  load(): Promise<Trio>;
  /** What is asked where nothing is given. */
  readonly question: string;
  /** The prompt of a question, and how it is printed. */
  prompt(
    trio: Trio,
    question: string,
  ): { readonly prompt: string | TokenIds; readonly shown: string };
  /** How the answer that is shown is drafted. */
  readonly first: Composition;
  /** What to say of the answer. */
  readonly remark: string;
}

const MATHS: Demo = {
  load: () => Promise.resolve(new Trio()),
  question: "A baker bakes 12 trays of rolls every morning. Each tray holds 8 rolls. " +
    "She sells 70 rolls before noon and half of the rest after noon. How many rolls are left?",
  prompt(_, question) {
    const prompt = `Question: ${question}\nAnswer:`;
    return { prompt, shown: prompt };
  },
  first: compositionOf("hier"),
  remark: "The models are tiny (12.6M and 2.75M parameters): fluent in the form, poor at the sums.",
};

const SMOLLM2: Demo = {
  async load() {
    using reporter = new Reporter(processIo().stderr);
    return await smollm2Trio(reporter);
  },
  question: "Why is the sky blue? Answer in three sentences.",
  prompt: (trio, question) => ({
    prompt: trio.encodeChat([{ role: "user", content: question }]),
    shown: `${question}\n\n`,
  }),
  first: compositionOf("hier", "eagle3"),
  remark: "The target has 135M parameters: fluent, and often wrong.",
};

/** The heads of a trio, for people. */
function headsOf({ heads, draftHeads }: Trio): string {
  const names = (found: object) => Object.keys(found).join(" and ") || "none";
  return `heads of the target ${names(heads)}, of the draft model ${names(draftHeads)}`;
}

async function run(demo: Demo, question: string, signal: AbortSignal): Promise<void> {
  const started = performance.now();
  using trio = await demo.load();
  const loaded = performance.now() - started;
  const { target, draft } = trio;
  print(
    `Target ${target.summary.scheme}, draft model ${draft.summary.scheme}, ${headsOf(trio)}, ` +
      `loaded in ${loaded.toFixed(0)} ms on ${trio.device.name} (${trio.device.why}).\n\n`,
  );
  const { prompt, shown } = demo.prompt(trio, question);
  print(shown);

  using stream = new Session(target, trio.tokenizer, {
    context: CONTEXT,
    drafter: planOf(demo.first, trio),
    method: demo.first.method,
  });
  const first = stream.generate(prompt, { maxTokens: MAX_TOKENS, signal });
  const names = new Map<string, number>();
  for await (const { text, by } of first) {
    names.set(by, (names.get(by) ?? 0) + 1);
    print(show(by, text));
  }
  const shares = [...names].map(([by, count]) => `${show(by, by)} ${count}`).join(", ");
  print(`\n\nTokens by who proposed them: ${shares}.\n`);
  if (color) print(`Colours: ${legend(["head", "draft", "target"])}.\n`);
  print(`${demo.remark}\n\n`);

  const results = new Map<string, GenerationResult>();
  for (const one of trio.compositions) {
    using session = new Session(target, trio.tokenizer, {
      context: CONTEXT,
      drafter: planOf(one, trio),
      method: one.method,
    });
    results.set(
      one.name,
      await session.generate(prompt, { maxTokens: MAX_TOKENS, signal }).finish(),
    );
  }
  const plain = results.get("ar")!;
  const same = (result: GenerationResult): boolean =>
    result.tokens.length === plain.tokens.length &&
    result.tokens.every((token, i) => token === plain.tokens[i]);
  const rows = [...results].map(([method, result]) => [
    method,
    `${result.tokens.length}`,
    result.stats.tau.toFixed(2),
    `${result.stats.targetForwards}`,
    result.stats.timings.tokensPerSecond.toFixed(0),
    same(result) ? "yes" : "NO",
  ]);
  print(table(
    rows,
    ["left", "right", "right", "right", "right", "right"],
    ["method", "tokens", "tau", "target forwards", "tokens/s", "identical to plain decoding"],
  ));
  const identical = [...results.values()].every(same) && same(first.result);
  print(`\nidentical to plain decoding: ${identical ? "yes" : "NO"}\n`);
  if (trio.device.backend === "cpu") {
    print(
      "On a CPU a row costs about what the next row costs, so fewer target forwards do not save time;\n" +
        "on a GPU, where a forward costs what its weights cost, they do.\n",
    );
  }
  if (!identical) throw new SpecMQuantError("lossless", "Speculation changed the output");
}

/** Runs the demo with arguments of the command line, which may begin with `--`. */
export async function demo(args: readonly string[]): Promise<void> {
  const given = args[0] === "--" ? args.slice(1) : args;
  const [what, words] = given[0] === "--smollm2" ? [SMOLLM2, given.slice(1)] : [MATHS, given];
  try {
    await interruptible((signal) => run(what, words.join(" ").trim() || what.question, signal));
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") {
      print("\n");
      Deno.exit(INTERRUPTED);
    }
    // Whoever reads the output has seen enough.
    if (error instanceof Deno.errors.BrokenPipe) Deno.exit(0);
    const said = [SpecMQuantError, FetchError, WrongContentError];
    if (!said.some((kind) => error instanceof kind)) throw error;
    console.error(`error: ${(error as Error).message}`);
    Deno.exit(1);
  }
}

if (import.meta.main) await demo(Deno.args);
