/**
 * What a block drafter has read of a text is what it would have read afresh: inside a hierarchy, whose draft model goes back
 * behind what its drafter has read, and after rounds in which it proposed nothing. Proposals of a hierarchy alone would not
 * show it, as whatever its innermost drafter says, they are those of its draft model.
 */
import { assert, assertEquals } from "@std/assert";
import { Arena, rows } from "../../src/device/mod.ts";
import type { HeadModel, Model } from "../../src/model/mod.ts";
import { MAX_TREE_ROWS } from "../../src/ops/mod.ts";
import {
  dflash,
  type Drafter,
  type DrafterPlan,
  draftModel,
  dspark,
  Round,
  sequenceMemory,
  type Verifier,
} from "../../src/speculation/mod.ts";
import { backendTest } from "../backends.ts";
import type { Trio } from "../methods.ts";
import { prompts, withModels } from "../rounds.ts";

/** A drafter and the model it drafts for, once they have been made. */
class Watched {
  drafter?: Drafter;
  verifier?: Verifier;
  readonly plan: DrafterPlan;

  constructor(plan: DrafterPlan) {
    this.plan = {
      ...plan,
      create: (verifier) => {
        this.verifier = verifier;
        return this.drafter = plan.create(verifier);
      },
    };
  }

  /** Its next proposal, of which every bit counts. */
  proposal(): string {
    const { device } = this.verifier!.memory;
    this.drafter!.propose();
    const { tokens, parents } = this.drafter!.proposal;
    return [tokens!, parents!].map((one) => new Int32Array(device.download(one).buffer)).join("/");
  }
}

/** How far the draft model is from its target: far enough that siblings are taken. */
const NOISE = 0.4;

const SHAPE = { depth: 5, topk: 4, treeSize: 20 };

function blocksOf(head: HeadModel): DrafterPlan {
  return (head.description.kind === "dspark" ? dspark : dflash)(head, SHAPE);
}

/** Runs `body` on rounds of `plan` that have read `text`, in pieces whose bits do not depend on how many rows they have. */
function withRound(
  target: Model,
  plan: DrafterPlan,
  text: readonly number[],
  body: (round: Round) => void,
): void {
  using arena = new Arena(target.device, "test");
  const memory = sequenceMemory(target.device, arena, 200, plan);
  const prefillRows = Math.min(memory.prefillRows, MAX_TREE_ROWS);
  using round = new Round(target, { ...memory, prefillRows }, plan);
  for (const _ of round.read(text));
  body(round);
}

/** The text of a round so far. */
function textOf({ state: { length }, memory: { device, history } }: Round): number[] {
  return [...new Int32Array(device.download(rows(history, 0, length + 1)).buffer)];
}

/** What `watch` makes of `text`, read afresh. */
function fresh(models: Trio, watch: () => [Watched, DrafterPlan], text: readonly number[]): string {
  const [watched, plan] = watch();
  let found = "";
  withRound(models.target, plan, text, () => found = watched.proposal());
  return found;
}

for (const layout of ["z-lab", "DeepSpec"]) {
  backendTest(
    `blocks (${layout}) inside a hierarchy are those of a fresh reading`,
    ({ device }) => {
      // Most of a long sequence is refused: the draft model goes back behind what its drafter has read.
      withModels(device, { target: 1, draft: 1, noise: NOISE }, (models) => {
        const watch = (): [Watched, DrafterPlan] => {
          const watched = new Watched(blocksOf(models.blocks![layout].draft));
          // A sibling that is taken is read by the draft model in place of a token that its drafter has read.
          return [watched, draftModel(models.draft, { minDraft: 6, siblings: 9 }, watched.plan)];
        };
        let [compared, behind, back] = [0, 0, 0];
        for (const prompt of prompts(6).slice(1)) {
          if (prompt.length > 100) continue;
          for (let rounds = 1; rounds < 7; rounds++) {
            const [watched, plan] = watch();
            withRound(models.target, plan, prompt, (round) => {
              for (let i = 0; i < rounds; i++) if (round.run() < 3) back++;
              compared++;
              if (watched.verifier!.state.length < round.state.length) behind++;
              // In half of the cases the draft model has more to make up than one proposal reads.
              for (let i = 0; i < 8 * (rounds % 2); i++) round.queuePlain();
              (watched.verifier as Round).catchUp(round.state.length);
              const text = textOf(round);
              assertEquals(watched.proposal(), fresh(models, watch, text), `${rounds} rounds`);
            });
          }
        }
        assert(compared > 10 && back > 10 && behind > 2, `${[compared, back, behind]}`);
      });
    },
    ["cpu", "cuda"],
  );

  backendTest(`blocks (${layout}) behind rounds without proposals are those of a fresh reading`, ({
    device,
  }) => {
    withModels(device, { target: 1, draft: 1 }, (models) => {
      const watch = (): [Watched, DrafterPlan] => {
        const watched = new Watched(blocksOf(models.blocks![layout].target));
        return [watched, watched.plan];
      };
      for (const plain of [1, 7, 8, 30]) {
        const [watched, plan] = watch();
        const [, , , prompt] = prompts(4);
        withRound(models.target, plan, prompt, (round) => {
          round.run();
          for (let i = 0; i < plain; i++) round.queuePlain();
          const found = watched.proposal();
          assertEquals(found, fresh(models, watch, textOf(round)), `${plain} plain rounds`);
        });
      }
    });
  }, ["cpu", "cuda"]);
}
