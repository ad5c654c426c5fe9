/**
 * Records what the drafters of the demo trio, or of SmolLM2, would have had accepted at each position of greedy texts, for tests
 * of policies.
 *
 *     deno run -A scripts/record_traces.ts [--texts 48] [--tokens 72] [--seed 31] [--smollm2] [--out FILE]
 *
 * writes `tests/data/traces_late.json`, or FILE. Takes some minutes on a CPU. Another seed has other problems.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { fileURLToPath } from "node:url";
import { writeWhole } from "../src/checkpoint/containers/whole_file.ts";
import { Arena } from "../src/device/mod.ts";
import {
  type DrafterPlan,
  draftModel,
  eagle2,
  eagle3,
  Round,
  sequenceMemory,
  settingName,
  suffix,
} from "../src/speculation/mod.ts";
import { LATE_INNER_TREES, LATE_TREES } from "../tests/policy/late.ts";
import { store, type Trace } from "../tests/policy/trace.ts";
import { problems } from "../tests/problems.ts";
import { processIo } from "../src/cli/terminal/io.ts";
import { Reporter } from "./native/reporter.ts";
import { smollm2Trio } from "./models/smollm2_trio.ts";
import { Trio } from "./models/trio.ts";

const FILE = fileURLToPath(new URL("../tests/data/traces_late.json", import.meta.url));

/** The longest sequence of a draft model that a trace tells of. */
const LONGEST = 16;

const args = parseArgs(Deno.args, {
  boolean: ["smollm2"],
  string: ["texts", "tokens", "seed", "out"],
  default: { texts: "48", tokens: "72", seed: "31", out: FILE },
});
const count = Number(args.tokens);

/** Prompts of several kinds: problems, problems behind others, a text to be said again, and lists. */
function promptsOf(texts: number): string[] {
  const all = problems(4 * texts, Number(args.seed));
  return Array.from({ length: texts }, (_, i) => {
    const [one, two] = [all[2 * i], all[2 * i + 1]];
    switch (i % 4) {
      case 0:
        return `Question: ${one}\nAnswer:`;
      case 1:
        return `Question: ${one}\nAnswer: Question: ${one}\nAnswer:`;
      case 2:
        return `${one} ${two} ${one}`;
      default:
        return `Question: ${two}\nQuestion: ${one}\nQuestion:`;
    }
  });
}

/** What SmolLM2 is asked. */
const ASKED = [
  "Why is the sky blue?",
  "Write a short story about a lighthouse keeper.",
  "List ten animals that live in Africa, one a line.",
  "Explain how a bicycle stays upright.",
  "Write a Python function that reverses a list.",
  "Say again, word for word: the quick brown fox jumps over the lazy dog and runs into the green forest.",
  "Translate into French: Good morning, how are you today?",
  "What is the capital of Australia, and why is it not Sydney?",
  "Correct the spelling: I hav recieved you're leter yesterday and was verry hapy about it.",
  "Give me a recipe for pancakes.",
  "Summarize in one sentence: Bees visit flowers to collect nectar, and carry pollen from one to the next.",
  "Tom has 12 apples and gives away 5. How many are left? Explain.",
];

using reporter = new Reporter(processIo().stderr);
using trio = args.smollm2 ? await smollm2Trio(reporter) : new Trio();
const { target: targetHead, draft: draftHead } = args.smollm2
  ? { target: trio.heads.eagle3!, draft: trio.draftHeads.eagle3! }
  : { target: trio.targetHead, draft: trio.draftHead };
const planHead = args.smollm2 ? eagle3 : eagle2;
const prompts = args.smollm2
  ? ASKED.slice(0, Number(args.texts)).map((content) =>
    trio.encodeChat([{ role: "user", content }])
  )
  : promptsOf(Number(args.texts)).map((text) => trio.tokenizer.encode(text));
const context = Math.max(...prompts.map(({ length }) => length)) + count + LONGEST + 8;

/** Rounds of one drafter on one verifier. */
class Recorder implements Disposable {
  readonly #arena: Arena;
  readonly #round: Round;

  constructor(model: typeof trio.target, plan?: DrafterPlan) {
    this.#arena = new Arena(model.device, "traces");
    const memory = sequenceMemory(model.device, this.#arena, context, plan);
    this.#round = new Round(model, memory, plan);
  }

  /** The greedy text behind a prompt. */
  text(prompt: readonly number[]): number[] {
    const round = this.#round;
    for (const _ of round.read(prompt)) void 0;
    const tokens: number[] = [];
    while (tokens.length < count) {
      const accepted = round.run();
      tokens.push(...round.result.subarray(1, 1 + accepted));
    }
    return tokens.slice(0, count);
  }

  /** For each token of `text`, how many would have been accepted of a proposal made before it, and the rows of that. */
  at(prompt: readonly number[], text: readonly number[]): { accepted: number[]; rows: number[] } {
    const round = this.#round;
    round.forget();
    const accepted: number[] = [];
    const rows: number[] = [];
    for (let i = 0; i < text.length; i++) {
      const before = [...prompt, ...text.slice(0, i)];
      for (const _ of round.read(before, context, i === 0 ? 0 : before.length - 2)) void 0;
      accepted.push(round.run() - 1);
      rows.push(round.drafter!.proposed);
    }
    return { accepted, rows };
  }

  [Symbol.dispose](): void {
    this.#round[Symbol.dispose]();
    this.#arena[Symbol.dispose]();
  }
}

const shape = ({ depth, topk, rows }: typeof LATE_TREES[number]) => ({
  depth,
  topk,
  treeSize: rows,
});
const plans: [key: string, model: typeof trio.target, plan: DrafterPlan][] = [
  ["0 suffix", trio.target, suffix({ depth: 15, treeSize: 16, leastWorth: 0.01 })],
  ["1 suffix", trio.draft, suffix({ depth: 7, treeSize: 16, leastWorth: 0.01 })],
  ["0 draft", trio.target, draftModel(trio.draft, { minDraft: LONGEST })],
  ...LATE_TREES.map((tree): typeof plans[number] => [
    `0 ${settingName(tree)}`,
    trio.target,
    planHead(targetHead, shape(tree)),
  ]),
  ...LATE_INNER_TREES.map((tree): typeof plans[number] => [
    `1 ${settingName(tree)}`,
    trio.draft,
    planHead(draftHead, shape(tree)),
  ]),
];

using stack = new DisposableStack();
using plain = new Recorder(trio.target);
const recorders = plans.map(([key, model, plan]) => {
  return { key, recorder: stack.use(new Recorder(model, plan)) };
});
const traces = prompts.map((prompt, i): Trace => {
  const text = plain.text(prompt);
  const made = recorders.map(({ key, recorder }) => ({ key, ...recorder.at(prompt, text) }));
  console.log(`text ${i + 1} of ${prompts.length}`);
  return {
    name: `text ${i}`,
    length: text.length,
    accepted: Object.fromEntries(made.map(({ key, accepted }) => [key, accepted])),
    suffixRows: made.find(({ key }) => key === "0 suffix")!.rows,
  };
});
const bytes = new TextEncoder().encode(JSON.stringify(traces.map(store), null, 1) + "\n");
writeWhole(args.out, bytes);
