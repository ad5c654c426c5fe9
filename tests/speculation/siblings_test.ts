/**
 * A draft model's next best choices beside its sequence: they are accepted, the draft model goes on from them, and the
 * text is that of plain decoding.
 */
import { assert, assertEquals, assertGreater, assertThrows } from "@std/assert";
import { Trio } from "../../scripts/models/trio.ts";
import { ArgumentError } from "../../src/base/errors.ts";
import { Arena, type Device, type Tensor } from "../../src/device/mod.ts";
import { type Model, ModelState } from "../../src/model/mod.ts";
import { MAX_TREE_ROWS } from "../../src/ops/mod.ts";
import {
  type ChoiceOptions,
  type Drafter,
  type DrafterPlan,
  draftModel,
  eagle2,
  Round,
  sequenceMemory,
} from "../../src/speculation/mod.ts";
import { backendTest } from "../backends.ts";
import type { Trio as Models } from "../methods.ts";
import { SMALL, writeRandomHead, writeRandomModel } from "../models.ts";
import { problems } from "../problems.ts";
import { counts, noise, processed } from "../reference/choice.ts";
import { logSoftmax } from "../reference/ops.ts";
import { decode, Decoder, prompts, withWritten, writtenOnce } from "../rounds.ts";

const TREE = { depth: 3, topk: 4, treeSize: 12 };
const SAMPLED: ChoiceOptions = { temperature: 0.8, repetitionPenalty: 1.2, seed: 5 };

const words = (device: Device, t: Tensor<"i32">) => [
  ...new Int32Array(device.download(t).buffer),
];

backendTest("siblings are accepted where the sequence errs", ({ device }) => {
  using trio = new Trio(undefined, device);
  const texts = problems(5, 5).map((text) => trio.tokenizer.encode(`Question: ${text}\nAnswer:`));
  const run = (options: ChoiceOptions, plan?: DrafterPlan) => {
    using decoder = new Decoder(trio.target, 256, plan);
    let forwards = 0;
    const said = texts.map((text, seed) => {
      const tokens = decoder.decode(text, 32, { ...options, seed });
      forwards += decoder.forwards;
      return tokens;
    });
    return { said, forwards };
  };
  for (const temperature of [0, 1]) {
    const plain = run({ temperature });
    for (const inner of [undefined, eagle2(trio.draftHead, TREE)]) {
      const plan = (siblings: number) => draftModel(trio.draft, { minDraft: 5, siblings }, inner);
      const [without, few, many] = [0, 1, 6].map((count) => run({ temperature }, plan(count)));
      const what = `${plan(6).name} at temperature ${temperature}`;
      for (const { said } of [without, few, many]) assertEquals(said, plain.said, what);
      assertGreater(
        without.forwards,
        1.02 * few.forwards,
        `${what}: forwards without any and with one`,
      );
      assertGreater(
        without.forwards,
        1.1 * many.forwards,
        `${what}: forwards without any and with six`,
      );
    }
  }
}, ["cpu", "cuda"]);

/** Random models of which the draft model is often right, and often not. */
function withErring(device: Device, body: (models: Models) => void): void {
  const shape = { ...SMALL, vocab: 24, sharpness: 0.5 };
  const write = (dir: string): void => {
    writeRandomModel(`${dir}/target`, shape);
    writeRandomModel(`${dir}/draft`, { ...shape, noise: 1.5 });
    writeRandomHead(`${dir}/head`, { ...shape, seed: 9 });
  };
  withWritten(device, writtenOnce("erring", write), body);
}

/** Of each token behind `text`, and then behind each of `sequence`, the logarithm of its chance of being `draft`'s choice. */
function chances(draft: Model, text: number[], sequence: number[]): Float64Array[] {
  const all = [...text, ...sequence];
  const [rows, first, vocab] = [all.length, text.length - 1, draft.config.vocabSize];
  const sizes = { context: rows, slots: rows, rows, logitsRows: MAX_TREE_ROWS };
  using state = new ModelState(draft, sizes);
  using arena = new Arena(draft.device, "chances");
  state.cache.ensure(rows);
  const { cacheLength } = state;
  state.queueForward({ rows, cacheLength }, {
    tokens: arena.fromHost("i32", [rows], Int32Array.from(all)),
  });
  state.queueLogits(rows - first, first);
  const logits = new Float32Array(draft.device.download(state.logits).buffer);
  const { temperature = 0, seed = 0 } = SAMPLED;
  return Array.from({ length: rows - first }, (_, i) => {
    const row = logits.subarray(i * vocab, (i + 1) * vocab);
    const shift = noise(seed, text.length + i, vocab);
    const said = counts(all.slice(0, text.length + i));
    const shifted = processed(row, { ...SAMPLED, temperature: 0 }, said)
      .map((x, token) => x + temperature * shift[token]);
    return logSoftmax(shifted);
  });
}

/** The chances of the guesses that should be the siblings of `sequence`, best first: of the `looked` best at each place. */
function bestGuesses(draft: Model, text: number[], sequence: number[], looked: number): number[] {
  let before = 0;
  return chances(draft, text, sequence).slice(0, sequence.length).flatMap((row, i) => {
    const here = before;
    before += row[sequence[i]];
    const best = [...row.keys()].sort((a, b) => row[b] - row[a]).slice(0, looked);
    return best.filter((token) => token !== sequence[i]).map((token) => here + row[token]);
  }).sort((a, b) => b - a);
}

backendTest(
  "siblings are the likeliest other choices, and the draft model goes on from them",
  ({ device }) => {
    withErring(device, ({ target, draft, draftHead }) => {
      for (
        const inner of [
          undefined,
          eagle2(draftHead, TREE),
          draftModel(draft, { minDraft: 2, siblings: 2 }),
        ]
      ) {
        const plan = draftModel(draft, { minDraft: 5, siblings: 7, name: "me" }, inner);
        let drafter: Drafter | undefined;
        using arena = new Arena(device, "test");
        const memory = sequenceMemory(device, arena, 100, plan);
        const create: DrafterPlan["create"] = (verifier) => drafter = plan.create(verifier);
        using round = new Round(target, memory, { ...plan, create });
        const text = prompts(8)[7].map((token) => token % 24);
        memory.choice.set(SAMPLED, text.length, 24);
        for (const _ of round.read(text));
        let [taken, ended] = [0, 0];
        while (text.length < 80) {
          const before = [...text];
          const accepted = round.run();
          text.push(...round.result.subarray(1, 1 + accepted));
          const tokens = words(device, drafter!.proposal.tokens!);
          const parents = words(device, drafter!.proposal.parents!);
          const what = `${plan.name} behind ${before.length} tokens`;
          // The draft model's own text stands in the first rows: 5 tokens, with an inner drafter up to its depth more.
          const own = decode(draft, before, plan.depth, undefined, SAMPLED).tokens;
          const differs = own.findIndex((token, j) =>
            j >= 5 && (parents[1 + j] !== j || tokens[1 + j] !== token)
          );
          const sequence = own.slice(0, differs < 0 ? undefined : differs);
          const first = 1 + sequence.length;
          assertEquals(tokens.slice(0, first), [before.at(-1)!, ...sequence], what);
          assertEquals(
            parents.slice(0, first),
            sequence.map((_, j) => j - 1).concat(first - 2),
            what,
          );
          // Then come its siblings.
          const values = chances(draft, before, sequence);
          const guesses = tokens.slice(first).map((token, j) => {
            const parent = parents[first + j];
            assert(token !== sequence[parent], `${what}: its own token once more`);
            const held = sequence.slice(0, parent).reduce((sum, own, i) => sum + values[i][own], 0);
            return held + values[parent][token];
          }).sort((a, b) => b - a);
          assertEquals(
            new Set(tokens.slice(first).map((token, j) => `${parents[first + j]} ${token}`)).size,
            guesses.length,
          );
          const best = bestGuesses(draft, before, sequence, 8);
          guesses.forEach((value, j) => {
            const error = Math.abs(best[j] - value);
            assert(error < 1e-3, `${what}: guess ${j} is ${error} less likely than another`);
          });
          const last = accepted - 2;
          if (
            last < 0 || last >= sequence.length || text[before.length + last] === own[last]
          ) continue;
          taken++;
          if (last === sequence.length - 1) ended++;
          assertEquals(round.proposer(last), "me", "who proposed a sibling");
        }
        assertGreater(taken, 3, `siblings taken of ${plan.name}`);
        assertGreater(taken, ended, "siblings of other tokens than the last");
      }
    });
  },
);

backendTest("siblings that have no room are refused", ({ device }) => {
  withErring(device, ({ draft, draftHead }) => {
    const refused = (minDraft: number, siblings: number, most: number, rows: number) =>
      assertThrows(
        () =>
          draftModel(
            draft,
            { minDraft, siblings },
            minDraft > 1 ? eagle2(draftHead, TREE) : undefined,
          ),
        ArgumentError,
        `Cannot draft: siblings is ${siblings}, expected at most ${most} beside sequences of up to ${rows} rows`,
      );
    refused(6, 55, 54, 10);
    // A vocabulary of 24 has no more guesses for one token.
    refused(1, 25, 24, 2);
  });
});

backendTest("siblings fill proposals up to whole steps of rows", ({ device }) => {
  using trio = new Trio(undefined, device);
  const head = eagle2(trio.draftHead, TREE);
  const plan = draftModel(trio.draft, { minDraft: 8, shorter: [2], fill: 8 }, head);
  const rowsOfAll = (one: DrafterPlan) =>
    one.settings.map(({ kind, ...rest }) =>
      kind === "plain" ? 1 : (rest as { readonly rows: number }).rows
    );
  // 1 + 8 + 3 and 1 + 2 + 3 rows.
  assertEquals([plan.rows, ...rowsOfAll(plan)], [16, 16, 8]);
  // No more than a tree may have.
  assertEquals(draftModel(trio.draft, { minDraft: 58, fill: 8 }, head).rows, MAX_TREE_ROWS);
  const [prompt] = problems(1, 5).map((text) =>
    trio.tokenizer.encode(`Question: ${text}\nAnswer:`)
  );
  using decoder = new Decoder(trio.target, 256, plan);
  using plain = new Decoder(trio.target, 256);
  assertEquals(decoder.decode(prompt, 48), plain.decode(prompt, 48));
  assertEquals(new Set(decoder.stats.rows.slice(1)), new Set([16]));
}, ["cpu", "cuda"]);
