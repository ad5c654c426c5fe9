/**
 * Models straight from GGUF files beside what gguf_golden_test.ts holds against `transformers`: scores, mixtures of
 * types, drafters of other kinds, memory, and scales that are refused. See tests/data/gguf/README.md.
 */
import { assert, assertEquals, assertLess, assertThrows } from "@std/assert";
import { CheckpointError } from "../../src/base/errors.ts";
import { type Checkpoint, openCheckpoint } from "../../src/checkpoint/checkpoint.ts";
import { sourceOf, type TensorInfo } from "../../src/checkpoint/containers/source.ts";
import type { Device } from "../../src/device/mod.ts";
import { scoreTokens } from "../../src/engine/score.ts";
import { HeadModel, Model } from "../../src/model/mod.ts";
import { backendTest } from "../backends.ts";
import { GGUF_CASES, ggufCase, ggufGolden } from "./gguf_cases.ts";
import { assertRows, modelLogits, TOLERANCE } from "../golden_logits.ts";
import { METHODS, type Trio } from "../methods.ts";
import { type RandomModel, writeRandomHead, writeRandomModel } from "../models.ts";
import { decode } from "../rounds.ts";
import { Random } from "../random.ts";
import { dequantize } from "../reference/gguf.ts";

/**
 * How far a logit may be from the reference's, for logits of a mean square of 1. Weights are exact, so it is what f16
 * activations leave, as in models that are not quantized; but for Q4_K and Q5_K, whose products of scales are rounded to
 * f16, which leaves as much again (measured: 1.8 times the error of dequantized weights in f16).
 */
function toleranceOf(model: Model): number {
  const isRounded = /Q[45]_K/.test(model.summary.scheme);
  return TOLERANCE[model.dtype] * (isRounded ? 2 : 1);
}

/** The tolerance of logits of this spread. */
function toleranceFor(model: Model, logits: Float32Array): number {
  return toleranceOf(model) * Math.sqrt(logits.reduce((sum, x) => sum + x * x, 0) / logits.length);
}

for (const name of GGUF_CASES) {
  backendTest(`gguf models: ${name} is scored as the model that it stands for`, ({ device }) => {
    using model = Model.load(device, ggufCase(name).path);
    const { tokens, logits } = ggufGolden(name);
    const width = model.config.vocabSize;
    const { logprobs } = scoreTokens(model, tokens);
    for (let i = 1; i < tokens.length; i++) {
      const row = logits.subarray((i - 1) * width, i * width);
      const largest = Math.max(...row);
      const sum = row.reduce((total, value) => total + Math.exp(value - largest), 0);
      const expected = row[tokens[i]] - largest - Math.log(sum);
      assertLess(Math.abs(logprobs[i]! - expected), 2 * toleranceFor(model, logits), `token ${i}`);
    }
  });
}

/** The shape of a model, for another of random weights. */
function shapeOf({ config }: Model, seed: number): RandomModel {
  return {
    seed,
    layers: 1,
    hidden: config.hiddenSize,
    intermediate: config.intermediateSize,
    heads: config.heads,
    kvHeads: config.kvHeads,
    headDim: config.headDim,
    vocab: config.vocabSize,
  };
}

/** Where the models of a trio come from; the draft model a GGUF, or random weights in Hugging Face's layout. */
interface Sources {
  readonly target: string;
  readonly draft: string | { readonly padding: number };
}

/** Runs `body` with a GGUF target, and heads of random weights for it and for the draft model. */
function withTrio(device: Device, { target, draft }: Sources, body: (trio: Trio) => void): void {
  const dir = Deno.makeTempDirSync();
  try {
    using stack = new DisposableStack();
    const above = stack.use(Model.load(device, ggufCase(target).path));
    const below = typeof draft === "string"
      ? ggufCase(draft).path
      : writeRandomModel(`${dir}/draft`, {
        ...shapeOf(above, 5),
        vocab: above.config.vocabSize + draft.padding,
      });
    const under = stack.use(Model.load(device, below));
    const headOf = (verifier: Model, name: string) => {
      const path = writeRandomHead(`${dir}/${name}`, shapeOf(verifier, 9));
      return stack.use(HeadModel.load(device, path, verifier));
    };
    body({
      target: above,
      draft: under,
      targetHead: headOf(above, "target-head"),
      draftHead: headOf(under, "draft-head"),
    });
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

// Beside those of gguf_golden_test.ts: a draft model in Hugging Face's layout, vocabularies of another length.
const TRIOS: readonly Sources[] = [
  { target: "q4_0", draft: "q4_1" },
  { target: "q5_k", draft: { padding: 0 } },
  { target: "q6_k", draft: { padding: 64 } },
  { target: "qwen3", draft: "qwen3" },
  { target: "mistral", draft: "mistral" },
];

for (const sources of TRIOS) {
  const { target, draft } = sources;
  const drafts = typeof draft === "string" ? draft : `random, ${draft.padding} of padding`;
  backendTest(
    `gguf models: every method gives the tokens of ${target} (draft model ${drafts})`,
    ({ device }) => {
      withTrio(device, sources, (trio) => {
        const { vocabSize } = trio.target.config;
        const random = new Random(3);
        for (const length of [1, 70, 9]) {
          const prompt = random.integers(length, vocabSize);
          const { tokens } = decode(trio.target, prompt, 24);
          for (const method of METHODS) {
            const found = decode(trio.target, prompt, 24, method.plan(trio));
            assertEquals(found.tokens, tokens, `${method.name}, prompt of ${length}`);
            if (method.name === "draft" && target === draft) {
              assertEquals(found.tau > 4, true, "a model that drafts for itself is refused");
            }
          }
        }
      });
    },
  );
}

/** The most bytes that CUDA fills tiles of 256 outputs and 128 inputs up with. */
function fillingOf({ tensors }: Checkpoint): number {
  const up = (size: number, to: number) => Math.ceil(size / to) * to;
  const elements = tensors.names().map((name) => {
    const [n, k = 0] = tensors.info(name).blocks?.shape ?? [0];
    return up(n, 256) * up(k, 128) - n * k;
  });
  // A byte each, and in groups of 16 a scale and an offset.
  return elements.reduce((sum, count) => sum + count, 0) * 1.25;
}

for (const name of GGUF_CASES) {
  backendTest(`gguf models: what is planned for ${name} is what is taken`, ({ device }) => {
    const { used } = device.memory();
    using checkpoint = openCheckpoint(ggufCase(name).path);
    const progress: [number, number][] = [];
    using model = Model.load(device, checkpoint, (done, total) => progress.push([done, total]));
    const { weightBytes } = model.summary;
    const taken = device.memory().used - used;
    // CUDA fills tiles up.
    const most = device.backend === "cpu" ? 0 : fillingOf(checkpoint);
    const tensors = checkpoint.tensors.names().length;
    assert(
      taken >= weightBytes && taken <= weightBytes + most + 256 * tensors,
      `${taken} bytes, expected ${weightBytes}`,
    );
    assertEquals(progress.at(-1), [weightBytes, weightBytes]);
    const { embedding, lmHead } = model;
    assertEquals(model.config.tiedEmbeddings, embedding.linear === lmHead);
  });
}

/** `checkpoint` with another tensor called `info.name`, of `bytes`. */
function replaced(
  checkpoint: Checkpoint,
  info: TensorInfo,
  bytes: Uint8Array<ArrayBuffer>,
): Checkpoint {
  const { tensors } = checkpoint;
  return {
    ...checkpoint,
    tensors: sourceOf({
      file: tensors.file,
      names: () => tensors.names(),
      find: (name) => name === info.name ? { ...info, bytes: bytes.length } : tensors.find(name),
      fill({ name }, offset, into) {
        if (name !== info.name) tensors.readInto(name, offset, into);
        else into.set(bytes.subarray(offset, offset + into.length));
      },
      close: () => {},
    }),
  };
}

/** `checkpoint` with the tensor `name` in f32: what its blocks stand for. */
function widened(checkpoint: Checkpoint, name: string): Checkpoint {
  const { blocks, ...info } = checkpoint.tensors.info(name);
  const values = dequantize(blocks!.type, checkpoint.tensors.read(name));
  const floats = { ...info, dtype: "f32", shape: blocks!.shape } as const;
  return replaced(checkpoint, floats, new Uint8Array(values.buffer));
}

backendTest("gguf models: layers that read one input may be stored in any mixture", (rig) => {
  const { tokens, logits } = ggufGolden("q4_k_m");
  using checkpoint = openCheckpoint(ggufCase("q4_k_m").path);
  // Floats first, between, last, and with two kinds of blocks beside them.
  for (const names of [["q"], ["k"], ["v"], ["q", "v"], ["k", "v"], ["gate"], ["up"]]) {
    const mixed = names.reduce((from, name) => {
      const part = /^[qkv]$/.test(name) ? `self_attn.${name}` : `mlp.${name}`;
      return widened(from, `model.layers.0.${part}_proj.weight`);
    }, checkpoint);
    using model = Model.load(rig.device, mixed);
    const kinds = model.summary.layers.filter(({ scheme }) => scheme === "f32").length;
    assertEquals(kinds, names.length);
    const found = modelLogits(rig, model, tokens);
    assertRows(found, logits, model.config.vocabSize, toleranceFor(model, logits));
  }
});

/** `checkpoint` with some bytes of a tensor changed. */
function patched(
  checkpoint: Checkpoint,
  name: string,
  at: number,
  bytes: readonly number[],
): Checkpoint {
  const changed = checkpoint.tensors.read(name);
  changed.set(bytes, at);
  return replaced(checkpoint, checkpoint.tensors.info(name), changed);
}

/** Where the last block of a weight has its scales. */
const SCALES: readonly (readonly [type: string, name: string, bytes: number, at: number[]])[] = [
  ["q4_0", "self_attn.q_proj", 18, [0]],
  ["q4_1", "mlp.down_proj", 20, [0, 2]],
  ["q5_0", "mlp.up_proj", 22, [0]],
  ["q5_1", "self_attn.o_proj", 24, [0, 2]],
  ["q8_0", "self_attn.v_proj", 34, [0]],
  ["q4_k", "self_attn.k_proj", 144, [0, 2]],
  ["q5_k", "mlp.gate_proj", 176, [0, 2]],
  ["q6_k", "self_attn.q_proj", 210, [208]],
];

backendTest(
  "gguf models: scales that f16 does not hold are refused, whatever the block",
  ({ device }) => {
    const { used } = device.memory();
    for (const [type, layer, bytes, places] of SCALES) {
      using checkpoint = openCheckpoint(ggufCase(type).path);
      const name = `model.layers.0.${layer}.weight`;
      const info = checkpoint.tensors.info(name);
      assertEquals(info.blocks?.type, type.toUpperCase(), name);
      const isK = type.endsWith("_k");
      for (const block of [0, info.bytes / bytes - 1]) {
        for (const place of places) {
          // Infinity, NaN and, for what is multiplied again, what is then more than f16 holds; in either sign.
          for (const high of [0x7c, 0x7e, 0xfc, ...(isK ? [0x70, 0xf0] : [])]) {
            const broken = patched(checkpoint, name, block * bytes + place, [0, high]);
            const error = assertThrows(() => Model.load(device, broken), CheckpointError);
            assertEquals(error.tensor, name);
            assert(error.message.includes(`block ${block} has the scale `), error.message);
            assertEquals(device.memory().used, used, "something stayed loaded");
          }
          const large = patched(checkpoint, name, block * bytes + place, [0, isK ? 0x5c : 0x7b]);
          Model.load(device, large)[Symbol.dispose]();
        }
      }
    }
  },
  ["cpu", "cuda"],
);
