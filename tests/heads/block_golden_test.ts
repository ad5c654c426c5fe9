/**
 * Block drafters of every layout against reference code in PyTorch (scripts/golden/block.py): what a block says behind a
 * text, and what a drafter makes of it. See tests/data/golden/README.md.
 */
import { assert, assertEquals, assertLess } from "@std/assert";
import { fileURLToPath } from "node:url";
import { toF32 } from "../../src/base/half.ts";
import { openSafetensors } from "../../src/checkpoint/containers/safetensors.ts";
import { Arena, rows } from "../../src/device/mod.ts";
import { BlockState, HeadModel, Model, ModelState } from "../../src/model/mod.ts";
import { copy } from "../../src/ops/mod.ts";
import {
  dflash,
  type DrafterPlan,
  dspark,
  Round,
  sequenceMemory,
} from "../../src/speculation/mod.ts";
import { BLOCK_TENSORS } from "../../src/checkpoint/config/block_head.ts";
import { backendTest } from "../backends.ts";
import { assertRows, TOLERANCE } from "../golden_logits.ts";
import { resizeRows, rewrite } from "../rewrite.ts";
import type { Rig } from "../rig.ts";

const GOLDEN = fileURLToPath(new URL("../data/golden", import.meta.url));
const VERIFIER = `${GOLDEN}/llama-deep`;

const NAMES = [...Deno.readDirSync(GOLDEN)].map(({ name }) => name)
  .filter((name) => /^(dflash|dspark)/.test(name)).sort();

/** The golden tensor `name` of the drafter `head`. */
function golden(head: string, name: string): { values: Float32Array<ArrayBuffer>; width: number } {
  using source = openSafetensors(`${GOLDEN}/${head}/golden.safetensors`);
  const { shape } = source.info(name);
  return { values: new Float32Array(source.read(name).buffer), width: shape.at(-1)! };
}

function goldenTokens(head: string, name: string): number[] {
  return [...new Int32Array(golden(head, name).values.buffer)];
}

/** Hidden states and logits of a block of `drafted` behind `tokens`, the context read in pieces of `piece`. */
function computed(rig: Rig, head: HeadModel, tokens: number[], drafted: number[], piece: number) {
  const { device } = rig;
  const count = tokens.length - 1;
  const slots = tokens.length + drafted.length;
  const sizes = { context: slots, slots, rows: count };
  using above = new ModelState(head.verifier, {
    ...sizes,
    logitsRows: 1,
    taps: head.taps as readonly number[],
  });
  using state = new BlockState(head, { ...sizes, drafted: drafted.length, branches: 2 });
  for (const { cache } of [above, state]) cache.ensure(slots);
  const ids = rig.put("i32", [tokens.length], tokens);
  above.queueForward({ rows: count, cacheLength: above.cacheLength }, { tokens: ids });
  for (let at = 0; at < count; at += piece) {
    const size = Math.min(piece, count - at);
    state.setLength(at);
    copy(device, rows(state.input, 0, size), rows(above.tapped, at, at + size));
    state.queueContext(size);
  }
  state.setLength(count);
  state.queueBlock(ids);
  const logits = drafted.flatMap((_, i) => {
    // The token looked for is the second of two that the row is to follow on.
    const before = rig.put("i32", [2], [7, i === 0 ? tokens[count] : drafted[i - 1]]);
    state.queueFollowed(i, { tokens: before }, 2);
    return [...new Float32Array(device.download(rows(state.followed, 1, 2)).buffer)];
  });
  const hidden = toF32(device.download(state.hidden), head.verifier.dtype);
  return { hidden, logits: Float32Array.from(logits) };
}

function planOf(head: HeadModel, depth: number): DrafterPlan {
  const make = head.description.kind === "dspark" ? dspark : dflash;
  return make(head, { depth, topk: 1, treeSize: depth + 1 });
}

for (const name of NAMES) {
  backendTest(`golden block: ${name}`, (rig) => {
    using model = Model.load(rig.device, VERIFIER);
    using head = HeadModel.load(rig.device, `${GOLDEN}/${name}`, model);
    assertEquals(head.description.kind, name.split("-")[0]);
    const tokens = goldenTokens(name, "tokens");
    const drafted = goldenTokens(name, "drafted");
    const [hidden, logits] = ["hidden", "logits"].map((one) => golden(name, one));
    for (const piece of [tokens.length, 5]) {
      const found = computed(rig, head, tokens, drafted, piece);
      assertEquals(found.hidden.length, hidden.values.length);
      const worst = hidden.values.reduce(
        (most, value, i) => Math.max(most, Math.abs(value - found.hidden[i])),
        0,
      );
      assertLess(worst, TOLERANCE.f16, "largest error of a hidden state");
      assertRows(found.logits, logits.values, logits.width, TOLERANCE.f16);
    }
  }, ["cpu", "cuda"]);

  backendTest(`golden block: a drafter with ${name} drafts what it should`, ({ device }) => {
    using model = Model.load(device, VERIFIER);
    using head = HeadModel.load(device, `${GOLDEN}/${name}`, model);
    const tokens = goldenTokens(name, "tokens");
    const drafted = goldenTokens(name, "drafted");
    const plan = planOf(head, drafted.length);
    using arena = new Arena(device, "test");
    const memory = sequenceMemory(device, arena, tokens.length + drafted.length, plan);
    using round = new Round(model, memory, plan);
    for (const _ of round.read(tokens));
    round.drafter!.propose();
    const proposed = new Int32Array(device.download(round.drafter!.proposal.tokens!).buffer);
    assertEquals([...proposed], [tokens.at(-1)!, ...drafted]);
  }, ["cpu", "cuda"]);
}

backendTest(
  "a Markov head of fewer tokens than its verifier adds to the logits of those",
  (rig) => {
    const dir = Deno.makeTempDirSync();
    try {
      const known = 100;
      const names = BLOCK_TENSORS.markov.map((name) => `${name}.weight`);
      const cut = rewrite(
        `${GOLDEN}/dspark`,
        dir,
        (all) => resizeRows(all, [...names, "embed_tokens.weight", "lm_head.weight"], known),
        { vocab_size: known },
      );
      using model = Model.load(rig.device, VERIFIER);
      const [whole, less] = [`${GOLDEN}/dspark`, cut].map((from) => {
        using head = HeadModel.load(rig.device, from, model);
        const drafted = [3, 4, 99, 5]; // each row but the first is behind a token that both know
        const { logits } = computed(rig, head, goldenTokens("dspark", "tokens"), drafted, 24);
        return logits;
      });
      const width = model.config.vocabSize;
      const base = whole.map((value, i) => value - less[i]);
      for (let i = 0; i < whole.length; i++) {
        // The first row is behind the last token of the text, which may be one that only the whole head knows.
        const row = Math.floor(i / width);
        if (i % width >= known) assert(base[i] !== 0 || row === 0, `entry ${i} of others`);
        else if (row > 0) assertEquals(less[i], whole[i], `entry ${i}`);
      }
    } finally {
      Deno.removeSync(dir, { recursive: true });
    }
  },
  ["cpu", "cuda"],
);
