/**
 * What a drafter carries from round to round is what it would have read afresh: after every round, the next
 * proposal equals, bit for bit, that of a new round which reads the whole text. A head that resumes from
 * the wrong hidden state after a partial acceptance loses accept length, and fails here.
 */
import { assert, assertEquals } from "@std/assert";
import { Arena, type Device, rows } from "../../src/device/mod.ts";
import type { Model } from "../../src/model/mod.ts";
import { MAX_TREE_ROWS } from "../../src/ops/mod.ts";
import {
  type DrafterPlan,
  Round,
  type SequenceMemory,
  sequenceMemory,
} from "../../src/speculation/mod.ts";
import { backendTest } from "../backends.ts";
import { someOf } from "../cases.ts";
import { BLOCK_METHODS, EAGLE3_METHODS, METHODS, RECENT_METHODS } from "../methods.ts";
import { prompts, withModels } from "../rounds.ts";

const CONTEXT = 400;

/**
 * The memory of a sequence that is read in pieces of few rows, whose bits do not depend on how many they are:
 * a text that a device reads in larger pieces differs in its last bits from one that it generated.
 */
function memoryOf(device: Device, arena: Arena, plan: DrafterPlan): SequenceMemory {
  const memory = sequenceMemory(device, arena, CONTEXT, plan);
  return { ...memory, prefillRows: Math.min(memory.prefillRows, MAX_TREE_ROWS) };
}

/** The rows of a round's next proposal as text; a sequence's are in the history, and end at its limit. */
function nextProposal(round: Round): string {
  const { device, history } = round.memory;
  const { tokens, parents, depths, mask, limit } = round.drafter!.proposal;
  round.drafter!.propose();
  const { proposed } = round.drafter!;
  // Where there is nothing but the root, a round is plain.
  if (proposed === 1) return "nothing";
  const { length } = round.state;
  if (limit !== undefined) {
    const [last] = new Int32Array(device.download(limit).buffer);
    assertEquals(last, length + proposed - 1);
  }
  if (tokens === undefined) {
    const there = rows(history, length, length + proposed);
    const sequence = new Int32Array(device.download(there).buffer);
    const inner = round.drafter!.levels.map((level) => level.rounds);
    return JSON.stringify({ sequence: [...sequence], inner });
  }
  const all = [tokens, parents!, depths!].map((
    t,
  ) => [...new Int32Array(device.download(rows(t, 0, proposed)).buffer)]);
  const masks = [...new BigUint64Array(device.download(rows(mask!, 0, proposed)).buffer)];
  return JSON.stringify({ tree: all, masks: masks.map(String) });
}

/** The proposal of a round that reads `text` from its start. */
function freshProposal(target: Model, plan: DrafterPlan, text: readonly number[]): string {
  using arena = new Arena(target.device, "fresh");
  using round = new Round(target, memoryOf(target.device, arena, plan), plan);
  for (const _ of round.read(text));
  return nextProposal(round);
}

/** How many rounds a proposal comes behind. */
const ROUNDS = [0, 1, 2, 3, 4, 5, 6, 7];

const ALL_METHODS = [...METHODS, ...EAGLE3_METHODS, ...BLOCK_METHODS, ...RECENT_METHODS];
for (const [number, method] of ALL_METHODS.entries()) {
  backendTest(
    `${method.name} proposes after each round what it would propose afresh`,
    ({ device }) => {
      // Near copies of one model agree often but not always: all accept lengths occur.
      withModels(device, { target: 1, draft: 1, noise: 0.02 }, (models) => {
        const { target } = models;
        const plan = method.plan(models);
        const lengths = new Set<number>();
        for (const [i, prompt] of prompts(4).entries()) {
          using arena = new Arena(target.device, "test");
          using round = new Round(target, memoryOf(target.device, arena, plan), plan);
          // Every other one on the CPU library, and the others behind the next prompt and in the next method.
          const { backend } = device;
          for (const rounds of someOf(ROUNDS, 2, { first: number + i, backend })) {
            // Proposing twice would disturb the round, so each comparison replays the text so far.
            const text = [...prompt];
            round.forget();
            for (const _ of round.read(prompt));
            for (let i = 0; i < rounds; i++) {
              const accepted = round.run();
              lengths.add(accepted);
              text.push(...round.result.subarray(1, 1 + accepted));
            }
            if (text.length < 2) continue;
            for (const level of round.levels) level.reset();
            assertEquals(nextProposal(round), freshProposal(target, plan, text), `round ${rounds}`);
          }
        }
        if (plan.name.startsWith("draft")) {
          assert(lengths.size > 2, `accept lengths ${[...lengths]}`);
        }
      });
    },
  );
}
