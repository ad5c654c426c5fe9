/**
 * Losslessness on random models: whatever proposes, the tokens are those of plain decoding. Random models
 * agree on nothing, a model with itself agrees on everything, and a target with a perturbed copy on some.
 */
import { assertEquals, assertGreater } from "@std/assert";
import { eagle2 } from "../../src/speculation/mod.ts";
import { backendTest } from "../backends.ts";
import { someOf } from "../cases.ts";
import { BLOCK_METHODS, EAGLE3_METHODS, METHODS, RECENT_METHODS } from "../methods.ts";
import { decode, prompts, withModels } from "../rounds.ts";

const ALL_METHODS = [...METHODS, ...EAGLE3_METHODS, ...BLOCK_METHODS, ...RECENT_METHODS];
for (const [number, method] of ALL_METHODS.entries()) {
  /** Every other prompt on the CPU library, and the others with the next method or other models. */
  const promptsOn = (backend: string, turn: number) =>
    someOf(prompts(6), 2, { first: number + turn, backend });

  backendTest(
    `${method.name} gives the tokens of plain decoding where nothing agrees`,
    ({ device }) => {
      withModels(device, { target: 1, draft: 2 }, (models) => {
        for (const prompt of promptsOn(device.backend, 0)) {
          const { tokens } = decode(models.target, prompt, 40);
          assertEquals(decode(models.target, prompt, 40, method.plan(models)).tokens, tokens);
        }
      });
    },
  );

  backendTest(`${method.name} gives the tokens of plain decoding where all agree`, ({ device }) => {
    withModels(device, { target: 1, draft: 1 }, (models) => {
      const plan = method.plan(models);
      for (const prompt of promptsOn(device.backend, 1)) {
        const { tokens } = decode(models.target, prompt, 40);
        const found = decode(models.target, prompt, 40, plan);
        assertEquals(found.tokens, tokens);
        if (plan.name.startsWith("draft")) {
          // A model that drafts for itself is never refused: every round commits all of its sequence.
          assertGreater(found.tau, 5, `tau of ${method.name}`);
        }
      }
    });
  });
}

backendTest("trees of every shape give the tokens of plain decoding", ({ device }) => {
  withModels(device, { target: 4, draft: 4 }, ({ target, targetHead }) => {
    const prompt = prompts(5)[4];
    const { tokens } = decode(target, prompt, 24);
    for (const depth of [1, 2, 6]) {
      for (const topk of [1, 3, 10]) {
        for (const treeSize of [1, 2, 7, 30, 64]) {
          if (treeSize > 1 + topk + (depth - 1) * topk * topk) continue;
          const plan = eagle2(targetHead, { depth, topk, treeSize });
          assertEquals(decode(target, prompt, 24, plan).tokens, tokens, plan.name);
        }
      }
    }
  });
});
