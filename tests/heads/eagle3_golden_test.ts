/**
 * EAGLE-3 heads of every layout against reference code in PyTorch (scripts/golden/eagle3.py): what their taps, their
 * steps and their vocabulary come to, and what a drafter makes of it. See tests/data/golden/README.md.
 */
import { assertEquals, assertLess } from "@std/assert";
import { fileURLToPath } from "node:url";
import { openSafetensors } from "../../src/checkpoint/containers/safetensors.ts";
import { copy } from "../../src/ops/mod.ts";
import { Arena, rows } from "../../src/device/mod.ts";
import { HeadModel, HeadState, Model, ModelState } from "../../src/model/mod.ts";
import { eagle3, Round, sequenceMemory } from "../../src/speculation/mod.ts";
import { backendTest } from "../backends.ts";
import { assertRows, TOLERANCE } from "../golden_logits.ts";
import type { Rig } from "../rig.ts";

const GOLDEN = fileURLToPath(new URL("../data/golden", import.meta.url));
const VERIFIER = `${GOLDEN}/llama-deep`;

/** Rows read at once. */
const CHUNK = 256;

const NAMES = [...Deno.readDirSync(GOLDEN)].map(({ name }) => name)
  .filter((name) => name.startsWith("eagle3")).sort();

/** The golden tensor `name` of the head `head`. */
function golden(head: string, name: string): { values: Float32Array<ArrayBuffer>; width: number } {
  using source = openSafetensors(`${GOLDEN}/${head}/golden.safetensors`);
  const { shape } = source.info(name);
  return { values: new Float32Array(source.read(name).buffer), width: shape.at(-1)! };
}

function goldenTokens(head: string, name: string): number[] {
  return [...new Int32Array(golden(head, name).values.buffer)];
}

/** Hidden states and logits of the last rows of a text read, and of steps behind it with the reference's tokens. */
function computed(rig: Rig, head: HeadModel, tokens: number[], drafted: number[], kept: number) {
  const { device } = rig;
  const count = tokens.length - 1;
  const slots = count + drafted.length;
  const sizes = { context: slots, slots, rows: Math.min(CHUNK, count), logitsRows: kept };
  using above = new ModelState(head.verifier, { ...sizes, taps: head.taps as readonly number[] });
  using state = new HeadState(head, sizes);
  for (const { cache } of [above, state]) cache.ensure(slots);
  const ids = rig.put("i32", [slots + 1], [...tokens, ...drafted]);
  const found: { hidden: Float32Array[]; logits: Float32Array[] } = { hidden: [], logits: [] };
  const take = (from: number, to: number): void => {
    const given = rows(state.hidden, from, to);
    state.queueLogits(given);
    found.hidden.push(new Float32Array(device.download(given).buffer));
    found.logits.push(new Float32Array(device.download(rows(state.logits, 0, to - from)).buffer));
  };
  let last = 0;
  for (let at = 0; at < count; at += CHUNK) {
    const size = Math.min(CHUNK, count - at);
    above.setLength(at);
    state.setLength(at);
    const step = { rows: size, cacheLength: state.cacheLength };
    above.queueForward({ ...step, cacheLength: above.cacheLength }, {
      tokens: ids,
      start: above.cacheLength,
    });
    copy(device, rows(state.input, 0, size), rows(above.tapped, 0, size));
    state.queueForward(step, { tokens: ids, start: state.cacheLength, shift: 1 });
    const first = Math.max(0, size - (at + size - (count - kept)));
    if (at + size > count - kept) take(first, size);
    last = size - 1;
  }
  for (let i = 0; i < drafted.length - 1; i++) {
    state.setLength(count + i);
    const step = { rows: 1, cacheLength: state.cacheLength };
    const index = rig.put("i32", [1], [i === 0 ? last : 0]);
    const next = { tokens: ids, start: state.cacheLength, shift: 1 };
    state.queueContinue(step, next, state.hidden, index);
    take(0, 1);
  }
  return found;
}

function joined(parts: readonly Float32Array[]): Float32Array {
  return Float32Array.from(parts.flatMap((part) => [...part]));
}

for (const name of NAMES) {
  backendTest(`golden head: ${name}`, (rig) => {
    using model = Model.load(rig.device, VERIFIER);
    using head = HeadModel.load(rig.device, `${GOLDEN}/${name}`, model);
    const tokens = goldenTokens(name, "tokens");
    const drafted = goldenTokens(name, "drafted");
    const [hidden, logits] = ["hidden", "logits"].map((one) => golden(name, one));
    const kept = hidden.values.length / hidden.width - (drafted.length - 1);
    const found = computed(rig, head, tokens, drafted, kept);
    const states = joined(found.hidden);
    assertEquals(states.length, hidden.values.length);
    // What is not normed grows; an error is one of the largest number.
    const largest = hidden.values.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
    const worst = hidden.values.reduce(
      (most, value, i) => Math.max(most, Math.abs(value - states[i])),
      0,
    );
    assertLess(worst / largest, TOLERANCE.f16 / 4, "largest error of a hidden state");
    assertRows(joined(found.logits), logits.values, logits.width, TOLERANCE.f16);
  }, ["cpu", "cuda"]);

  backendTest(`golden head: a drafter with ${name} drafts what it should`, ({ device }) => {
    using model = Model.load(device, VERIFIER);
    using head = HeadModel.load(device, `${GOLDEN}/${name}`, model);
    const tokens = goldenTokens(name, "tokens");
    const drafted = goldenTokens(name, "drafted");
    const depth = drafted.length;
    const plan = eagle3(head, { depth, topk: 1, treeSize: depth + 1 });
    using arena = new Arena(device, "test");
    const memory = sequenceMemory(device, arena, tokens.length + depth, plan);
    using round = new Round(model, memory, plan);
    for (const _ of round.read(tokens));
    round.drafter!.propose();
    const proposed = new Int32Array(device.download(round.drafter!.proposal.tokens!).buffer);
    assertEquals([...proposed], [tokens.at(-1)!, ...drafted]);
  }, ["cpu", "cuda"]);
}
