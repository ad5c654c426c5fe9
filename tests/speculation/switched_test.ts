/**
 * Drafters that take turns: whoever proposes when, the tokens and their log-probabilities are those of plain decoding.
 */
import { assertEquals, assertGreater } from "@std/assert";
import { Arena } from "../../src/device/mod.ts";
import type { Model } from "../../src/model/mod.ts";
import {
  type ChoiceOptions,
  dflash,
  type DrafterPlan,
  draftModel,
  eagle2,
  type Outcome,
  PLAIN,
  type Policy,
  Round,
  sequenceMemory,
  type Setting,
  settingName,
  suffix,
  switched,
} from "../../src/speculation/mod.ts";
import { backendTest } from "../backends.ts";
import type { Trio } from "../methods.ts";
import { random } from "../random.ts";
import { prompts, withModels } from "../rounds.ts";

/** Another setting every round, drawn. */
class Drawn implements Policy {
  readonly decisions = [];
  readonly outcomes: Outcome[] = [];
  readonly used = new Map<string, number>();
  readonly #settings: readonly Setting[];
  readonly #next = random(5);

  constructor(settings: readonly Setting[]) {
    this.#settings = settings;
  }

  next(): Setting {
    const setting = this.#settings[Math.floor(this.#next() * this.#settings.length)];
    const name = settingName(setting);
    this.used.set(name, (this.used.get(name) ?? 0) + 1);
    return setting;
  }

  observe(outcome: Outcome): void {
    this.outcomes.push(outcome);
  }

  reset(): void {
    // It remembers nothing.
  }
}

const TREES = [{ depth: 5, topk: 6, treeSize: 24 }, { depth: 2, topk: 3, treeSize: 7 }];
const [BIG, SMALL] = TREES;

/** Suffixes, trees of two shapes, and sequences of two lengths with the draft model's own drafters. */
function all({ draft, targetHead, draftHead }: Trio, siblings: number): DrafterPlan[] {
  const inner = switched([
    suffix({ depth: 4, treeSize: 8, leastWorth: 0 }),
    eagle2(draftHead, { ...SMALL, others: [{ depth: 3, topk: 4, treeSize: 12 }] }),
  ]);
  return [
    suffix({ depth: 7, treeSize: 12, leastWorth: 0 }),
    eagle2(targetHead, { ...BIG, others: [SMALL] }),
    draftModel(draft, { minDraft: 6, shorter: [2], siblings }, inner),
  ];
}

/** With block drafters in place of trees. */
function blocks({ draft, blocks }: Trio): DrafterPlan[] {
  const { target, draft: below } = blocks!["z-lab"];
  const shape = { depth: 4, topk: 1, treeSize: 5 };
  const others = [{ depth: 2, topk: 2, treeSize: 4 }];
  return [
    dflash(target, { ...shape, others }),
    draftModel(
      draft,
      { minDraft: 5, shorter: [1] },
      switched([dflash(below, { ...shape, others })]),
    ),
  ];
}

interface Text {
  readonly tokens: readonly number[];
  readonly logProbs: readonly number[];
}

function textsOf(
  target: Model,
  prompts: readonly (readonly number[])[],
  count: number,
  options: ChoiceOptions,
  plan?: DrafterPlan,
  policy?: Policy,
): Text[] {
  using arena = new Arena(target.device, "switched");
  const context = Math.max(...prompts.map(({ length }) => length)) + count + 1;
  const memory = sequenceMemory(target.device, arena, context, plan);
  using round = new Round(target, memory, plan);
  if (policy) round.drafter!.policy = policy;
  round.prepareLogProbs("model");
  return prompts.map((prompt) => {
    memory.choice.set(options, prompt.length, target.config.vocabSize);
    for (const _ of round.read(prompt));
    const tokens: number[] = [];
    const logProbs: number[] = [];
    while (tokens.length < count) {
      const accepted = round.run("model");
      for (let j = 0; j < accepted; j++) {
        tokens.push(round.result[1 + j]);
        logProbs.push(round.logProb(j));
      }
    }
    return { tokens: tokens.slice(0, count), logProbs: logProbs.slice(0, count) };
  });
}

const CHOICES: Readonly<Record<string, ChoiceOptions>> = {
  greedy: {},
  sampled: { temperature: 0.9, topP: 0.95, seed: 11 },
};

/** With recent tokens at both levels. */
function recentTokens(trio: Trio): DrafterPlan[] {
  const { target, draft } = trio.recent!.eagle2;
  return all({ ...trio, targetHead: target, draftHead: draft }, 0);
}

const PLANS: Readonly<Record<string, (trio: Trio) => DrafterPlan[]>> = {
  "trees, sequences and suffixes": (trio) => all(trio, 0),
  "the same with siblings": (trio) => all(trio, 5),
  "block drafters": blocks,
  "heads with recent tokens": recentTokens,
};

for (const [name, plansOf] of Object.entries(PLANS)) {
  for (const [how, options] of Object.entries(CHOICES)) {
    backendTest(`drafters that take turns (${name}) give the ${how} text of none`, ({ device }) => {
      for (const seeds of [{ target: 1, draft: 1, noise: 0.02 }, { target: 1, draft: 2 }]) {
        withModels(device, seeds, (trio) => {
          const texts = prompts(6);
          const plain = textsOf(trio.target, texts, 60, options);
          const plan = switched(plansOf(trio));
          const policy = new Drawn(plan.settings);
          assertEquals(textsOf(trio.target, texts, 60, options, plan, policy), plain);
          assertEquals(policy.used.size, plan.settings.length, "settings that were used");
          for (const { tokens, reach } of policy.outcomes) {
            assertEquals(tokens >= 1 && tokens <= 1 + reach, true, `${tokens} of ${reach}`);
          }
        });
      }
    });
  }
}

backendTest("a draft model that has waited proposes as one that has not", ({ device }) => {
  withModels(device, { target: 1, draft: 1 }, (trio) => {
    const plan = draftModel(trio.draft, { minDraft: 6 }, switched([eagle2(trio.draftHead, SMALL)]));
    let outcomes: Outcome[] = [];
    // Plainly for longer than hidden states are kept, then by the draft model.
    const waiting = switched([plan]);
    const [{ tokens }] = textsOf(trio.target, [[1, 2, 3]], 240, {}, waiting, {
      decisions: [],
      next: () => waiting.settings[outcomes.length < 200 ? 0 : 2],
      observe: (outcome) => outcomes.push(outcome),
      reset: () => outcomes = [],
    });
    assertEquals(tokens, textsOf(trio.target, [[1, 2, 3]], 240, {})[0].tokens);
    // A model that drafts for itself is never refused.
    const late = outcomes.slice(200);
    assertGreater(late.length, 3);
    for (const { tokens, reach } of late) assertEquals(tokens, 1 + reach);
  });
});

backendTest("a head that has waited proposes as one that has not", ({ device }) => {
  withModels(device, { target: 1, draft: 1 }, (trio) => {
    const heads: DrafterPlan[] = [
      eagle2(trio.targetHead, { ...BIG, others: [SMALL] }),
      dflash(trio.blocks!["z-lab"].target, { depth: 4, topk: 2, treeSize: 7 }),
      eagle2(trio.recent!.eagle2.target, BIG),
      dflash(trio.recent!.dflash.target, { depth: 4, topk: 2, treeSize: 7 }),
    ];
    for (const head of heads) {
      const plan = switched([head]);
      const tree = head.settings[0];
      using arena = new Arena(device, "waiting");
      // Rows of prompts and of rounds are the same bits up to 64.
      const memory = sequenceMemory(device, arena, 400, plan, { promptRows: 64 });
      using round = new Round(trio.target, memory, plan);
      const proposed = (): number[] => {
        round.drafter!.use!(tree);
        round.drafter!.propose();
        return [...device.download(round.drafter!.proposal.tokens!)];
      };
      const prompt = prompts(5)[4];
      const text = [...prompt];
      for (const _ of round.read(prompt)) void 0;
      // By turns, so that it waits from all kinds of places, and for longer than hidden states are kept.
      for (const waits of [1, 47, 49, 150]) {
        round.drafter!.use!(PLAIN);
        for (let i = 0; i < waits; i++) {
          const accepted = round.run();
          text.push(...round.result.subarray(1, 1 + accepted));
        }
        const late = proposed();
        using other = new Arena(device, "not waiting");
        const fresh = sequenceMemory(device, other, 400, plan, { promptRows: 64 });
        using again = new Round(trio.target, fresh, plan);
        for (const _ of again.read(text)) void 0;
        again.drafter!.use!(tree);
        again.drafter!.propose();
        assertEquals(
          late,
          [...device.download(again.drafter!.proposal.tokens!)],
          `${head.name} behind ${waits} rounds`,
        );
      }
    }
  });
});
