/**
 * The policy of `auto` with the settings that it has now, on traces of their shapes: what this project has set out to reach.
 */
import { assertEquals, assertGreater } from "@std/assert";
import { Trio } from "../../scripts/models/trio.ts";
import { autoPlan } from "../../src/engine/auto.ts";
import { EAGLE2 } from "../../src/engine/drafters/eagle2.ts";
import {
  always,
  AutoPolicy,
  PLAIN,
  rowsOf,
  type Setting,
  settingName,
} from "../../src/speculation/mod.ts";
import { backendTest } from "../backends.ts";
import { random } from "../random.ts";
import { adversarial, made } from "./adversary.ts";
import { LATE, LATE_SHARES } from "./late.ts";
import { bestFixed, replay } from "./simulator.ts";
import { joined, restore, type Trace } from "./trace.ts";

const LENGTH = 1000;

/** The mean speed of `auto` over that of the best setting in hindsight. */
function meanRatio(name: string, traces: readonly Trace[]): number {
  const { settings, costs } = LATE[name];
  const ratios = traces.map((trace) => {
    const { tokens, ms } = replay(trace, costs, new AutoPolicy(settings, costs));
    return tokens / ms / bestFixed(trace, costs, settings).speed;
  });
  const low = ratios.filter((ratio) => ratio < 0.97).length;
  const mean = ratios.reduce((a, b) => a + b, 0) / ratios.length;
  console.log(
    `${name}: mean ${mean.toFixed(3)}, ${low} of ${ratios.length} below 0.97, least ${
      Math.min(...ratios).toFixed(3)
    }`,
  );
  return mean;
}

/** Recorded texts as they come, some of them again. */
function sessions(file: string, seed: number): Trace[] {
  const path = new URL(`../data/${file}`, import.meta.url);
  const texts: Trace[] = JSON.parse(Deno.readTextFileSync(path)).map(restore);
  const next = random(seed);
  const count = Math.ceil(LENGTH / texts[0].length);
  return Array.from({ length: 30 }, (_, i) => {
    const session = Array.from({ length: count }, () => texts[Math.floor(next() * texts.length)]);
    return joined(`session ${i}`, session);
  });
}

for (const [name, { settings, costs }] of Object.entries(LATE)) {
  Deno.test(`auto with the settings of now beside the best in hindsight, ${name}`, () => {
    assertGreater(meanRatio(name, adversarial(LENGTH, LATE_SHARES)), 0.97, "adversarial");
    assertGreater(meanRatio(name, sessions("traces_late.json", 8)), 0.97, "recorded");
    assertGreater(meanRatio(name, sessions("traces_late_others.json", 41)), 0.97, "others");
    // Another trio's, whose drafters are near one another.
    assertGreater(meanRatio(name, sessions("traces_late_smollm2.json", 5)), 0.955, "SmolLM2's");
  });

  Deno.test(`auto with the settings of now where every draft is refused, ${name}`, () => {
    for (const seed of [1, 2, 3]) {
      const rates = { suffix: 0, tree: 0, draft: 0, inner: 0 };
      const trace = made("all refused", LENGTH, seed, () => rates, LATE_SHARES);
      const auto = replay(trace, costs, new AutoPolicy(settings, costs));
      const plain = replay(trace, costs, always(PLAIN));
      const ratio = auto.tokens / auto.ms / (plain.tokens / plain.ms);
      console.log(`${name}: ${ratio.toFixed(3)} of plain decoding`);
      assertGreater(ratio, 0.98);
    }
  });
}

backendTest("the settings of now are those that an engine has", ({ device }) => {
  using trio = new Trio(undefined, device);
  const { settings } = autoPlan({
    head: { kind: EAGLE2, head: trio.targetHead },
    draft: trio.draft,
    draftHead: { kind: EAGLE2, head: trio.draftHead },
  });
  const told = (all: readonly Setting[]) => all.map((one) => `${settingName(one)}: ${rowsOf(one)}`);
  const name = device.backend === "cpu" ? "a CPU" : "70B and 8B";
  assertEquals(told(settings).sort(), told(LATE[name].settings).sort());
}, ["cpu", "cuda"]);
