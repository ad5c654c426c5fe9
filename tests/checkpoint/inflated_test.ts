/**
 * The demo trio inside bigger shapes: the proof that what is inflated says what the small trio says.
 */
import { assert, assertAlmostEquals, assertEquals, assertGreater, assertLess } from "@std/assert";
import { DEMO_DIR, Trio } from "../../scripts/models/trio.ts";
import { type Checkpoint, openCheckpoint } from "../../src/checkpoint/checkpoint.ts";
import type { ModelConfig } from "../../src/checkpoint/config/config.ts";
import { openHead } from "../../src/checkpoint/head.ts";
import { inflate, inflateHead } from "../../src/checkpoint/synthetic/inflated.ts";
import type { Device } from "../../src/device/mod.ts";
import { HeadModel, Model, ModelState } from "../../src/model/mod.ts";
import { backendTest } from "../backends.ts";
import { METHODS, type Trio as Models } from "../methods.ts";
import { problems } from "../problems.ts";
import type { Rig } from "../rig.ts";
import { Decoder } from "../rounds.ts";

const PROMPTS = 20;
const DECODED = 8; // prompts that are decoded by every method
const TOKENS = 24;
const CONTEXT = 160;

/**
 * What a logit may move by. One f16 rounding that falls to the other side, which another order of summation is
 * enough for, moves logits of the demo target by 5e-3: rarely it is more than this, never twice as much.
 */
const LARGEST_ERROR = 1e-2;

/**
 * The share of logits that may move by more, up to twice as much. The twin rounds the inputs of four-bit products to
 * 2^-17 of the largest of their block (ADR 23), and what stands beside an input in its block is not the same in both:
 * roundings fall to the other side more often (2.5e-6 of the logits).
 */
const RARE = { cuda: 1e-6, cpu: 4e-6 };

type Sizes = Pick<
  ModelConfig,
  "vocabSize" | "hiddenSize" | "intermediateSize" | "layers" | "heads" | "kvHeads"
>;

/** A hidden size whose norms need an echo of the residual stream, and with room for an inexact one only. */
const TARGET: Sizes = {
  vocabSize: 3400,
  hiddenSize: 1024,
  intermediateSize: 1024,
  layers: 9,
  heads: 8,
  kvHeads: 2,
};

/** Without an echo, as 4096; two query heads that need two groups. */
const DRAFT: Sizes = {
  vocabSize: 3400,
  hiddenSize: 1024,
  intermediateSize: 768,
  layers: 5,
  heads: 3,
  kvHeads: 3,
};

/** The demo trio in the shapes above, on `device`. */
function inflatedTrio(device: Device, cleanup: DisposableStack): Models {
  const model = (name: string, sizes: Sizes): [Model, Checkpoint] => {
    using small = openCheckpoint(`${DEMO_DIR}/${name}`);
    using big = inflate(small, { ...small.config, ...sizes }, { seed: 5 });
    return [cleanup.use(Model.load(device, big)), small];
  };
  const head = (name: string, sizes: Sizes, verifier: Model, of: Checkpoint): HeadModel => {
    using small = openHead(`${DEMO_DIR}/${name}`);
    const shape = { ...small.config.model, ...sizes };
    using big = inflateHead(small, of.config, shape, { seed: 6 });
    return cleanup.use(HeadModel.load(device, big, verifier));
  };
  const [target, smallTarget] = model("target", TARGET);
  const [draft, smallDraft] = model("draft", DRAFT);
  return {
    target,
    draft,
    targetHead: head("target-eagle2", TARGET, target, smallTarget),
    draftHead: head("draft-eagle2", DRAFT, draft, smallDraft),
  };
}

/** Logits of every position of `tokens`, [tokens, vocab]. */
function logitsOf(rig: Rig, model: Model, tokens: readonly number[]): Float32Array {
  const count = tokens.length;
  const sizes = { context: count, slots: count, rows: count, logitsRows: count };
  using state = new ModelState(model, sizes);
  state.cache.ensure(count);
  const ids = rig.put("i32", [count], tokens);
  state.queueForward({ rows: count, cacheLength: state.cacheLength }, { tokens: ids });
  state.queueLogits(count);
  return new Float32Array(rig.device.download(state.logits).buffer);
}

/** How two models' logits differ on the small vocabulary, and how close padded rows come. */
interface Difference {
  logits: number;
  largest: number;
  beyond: number;
  margin: number;
}

function compare(
  rig: Rig,
  small: Model,
  big: Model,
  prompts: readonly (readonly number[])[],
): Difference {
  const [v, V] = [small.config.vocabSize, big.config.vocabSize];
  const found: Difference = { logits: 0, largest: 0, beyond: 0, margin: Infinity };
  for (const prompt of prompts) {
    const expected = logitsOf(rig, small, prompt);
    const actual = logitsOf(rig, big, prompt);
    for (let i = 0; i < prompt.length; i++) {
      const real = actual.subarray(i * V, i * V + v);
      for (let j = 0; j < v; j++) {
        const error = Math.abs(real[j] - expected[i * v + j]);
        assert(error < Infinity, "a logit is not finite");
        found.largest = Math.max(found.largest, error);
        if (error > LARGEST_ERROR) found.beyond++;
      }
      const padded = actual.subarray(i * V + v, (i + 1) * V);
      found.margin = Math.min(found.margin, Math.min(...real) - Math.max(...padded));
      assert(padded.every(Number.isFinite), "a padded logit is not finite");
    }
    found.logits += prompt.length * v;
  }
  return found;
}

backendTest("an inflated trio says what the small one says", (rig) => {
  const { device } = rig;
  using cleanup = new DisposableStack();
  const small = cleanup.use(new Trio(undefined, device));
  const big = inflatedTrio(device, cleanup);
  assertEquals(big.target.layers.length, TARGET.layers);
  assertEquals(big.target.config.ropeTheta, small.target.config.ropeTheta);
  const prompts = problems(PROMPTS, 12).map((text) =>
    small.tokenizer.encode(`Question: ${text}\nAnswer:`)
  );
  for (const role of ["target", "draft"] as const) {
    const { logits, largest, beyond, margin } = compare(rig, small[role], big[role], prompts);
    assertLess(largest, 2 * LARGEST_ERROR, `the most that a logit of the ${role} moves by`);
    assertLess(
      beyond,
      logits * RARE[device.backend],
      `logits of the ${role} that move by more than 1e-2`,
    );
    assertGreater(margin, 30, `how far padded logits of the ${role} lie below real ones`);
  }
  const plans = [undefined, ...METHODS.slice(0, 3)];
  for (const method of plans) {
    using one = new Decoder(small.target, CONTEXT, method?.plan(small));
    using two = new Decoder(big.target, CONTEXT, method?.plan(big));
    let [smallForwards, bigForwards] = [0, 0];
    for (const [i, prompt] of prompts.slice(0, DECODED).entries()) {
      const tokens = one.decode(prompt, TOKENS);
      assertEquals(two.decode(prompt, TOKENS), tokens, `${method?.name ?? "ar"}, prompt ${i}`);
      smallForwards += one.forwards;
      bigForwards += two.forwards;
    }
    assertAlmostEquals(bigForwards / smallForwards, 1, 0.02, `forwards of ${method?.name}`);
  }
}, ["cpu", "cuda"]);
