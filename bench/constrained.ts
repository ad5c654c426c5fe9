/**
 * What a grammar costs a round: rounds of free and of constrained text by turns, in one run, of plain decoding and of
 * EAGLE-2 with trees of 60 nodes, at the shapes of a large model.
 *
 *     deno run -A bench/constrained.ts [--shape llama-3-8b] [--backend auto] [--context 512] [--texts 4]
 *         [--tokens 40] [--schemas 36] [--temperature 1] [--json FILE]
 *
 * The model is the demo's draft model with its head in that shape, which says what the small one says, so that trees
 * are those of a head that knows its model; `tiny` is a shape to try this on a processor. The vocabulary of the grammars is
 * the demo's, and behind it pieces of text up to 128,256 tokens. Each of the schemas of the tests is compiled anew
 * for each method: its first text finds all states for the first time, the others find most of them known.
 *
 * A round's time is the wall time of it and of what the text's grammar is told of it. Rounds that verify what a
 * grammar forces have 8 rows and no drafter, and are told apart. Writes the format of `docs/bench-format.md`.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { DEMO_DIR } from "../scripts/models/trio.ts";
import { openCheckpoint } from "../src/checkpoint/checkpoint.ts";
import type { ModelConfig } from "../src/checkpoint/config/config.ts";
import { openHead } from "../src/checkpoint/head.ts";
import { inflate, inflateHead } from "../src/checkpoint/synthetic/inflated.ts";
import { modelShape } from "../src/checkpoint/synthetic/shapes.ts";
import { commitOf, describeDevice } from "../src/cli/commands/bench/environment.ts";
import { type Figure, type Section, time } from "../src/cli/commands/bench/figure.ts";
import { sectionText } from "../src/cli/commands/bench/render.ts";
import { reportJson } from "../src/cli/commands/bench/report.ts";
import { summarize } from "../src/cli/commands/bench/samples.ts";
import { Arena, type Backend, Device } from "../src/device/mod.ts";
import { ConstrainedText } from "../src/engine/constrained.ts";
import { Grammar } from "../src/grammar/mod.ts";
import { HeadModel, Model } from "../src/model/mod.ts";
import {
  type Constraint,
  type DrafterPlan,
  eagle2,
  Round,
  sequenceMemory,
} from "../src/speculation/mod.ts";
import { LEAST_FORCED } from "../src/speculation/sequence/constraint.ts";
import { Tokenizer } from "../src/text/tokenizer.ts";
import { SCHEMAS } from "../tests/grammar/schemas.ts";
import { problems } from "../tests/problems.ts";
import { textVocabulary } from "./text_vocabulary.ts";

/** The tree that is asked about. */
const TREE = { depth: 6, topk: 10, treeSize: 60 };

/** A shape with all rows of logits, and little else. */
const TINY: ModelConfig = {
  ...modelShape("llama-3-8b"),
  hiddenSize: 640,
  intermediateSize: 1024,
  layers: 4,
  heads: 5,
  kvHeads: 1,
};

const args = parseArgs(Deno.args, {
  string: ["shape", "backend", "context", "texts", "tokens", "schemas", "temperature", "json"],
  default: {
    shape: "llama-3-8b",
    backend: "auto",
    context: "512",
    texts: "4",
    tokens: "40",
    schemas: `${Object.keys(SCHEMAS).length}`,
    temperature: "1",
  },
});
const [context, texts, most] = [args.context, args.texts, args.tokens].map(Number);
const shape = args.shape === "tiny" ? TINY : modelShape(args.shape);
const schemas = Object.values(SCHEMAS).slice(0, Number(args.schemas));

using cleanup = new DisposableStack();
const device = cleanup.use(Device.open({ backend: args.backend as Backend }));
const tokenizer = Tokenizer.load(`${DEMO_DIR}/draft`);
const { model, head } = load();
const VOCABULARY = textVocabulary({
  tokens: tokenizer.tokenBytes(),
  stopTokens: model.config.eosTokenIds,
  encode: (text) => tokenizer.encode(text, { addSpecialTokens: false }),
});

/** The demo's draft model and its head in the shape asked for. */
function load(): { model: Model; head: HeadModel } {
  using files = new DisposableStack();
  const small = files.use(openCheckpoint(`${DEMO_DIR}/draft`));
  const large = files.use(inflate(small, shape, { seed: 1 }));
  const model = cleanup.use(Model.load(device, large));
  const smallHead = files.use(openHead(`${DEMO_DIR}/draft-eagle2`));
  const largeHead = files.use(inflateHead(smallHead, small.config, shape, { seed: 1 }));
  return { model, head: cleanup.use(HeadModel.load(device, largeHead, model)) };
}

/** Prompt number `n`, of about as many tokens as the context that is asked for. */
function promptOf(n: number): number[] {
  const questions = problems(Math.ceil(context / 20), n + 1).map((text) => `Question: ${text}\n`);
  const ids = tokenizer.encode(`${questions.join("")}Answer as JSON:`);
  return ids.slice(-context);
}

/** The small model likes spaces, and texts without an end: as in the tests. */
function towardsEnds(): Record<number, number> {
  const bias: Record<number, number> = {};
  for (const [id, bytes] of tokenizer.tokenBytes().entries()) {
    if (bytes === undefined || bytes.length === 0) continue;
    if (bytes.every((byte) => byte <= 0x20)) bias[id] = -20;
    if (bytes.length === 1 && '"]}'.includes(String.fromCharCode(bytes[0]))) bias[id] = 6;
  }
  return bias;
}

const logitBias = towardsEnds();

/** A constraint, and the milliseconds that the host spends on it. */
class Timed implements Constraint {
  readonly text: ConstrainedText;
  /** Of the last round. */
  masksMs = 0;
  /** Of the last round. */
  forcedMs = 0;
  /** Whether the last round verifies what is forced. */
  wasForced = false;
  /** Nodes below the root of all trees, and those that the grammar allows. */
  readonly nodes = { all: 0, allowed: 0 };

  constructor(grammar: Grammar) {
    this.text = new ConstrainedText(grammar);
  }

  fill(tokens: Int32Array, parents: Int32Array, masks: Uint32Array): void {
    const from = performance.now();
    this.text.fill(tokens, parents, masks);
    this.masksMs = performance.now() - from;
    const words = masks.length / tokens.length;
    for (let row = 1; row < tokens.length && !this.wasForced; row++) {
      this.nodes.all++;
      // The last rows of the vocabulary have no token: only the mask of a node that is never reached has them.
      if (masks[(row + 1) * words - 1] !== 0xffffffff) this.nodes.allowed++;
    }
  }

  forced(most: number): readonly number[] {
    const from = performance.now();
    const tokens = this.text.forced(most);
    this.forcedMs = performance.now() - from;
    this.wasForced = tokens.length >= LEAST_FORCED;
    return tokens;
  }
}

/** One text after another, with caches of their own. */
class Text implements Disposable {
  readonly #cleanup = new DisposableStack();
  readonly #round: Round;
  #constraint?: Timed;
  #prompt: readonly number[] = [];
  #seed = 0;

  constructor(plan: DrafterPlan | undefined, constrained: boolean) {
    const arena = this.#cleanup.use(new Arena(device, "text"));
    const room = context + most + TREE.treeSize;
    this.#round = this.#cleanup.use(
      new Round(model, sequenceMemory(device, arena, room, plan), plan),
    );
    if (constrained) this.#round.prepareConstraint();
  }

  begin(prompt: readonly number[], seed: number, constraint?: Timed): void {
    this.#prompt = prompt;
    this.#seed = seed;
    this.#constraint = constraint;
    const { memory } = this.#round;
    const options = { temperature: Number(args.temperature), seed: this.#seed, logitBias };
    memory.choice.set(options, prompt.length, model.config.vocabSize);
    for (const _ of this.#round.read(prompt));
    device.synchronize();
  }

  /** Tokens made. */
  get count(): number {
    return this.#round.state.length - (this.#prompt.length - 1);
  }

  get isOver(): boolean {
    return this.count >= most || this.#constraint?.text.isOver === true;
  }

  /** Milliseconds of the next round, and of telling the grammar of it. */
  step(): number {
    const constraint = this.#constraint;
    const from = performance.now();
    const accepted = this.#round.run(undefined, constraint);
    if (constraint) {
      for (let j = 0; j < accepted && !constraint.text.isOver; j++) {
        constraint.text.accept(this.#round.result[1 + j]);
      }
    }
    return performance.now() - from;
  }

  [Symbol.dispose](): void {
    this.#cleanup.dispose();
  }
}

/** Numbers by what they are of. */
class Found {
  readonly #of = new Map<string, number[]>();

  add(name: string, value: number): void {
    const values = this.#of.get(name);
    if (values) values.push(value);
    else this.#of.set(name, [value]);
  }

  times(name: string, of: string, free?: number): Figure[] {
    const values = this.#of.get(of);
    if (values === undefined) return [];
    const samples = summarize(values);
    return [time(name, samples, free === undefined ? {} : { relative: samples.median / free })];
  }

  median(of: string): number {
    return summarize(this.#of.get(of)!).median;
  }
}

function measure(name: string, plan: DrafterPlan | undefined): Section {
  using free = new Text(plan, false);
  using held = new Text(plan, true);
  const found = new Found();
  let [seed, nodes, allowed, ended, all] = [0, 0, 0, 0, 0];
  const beginFree = () => free.begin(promptOf(seed), seed);
  beginFree();
  for (let i = 0; i < 20; i++) free.step();
  for (const [at, { schema }] of schemas.entries()) {
    const from = performance.now();
    const grammar = Grammar.jsonSchema(VOCABULARY, schema);
    found.add("compile", performance.now() - from);
    for (let text = 0; text < texts; text++) {
      const when = text === 0 ? "first" : "again";
      const constraint = new Timed(grammar);
      held.begin(promptOf(seed), seed, constraint);
      beginFree();
      seed++;
      let masks = 0;
      while (!held.isOver) {
        if (free.isOver) beginFree();
        const freeMs = free.step();
        const ms = held.step();
        masks += constraint.masksMs;
        found.add("free", freeMs);
        found.add(constraint.wasForced ? `${when} forced` : when, ms);
        if (constraint.wasForced) continue;
        found.add(`${when} masks`, constraint.masksMs);
        found.add(`${when} forced text`, constraint.forcedMs);
      }
      found.add(`${when} masks of a text`, masks);
      nodes += constraint.nodes.all;
      allowed += constraint.nodes.allowed;
      all++;
      if (constraint.text.isOver) ended++;
    }
    console.error(`${name}: ${at + 1} of ${schemas.length} schemas`);
  }
  const median = found.median("free");
  return {
    table: "constrained",
    subject: `${args.shape}-inflated/${model.summary.scheme}`,
    notes: [
      `context ${context}, temperature ${args.temperature}; free and constrained rounds by turns, wall time; x: to a ` +
      "free round",
      `${ended} of ${all} texts ended within ${most} tokens; first: the first text of each of ${schemas.length} schemas; ` +
      "constrained: those after it; forced: rounds of 8 rows of what the grammar forces",
      "masks: the host's time for the masks of one round, while the forward runs; forced text: for asking what is forced",
      ...(nodes > 0
        ? [`the grammar allowed ${(100 * allowed / nodes).toFixed(0)}% of the trees' nodes`]
        : []),
    ],
    figures: [
      ...found.times(`${name} free`, "free", median),
      ...found.times(`${name} constrained`, "again", median),
      ...found.times(`${name} masks`, "again masks", median),
      ...found.times(`${name} forced text`, "again forced text", median),
      ...found.times(`${name} forced`, "again forced", median),
      ...found.times(`${name} first constrained`, "first", median),
      ...found.times(`${name} first masks`, "first masks", median),
      ...found.times(`${name} first masks of a text`, "first masks of a text"),
      ...found.times(`${name} masks of a text`, "again masks of a text"),
      ...found.times(`${name} compile`, "compile"),
    ],
  };
}

const date = new Date().toISOString();
const sections: Section[] = [];
for (
  const [name, plan] of [
    ["ar", undefined],
    [`eagle2-${TREE.depth}-${TREE.topk}-${TREE.treeSize}`, eagle2(head, TREE)],
  ] as const
) {
  const section = measure(name, plan);
  sections.push(section);
  console.log(sectionText(section, 110));
  if (args.json === undefined) continue;
  Deno.writeTextFileSync(
    args.json,
    reportJson({
      source: "specmquant bench/constrained.ts",
      date,
      commit: commitOf(),
      device: describeDevice(device),
      options: { context, runs: texts, rows: [1, TREE.treeSize] },
      sections,
    }),
  );
}
