/**
 * The demo: answers a maths word problem with the bundled trio, then compares the four methods on it.
 *
 *     deno task demo
 *     deno task demo -- "A baker has 12 trays of 8 rolls. ..."
 *
 * @module
 */
import { type GenerationResult, Session, SpecMQuantError } from "../mod.ts";
import { legend, paint, proposerColor } from "../src/cli/terminal/color.ts";
import { INTERRUPTED, interruptible } from "../src/cli/terminal/interrupt.ts";
import { table } from "../src/cli/terminal/table.ts";
import { Trio } from "./trio.ts";

const PROBLEM = "A baker bakes 12 trays of rolls every morning. Each tray holds 8 rolls. " +
  "She sells 70 rolls before noon and half of the rest after noon. How many rolls are left?";
const MAX_TOKENS = 160;
const CONTEXT = 1024;

const color = Deno.stdout.isTerminal() && !Deno.noColor;
const encoder = new TextEncoder();
const print = (text: string) => Deno.stdout.writeSync(encoder.encode(text));
const show = (by: string, text: string) => color ? paint(proposerColor(by), text) : text;

async function run(problem: string, signal: AbortSignal): Promise<void> {
  const started = performance.now();
  using trio = new Trio();
  const loaded = performance.now() - started;
  const { target, draft } = trio;
  print(
    `Target ${target.summary.scheme}, draft model ${draft.summary.scheme}, two EAGLE-2 heads, ` +
      `loaded in ${loaded.toFixed(0)} ms on ${trio.device.name} (${trio.device.why}).\n\n`,
  );
  const prompt = `Question: ${problem}\nAnswer:`;
  print(`${prompt}`);

  const stream = new Session(target, trio.tokenizer, {
    context: CONTEXT,
    drafter: trio.plan("hier"),
    method: "hier",
  });
  using _ = stream;
  const first = stream.generate(prompt, { maxTokens: MAX_TOKENS, signal });
  const names = new Map<string, number>();
  for await (const { text, by } of first) {
    names.set(by, (names.get(by) ?? 0) + 1);
    print(show(by, text));
  }
  const shares = [...names].map(([by, count]) => `${show(by, by)} ${count}`).join(", ");
  print(`\n\nTokens by who proposed them: ${shares}.\n`);
  if (color) print(`Colours: ${legend(["head", "draft", "target"])}.\n`);
  print(
    "The models are tiny (12.6M and 2.75M parameters): fluent in the form, poor at the sums.\n\n",
  );

  const results = new Map<string, GenerationResult>();
  for (const method of trio.methods) {
    using session = new Session(target, trio.tokenizer, {
      context: CONTEXT,
      drafter: trio.plan(method),
      method,
    });
    results.set(
      method,
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

if (import.meta.main) {
  const words = Deno.args[0] === "--" ? Deno.args.slice(1) : Deno.args;
  try {
    await interruptible((signal) => run(words.join(" ").trim() || PROBLEM, signal));
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") {
      print("\n");
      Deno.exit(INTERRUPTED);
    }
    // Whoever reads the output has seen enough.
    if (error instanceof Deno.errors.BrokenPipe) Deno.exit(0);
    if (!(error instanceof SpecMQuantError)) throw error;
    console.error(`error: ${error.message}`);
    Deno.exit(1);
  }
}
