/**
 * Drafters that do not see the noise that tokens are sampled with: what seeing it is compared with.
 *
 * @module
 */
import type { Arena, Device } from "../../src/device/mod.ts";
import { Choice, type DrafterPlan } from "../../src/speculation/mod.ts";

/** The drafter of `plan`, all levels of it greedy, whatever the verifier above does. `arena` must outlive it. */
export function blind(plan: DrafterPlan, device: Device, arena: Arena): DrafterPlan {
  const choice = new Choice(device, arena);
  return {
    ...plan,
    create: ({ state, taps, memory, stats }) =>
      plan.create({ state, taps, stats, memory: { ...memory, choice } }),
  };
}
