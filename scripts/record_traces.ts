/**
 * Records what the demo trio's drafters would have had accepted at each position of its greedy texts, for tests of policies.
 *
 *     deno run -A scripts/record_traces.ts [--texts 48] [--tokens 72]
 *
 * writes `tests/data/traces.json`. Takes some minutes on a CPU.
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
  Round,
  sequenceMemory,
  settingName,
  suffix,
} from "../src/speculation/mod.ts";
import { INNER_TREES, TREES } from "../tests/policy/settings.ts";
import { store, type Trace } from "../tests/policy/trace.ts";
import { problems } from "../tests/problems.ts";
import { Trio } from "./trio.ts";

const FILE = fileURLToPath(new URL("../tests/data/traces.json", import.meta.url));

/** The longest sequence of a draft model that a trace tells of. */
const LONGEST = 16;

const args = parseArgs(Deno.args, {
  string: ["texts", "tokens"],
  default: { texts: "48", tokens: "72" },
});
const count = Number(args.tokens);

/** Prompts of several kinds: problems, problems behind others, a text to be said again, and lists. */
function promptsOf(texts: number): string[] {
  const all = problems(4 * texts, 31);
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

using trio = new Trio();
const prompts = promptsOf(Number(args.texts)).map((text) => trio.tokenizer.encode(text));
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

const shape = ({ depth, topk, rows }: typeof TREES[number]) => ({ depth, topk, treeSize: rows });
const plans: [key: string, model: typeof trio.target, plan: DrafterPlan][] = [
  ["0 suffix", trio.target, suffix({ depth: 15, treeSize: 16, leastWorth: 0.01 })],
  ["1 suffix", trio.draft, suffix({ depth: 7, treeSize: 16, leastWorth: 0.01 })],
  ["0 draft", trio.target, draftModel(trio.draft, { minDraft: LONGEST })],
  ...TREES.map((tree): typeof plans[number] => [
    `0 ${settingName(tree)}`,
    trio.target,
    eagle2(trio.targetHead, shape(tree)),
  ]),
  ...INNER_TREES.map((tree): typeof plans[number] => [
    `1 ${settingName(tree)}`,
    trio.draft,
    eagle2(trio.draftHead, shape(tree)),
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
writeWhole(FILE, bytes);
