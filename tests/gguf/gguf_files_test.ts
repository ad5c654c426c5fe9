/**
 * GGUF files that the `gguf` package made, of every type, architecture and row order that is read, against what it
 * says that they hold. See tests/data/gguf/README.md.
 */
import { assert, assertEquals } from "@std/assert";
import { type Checkpoint, openCheckpoint } from "../../src/checkpoint/checkpoint.ts";
import { findLinear } from "../../src/checkpoint/formats/quantization.ts";
import { showShape } from "../../src/base/shape.ts";
import { GGUF_CASES, type GgufCase, ggufCase } from "./gguf_cases.ts";
import { dequantize } from "../reference/gguf.ts";

async function sha256(values: Float32Array<ArrayBuffer>): Promise<string> {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

/** What a tensor stands for, in f32. */
function valuesOf({ tensors }: Checkpoint, name: string): Float32Array<ArrayBuffer> {
  const { dtype, blocks } = tensors.info(name);
  return dequantize(blocks?.type ?? dtype.toUpperCase(), tensors.read(name));
}

for (const name of GGUF_CASES) {
  Deno.test(`gguf files: ${name} holds the numbers that the package dequantizes, row for row`, async () => {
    const { path, tensors } = ggufCase(name);
    using checkpoint = openCheckpoint(path);
    assertEquals(checkpoint.tensors.names().toSorted(), Object.keys(tensors).toSorted());
    for (const [tensor, { type, shape, sha256: expected, first }] of Object.entries(tensors)) {
      const info = checkpoint.tensors.info(tensor);
      assertEquals(info.blocks?.type ?? info.dtype.toUpperCase(), type, tensor);
      assertEquals(info.blocks?.shape ?? info.shape, shape, tensor);
      const values = valuesOf(checkpoint, tensor);
      assertEquals([...values.slice(0, 4)], first, tensor);
      assertEquals(await sha256(values), expected, tensor);
    }
  });

  Deno.test(`gguf files: ${name} is configured as the model that it was made from`, () => {
    const { path, config } = ggufCase(name);
    using checkpoint = openCheckpoint(path);
    assertEquals(picked(checkpoint), expectedConfig(config), name);
    assertEquals(checkpoint.unusedKeys.filter(({ matters }) => matters), []);
  });

  Deno.test(`gguf files: linear layers of ${name} are found, floats as floats and blocks as blocks`, () => {
    const { path, tensors } = ggufCase(name);
    using checkpoint = openCheckpoint(path);
    const { quantization } = checkpoint;
    for (const [tensor, { type, shape: [n, k] }] of Object.entries(tensors)) {
      if (!/(proj|embed_tokens|lm_head)\.weight$/.test(tensor)) continue;
      const prefix = tensor.slice(0, -".weight".length);
      const found = findLinear(checkpoint.tensors, quantization, { prefix, n, k });
      assertEquals<Record<string, unknown>>({ ...found }, {
        prefix,
        n,
        k,
        ...(/^B?F\d+$/.test(type)
          ? { kind: "f16", dtype: type.toLowerCase() }
          : { kind: "blocks", tensor, type }),
      }, tensor);
    }
  });
}

/** What the two have in common, by the names of Hugging Face. */
function picked({ config }: Checkpoint): Record<string, unknown> {
  return {
    model: config.architecture,
    vocab_size: config.vocabSize,
    hidden_size: config.hiddenSize,
    intermediate_size: config.intermediateSize,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    num_key_value_heads: config.kvHeads,
    head_dim: config.headDim,
    max_position_embeddings: config.maxPositions,
    rms_norm_eps: config.rmsNormEps,
    rope_theta: config.ropeTheta,
    rope_type: config.ropeScaling?.type ?? "default",
    tie_word_embeddings: config.tiedEmbeddings,
    biases: [config.qkvBias, config.outputBias, config.mlpBias],
    norms: config.qkNorm,
    window: config.slidingWindow,
  };
}

function expectedConfig(config: GgufCase["config"]): Record<string, unknown> {
  const model = config.model_type === "mistral" ? "llama" : config.model_type;
  const { rope_type: type = "default", rope_theta: theta = config.rope_theta } =
    config.rope_parameters ?? {};
  const all = config.attention_bias === true;
  return {
    model,
    vocab_size: config.vocab_size,
    hidden_size: config.hidden_size,
    intermediate_size: config.intermediate_size,
    num_hidden_layers: config.num_hidden_layers,
    num_attention_heads: config.num_attention_heads,
    num_key_value_heads: config.num_key_value_heads,
    head_dim: config.head_dim,
    max_position_embeddings: config.max_position_embeddings,
    rms_norm_eps: Math.fround(config.rms_norm_eps),
    rope_theta: theta,
    // The converter has made a tensor of it.
    rope_type: type === "llama3" ? "factors" : type,
    tie_word_embeddings: config.tie_word_embeddings,
    biases: [model === "qwen2" || all, all, config.mlp_bias === true],
    norms: model === "qwen3",
    window: undefined,
  };
}

Deno.test("gguf files: rows in another order are the same in pieces of any size", () => {
  using checkpoint = openCheckpoint(ggufCase("q4_k").path);
  const { tensors } = checkpoint;
  for (
    const name of ["q_proj", "k_proj", "v_proj"].map((part) =>
      `model.layers.0.self_attn.${part}.weight`
    )
  ) {
    const whole = tensors.read(name);
    const [, row] = tensors.info(name).shape;
    for (const size of [1, 7, row - 1, row, row + 1, 31 * row, 32 * row, 33 * row, whole.length]) {
      // Of tiny pieces some are enough: at the ends of rows, halves and heads.
      const starts = size >= row - 1
        ? Array.from({ length: Math.ceil(whole.length / size) }, (_, i) => i * size)
        : [0, row - 3, row, 16 * row - 2, 32 * row - 4, 48 * row - 1, whole.length - size];
      for (const at of starts) {
        const piece = new Uint8Array(Math.min(size, whole.length - at));
        tensors.readInto(name, at, piece);
        assertEquals(piece, whole.subarray(at, at + piece.length), `${name}, ${size} at ${at}`);
      }
    }
    const backwards = new Uint8Array(whole.length);
    for (let at = whole.length; at > 0; at -= 5 * row) {
      const from = Math.max(0, at - 5 * row);
      tensors.readInto(name, from, backwards.subarray(from, at));
    }
    assertEquals(backwards, whole);
    assert(whole.length > 0, showShape(tensors.info(name).shape));
  }
});
