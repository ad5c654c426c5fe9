/**
 * Small random models and heads that tests write to temporary directories.
 *
 * @module
 */
import { writeSafetensors } from "../src/checkpoint/containers/safetensors_writer.ts";
import { random } from "./random.ts";

/** Shape of a random Llama. */
export interface RandomModel {
  seed: number;
  layers: number;
  hidden: number;
  intermediate: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  vocab: number;
  /** Positions that it was made for: 2,048 where absent. */
  positions?: number;
  /** How far every weight is moved from the seed's, as a part of its spread: 0 where absent. */
  noise?: number;
  /** Deviation of the weights of the output projection, and so of logits, as a part of the usual: 1 where absent. */
  sharpness?: number;
}

/** A Llama of two layers, small enough for hundreds of forwards a second. */
export const SMALL: RandomModel = {
  seed: 1,
  layers: 2,
  hidden: 64,
  intermediate: 96,
  heads: 4,
  kvHeads: 2,
  headDim: 16,
  vocab: 160,
};

type Tensors = [name: string, shape: number[], center: number, spread: number][];

function layerTensors(prefix: string, shape: RandomModel, inputNorm: boolean): Tensors {
  const { hidden, intermediate, heads, kvHeads, headDim } = shape;
  const spread = 1.5 / Math.sqrt(hidden);
  return [
    [`${prefix}.self_attn.q_proj.weight`, [heads * headDim, hidden], 0, spread],
    [`${prefix}.self_attn.k_proj.weight`, [kvHeads * headDim, hidden], 0, spread],
    [`${prefix}.self_attn.v_proj.weight`, [kvHeads * headDim, hidden], 0, spread],
    [`${prefix}.self_attn.o_proj.weight`, [hidden, heads * headDim], 0, spread],
    [`${prefix}.mlp.gate_proj.weight`, [intermediate, hidden], 0, spread],
    [`${prefix}.mlp.up_proj.weight`, [intermediate, hidden], 0, spread],
    [`${prefix}.mlp.down_proj.weight`, [hidden, intermediate], 0, spread],
    [`${prefix}.post_attention_layernorm.weight`, [hidden], 1, 0.1],
    ...(inputNorm ? [[`${prefix}.input_layernorm.weight`, [hidden], 1, 0.1] as Tensors[0]] : []),
  ];
}

function write(dir: string, shape: RandomModel, tensors: Tensors, extra: object): string {
  const next = random(shape.seed);
  const noise = random(shape.seed + 1000);
  Deno.mkdirSync(dir, { recursive: true });
  writeSafetensors(
    `${dir}/model.safetensors`,
    tensors.map(([name, sizes, center, spread]) => {
      const count = sizes.reduce((a, b) => a * b, 1);
      const values = Float16Array.from(
        { length: count },
        () =>
          center + spread * (next() + next() + next() - 1.5) * 2 +
          spread * (shape.noise ?? 0) * (noise() - 0.5),
      );
      return { name, dtype: "f16", shape: sizes, data: () => new Uint8Array(values.buffer) };
    }),
  );
  const config = {
    architectures: ["LlamaForCausalLM"],
    model_type: "llama",
    vocab_size: shape.vocab,
    hidden_size: shape.hidden,
    intermediate_size: shape.intermediate,
    num_hidden_layers: shape.layers,
    num_attention_heads: shape.heads,
    num_key_value_heads: shape.kvHeads,
    head_dim: shape.headDim,
    hidden_act: "silu",
    rms_norm_eps: 1e-5,
    rope_theta: 10000,
    max_position_embeddings: shape.positions ?? 2048,
    torch_dtype: "float16",
    eos_token_id: shape.vocab - 1,
    bos_token_id: 0,
    ...extra,
  };
  Deno.writeTextFileSync(`${dir}/config.json`, JSON.stringify(config));
  return dir;
}

/** Writes a random model to `dir` in Hugging Face layout, without a tokenizer; returns `dir`. */
export function writeRandomModel(dir: string, shape: RandomModel): string {
  const { layers, hidden, vocab } = shape;
  return write(dir, shape, [
    ["model.embed_tokens.weight", [vocab, hidden], 0, 0.7],
    ...Array.from({ length: layers }, (_, i) => layerTensors(`model.layers.${i}`, shape, true))
      .flat(),
    ["model.norm.weight", [hidden], 1, 0.1],
    ["lm_head.weight", [vocab, hidden], 0, (shape.sharpness ?? 1) * 2 / Math.sqrt(hidden)],
  ], {});
}

/** Writes a random EAGLE-2 head of one layer for models of `shape` to `dir`; returns `dir`. */
export function writeRandomHead(dir: string, shape: RandomModel): string {
  const { hidden } = shape;
  return write(dir, { ...shape, layers: 1 }, [
    ["fc.weight", [hidden, 2 * hidden], 0, 1 / Math.sqrt(2 * hidden)],
    ...layerTensors("layers.0", shape, false),
  ], { bias: false });
}
