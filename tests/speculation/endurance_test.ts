/**
 * Thousands of rounds in one process: nothing is allocated, kept or slowed down by rounds that came before.
 */
import { assert, assertEquals } from "@std/assert";
import { Arena } from "../../src/device/mod.ts";
import { draftModel, eagle2, Round, sequenceMemory } from "../../src/speculation/mod.ts";
import { backendTest } from "../backends.ts";
import { prompts, withModels } from "../rounds.ts";

const ROUNDS = 5000;
const CONTEXT = 400;
/** Bytes that the host may grow by: what the garbage collector has not come to yet. */
const HOST_GROWTH = 32e6;

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1];
}

backendTest(`${ROUNDS} rounds of hierarchical generation leave memory as it was`, ({ device }) => {
  withModels(device, { target: 1, draft: 1, noise: 0.02 }, ({ target, draft, draftHead }) => {
    const plan = draftModel(
      draft,
      { minDraft: 6 },
      eagle2(draftHead, { depth: 3, topk: 4, treeSize: 12 }),
    );
    using arena = new Arena(device, "test");
    using round = new Round(target, sequenceMemory(device, arena, CONTEXT, plan), plan);
    const texts = prompts(8);
    let done = 0;
    const milliseconds: number[] = [];
    const run = (rounds: number): void => {
      for (const end = done + rounds; done < end;) {
        for (const _ of round.read(texts[done % texts.length]));
        while (done < end && round.state.length + 20 < CONTEXT) {
          const from = performance.now();
          round.run();
          milliseconds.push(performance.now() - from);
          done++;
        }
      }
    };
    run(500); // caches grow and code is compiled
    const { used } = device.memory();
    const host = Deno.memoryUsage().rss;
    run(ROUNDS - 500);
    assertEquals(device.memory().used, used, "device memory");
    const grown = Deno.memoryUsage().rss - host;
    assert(grown < HOST_GROWTH, `the host grew by ${grown} bytes, over ${HOST_GROWTH}`);
    const drift = median(milliseconds.slice(-500)) / median(milliseconds.slice(500, 1000));
    // Other work on a CPU moves its times; a device of its own stands still.
    const most = device.backend === "cuda" ? 1.05 : 3;
    assert(drift < most, `the last rounds took ${drift} times what the first took, over ${most}`);
  });
}, ["cpu", "cuda"]);
