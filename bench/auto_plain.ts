/**
 * `auto` beside plain decoding, by turns: whether it is ever slower.
 *
 *     deno run -A bench/auto_plain.ts [--smollm2] [--repeats 7] [--tokens 96] [--threads N] [--json FILE]
 *
 * loads the demo trio, or SmolLM2 with its drafters, twice: with `auto` and with `ar`. Each prompt is continued by both, so
 * often as said, some tokens by one and some by the other, who is first by turns, so that what holds up the machine for a while
 * holds up both; what was measured at load, and the reading of prompts, is left out of the times, and printed apart. Prints the
 * medians' ratio for each prompt, and of all; and the median of the ratios of pairs.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { Engine, type EngineOptions, type Generation, type Piece } from "../mod.ts";
import { SMOLLM2_DIR } from "../scripts/models/smollm2_trio.ts";
import { DEMO_DIR } from "../scripts/models/trio.ts";
import { Reporter } from "../scripts/native/reporter.ts";
import { smollm2 } from "../scripts/smollm2.ts";
import { processIo } from "../src/cli/terminal/io.ts";
import { table } from "../src/cli/terminal/table.ts";
import { problems } from "../tests/problems.ts";

const args = parseArgs(Deno.args, {
  boolean: ["smollm2"],
  string: ["repeats", "tokens", "threads", "json"],
  default: { repeats: "7", tokens: "96" },
});
const [repeats, maxTokens] = [Number(args.repeats), Number(args.tokens)];
const threads = args.threads === undefined ? undefined : Number(args.threads);

/** The models, and prompts: of SmolLM2 of several kinds. */
async function subject(): Promise<{ models: EngineOptions; prompts: string[] }> {
  if (!args.smollm2) {
    const models = {
      target: `${DEMO_DIR}/target`,
      draft: `${DEMO_DIR}/draft`,
      head: `${DEMO_DIR}/draft-eagle2`,
      targetHead: `${DEMO_DIR}/target-eagle2`,
    };
    return { models, prompts: problems(3, 5).map((text) => `Question: ${text}\nAnswer:`) };
  }
  using reporter = new Reporter(processIo().stderr);
  const models = {
    target: await smollm2(reporter),
    draft: `${SMOLLM2_DIR}/draft.gguf`,
    head: `${SMOLLM2_DIR}/draft-eagle3`,
    targetHead: `${SMOLLM2_DIR}/target-eagle3`,
  };
  const asked = [
    "Why is the sky blue?",
    "Write a short story about a lighthouse keeper.",
    "Explain how a bill becomes a law in the United States.",
    "Give me a recipe for vegetable soup, with all steps.",
    "What are the advantages and disadvantages of electric cars?",
    "Say again, word for word: the quick brown fox jumps over the lazy dog and runs into the forest.",
  ];
  const prompts = asked.map((text) =>
    `<|im_start|>user\n${text}<|im_end|>\n<|im_start|>assistant\n`
  );
  return { models, prompts };
}

const { models, prompts } = await subject();
const loading = performance.now();
using plain = await Engine.load({ target: models.target, method: "ar", threads });
const between = performance.now();
using auto = await Engine.load({ ...models, method: "auto", threads });
const loaded = performance.now();

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

/** Tokens that one makes before it is the other's turn. */
const TURN = 16;

/** One continuation under way. */
class Continuation {
  /** Milliseconds of its rounds. */
  ms = 0;
  prefillMs = 0;
  count = 0;
  isOver = false;
  readonly #generation: Generation;
  readonly #pieces: AsyncIterator<Piece>;
  #read = 0;

  constructor(engine: Engine, prompt: string) {
    engine.forget();
    // It is told when the prompt has been read, which is before the first round.
    const progress = (done: number, total: number) => {
      if (done === total) this.#read = performance.now();
    };
    this.#generation = engine.generate(prompt, { maxTokens, progress });
    this.#pieces = this.#generation[Symbol.asyncIterator]();
  }

  /** Makes some tokens, whole rounds of them, up to `end`. */
  async run(end: number): Promise<void> {
    const started = performance.now();
    const isFirst = this.#read === 0;
    let whole = true;
    while (!this.isOver && (this.count < end || !whole)) {
      const { value, done } = await this.#pieces.next();
      if (done) this.isOver = true;
      else [this.count, whole] = [this.count + 1, value.endsRound];
    }
    const now = performance.now();
    if (isFirst) this.prefillMs = this.#read - started;
    this.ms += now - (isFirst ? this.#read : started);
  }

  /** What it came to. */
  get made() {
    const { tokens, stats } = this.#generation.result;
    const choices = (stats.choices ?? []).map(({ at, setting, why }) =>
      `${at}: ${setting} (${why})`
    );
    return { ms: this.ms / tokens.length, prefillMs: this.prefillMs, tokens, choices };
  }
}

const all: { auto: number[]; plain: number[] } = { auto: [], plain: [] };
const rows: string[][] = [];
const report: unknown[] = [];
for (const prompt of prompts) {
  const ms: typeof all = { auto: [], plain: [] };
  const prefill: typeof all = { auto: [], plain: [] };
  const chosen = new Set<string>();
  let identical = true;
  let count = 0;
  for (let i = 0; i < repeats + 1; i++) {
    const one = { plain: new Continuation(plain, prompt), auto: new Continuation(auto, prompt) };
    const turns = i % 2 === 0 ? (["plain", "auto"] as const) : (["auto", "plain"] as const);
    while (turns.some((which) => !one[which].isOver)) {
      const end = Math.min(...turns.map((which) => one[which].count)) + TURN;
      for (const which of turns) await one[which].run(end);
    }
    const texts: string[] = [];
    for (const which of turns) {
      const { made } = one[which];
      texts.push(made.tokens.join());
      count = made.tokens.length;
      for (const choice of made.choices) chosen.add(choice);
      // The first of each touches pages that nobody has touched.
      if (i === 0) continue;
      ms[which].push(made.ms);
      prefill[which].push(made.prefillMs);
    }
    identical &&= texts[0] === texts[1];
  }
  const [a, p] = [median(ms.auto), median(ms.plain)];
  const paired = median(ms.auto.map((one, i) => ms.plain[i] / one));
  all.auto.push(a);
  all.plain.push(p);
  rows.push([
    String(count),
    (1000 / p).toFixed(1),
    (1000 / a).toFixed(1),
    (p / a).toFixed(3),
    paired.toFixed(3),
    `${median(prefill.plain).toFixed(0)} / ${median(prefill.auto).toFixed(0)}`,
    ms.auto.map((one, i) => (ms.plain[i] / one).toFixed(3)).join(" "),
    String(identical),
  ]);
  report.push({ prompt, ms, paired, prefill, identical, choices: [...chosen] });
}
console.log(
  `loaded in ${((between - loading) / 1000).toFixed(2)} s plainly, in ${
    ((loaded - between) / 1000).toFixed(2)
  } s with all drafters and what auto measures`,
);
const header = [
  "tokens",
  "plain tokens/s",
  "auto tokens/s",
  "auto / plain",
  "by pairs",
  "prompt ms",
  "all pairs",
  "identical",
];
console.log(table(rows, header.map(() => "right"), header));
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0);
console.log(`all: auto / plain ${(mean(all.plain) / mean(all.auto)).toFixed(3)}`);
if (args.json) Deno.writeTextFileSync(args.json, JSON.stringify(report, null, 1) + "\n");
