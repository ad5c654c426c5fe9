/**
 * Small random models and heads that tests write to temporary directories.
 *
 * @module
 */
import {
  type TensorToWrite,
  writeSafetensors,
} from "../src/checkpoint/containers/safetensors_writer.ts";
import { openCheckpoint } from "../src/checkpoint/checkpoint.ts";
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

function layerTensors(
  prefix: string,
  shape: RandomModel,
  inputNorm: boolean,
  read = shape.hidden,
): Tensors {
  const { hidden, intermediate, heads, kvHeads, headDim } = shape;
  const spread = 1.5 / Math.sqrt(hidden);
  return [
    [`${prefix}.self_attn.q_proj.weight`, [heads * headDim, read], 0, spread],
    [`${prefix}.self_attn.k_proj.weight`, [kvHeads * headDim, read], 0, spread],
    [`${prefix}.self_attn.v_proj.weight`, [kvHeads * headDim, read], 0, spread],
    [`${prefix}.self_attn.o_proj.weight`, [hidden, heads * headDim], 0, spread],
    [`${prefix}.mlp.gate_proj.weight`, [intermediate, hidden], 0, spread],
    [`${prefix}.mlp.up_proj.weight`, [intermediate, hidden], 0, spread],
    [`${prefix}.mlp.down_proj.weight`, [hidden, intermediate], 0, spread],
    [`${prefix}.post_attention_layernorm.weight`, [hidden], 1, 0.1],
    ...(inputNorm ? [[`${prefix}.input_layernorm.weight`, [hidden], 1, 0.1] as Tensors[0]] : []),
  ];
}

function write(
  dir: string,
  shape: RandomModel,
  tensors: Tensors,
  extra: object,
  more: readonly TensorToWrite[] = [],
): string {
  const next = random(shape.seed);
  const noise = random(shape.seed + 1000);
  Deno.mkdirSync(dir, { recursive: true });
  writeSafetensors(
    `${dir}/model.safetensors`,
    [
      ...tensors.map(([name, sizes, center, spread]): TensorToWrite => {
        const count = sizes.reduce((a, b) => a * b, 1);
        const values = new Float16Array(count);
        for (let i = 0; i < count; i++) {
          values[i] = center + spread * (next() + next() + next() - 1.5) * 2 +
            spread * (shape.noise ?? 0) * (noise() - 0.5);
        }
        return { name, dtype: "f16", shape: sizes, data: () => new Uint8Array(values.buffer) };
      }),
      ...more,
    ],
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

/** How an EAGLE-3 head is stored: what its trainers differ in. */
export interface Eagle3Layout {
  /** Keys of its config beside those of its layer. */
  readonly config: object;
  /** Name of its layer. */
  readonly layer: "midlayer" | "layers.0";
  /** Taps. */
  readonly taps: number;
  /** Tokens that it drafts; all, without a map, where absent. */
  readonly draftVocab?: number;
  /** Whether it has an embedding of its own. */
  readonly embedding?: boolean;
  /** Whether queries and keys are normed. */
  readonly qkNorm?: boolean;
  /** Norms of the taps. */
  readonly tapNorm?: "each" | "all";
  /** Whether what describes the layer lies in `transformer_layer_config`. */
  readonly nested?: boolean;
}

const AUX = "eagle_aux_hidden_state_layer_ids";

/** Every published layout, on models of two layers. */
export const EAGLE3_LAYOUTS: Readonly<Record<string, Eagle3Layout>> = {
  eagle: {
    config: { [AUX]: [0, 1, 2] },
    layer: "midlayer",
    taps: 3,
    draftVocab: 96,
  },
  speculators: {
    config: {
      speculators_model_type: "eagle3",
      [AUX]: [0, 1, 2],
      norm_before_residual: true,
      norm_before_fc: true,
      norm_output: true,
    },
    layer: "layers.0",
    taps: 3,
    draftVocab: 96,
    embedding: true,
    tapNorm: "all",
    nested: true,
  },
  "EAGLE-3.1": {
    config: { [AUX]: [0, 2], fc_norm: true, norm_output: true },
    layer: "midlayer",
    taps: 2,
    draftVocab: 96,
    tapNorm: "each",
  },
  DeepSpec: {
    config: { target_layer_ids: [-1, 0, 1], num_target_layers: 2, model_type: "qwen3" },
    layer: "layers.0",
    taps: 3,
    embedding: true,
    qkNorm: true,
  },
};

/** Writes a random EAGLE-3 head for models of `shape` to `dir`, stored as `layout` says; returns `dir`. */
export function writeRandomEagle3(
  dir: string,
  shape: RandomModel,
  layout: Eagle3Layout = EAGLE3_LAYOUTS.eagle,
): string {
  const { hidden, headDim, vocab } = shape;
  const { layer, taps, draftVocab = vocab, tapNorm } = layout;
  const tensors: Tensors = [
    ["fc.weight", [hidden, taps * hidden], 0, 1 / Math.sqrt(taps * hidden)],
    ...layerTensors(layer, shape, true, 2 * hidden),
    [`${layer}.hidden_norm.weight`, [hidden], 1, 0.1],
    ["norm.weight", [hidden], 1, 0.1],
    ["lm_head.weight", [draftVocab, hidden], 0, 2 / Math.sqrt(hidden)],
  ];
  if (layout.embedding) tensors.push(["embed_tokens.weight", [vocab, hidden], 0, 0.7]);
  if (layout.qkNorm) {
    for (const name of ["q_norm", "k_norm"]) {
      tensors.push([`${layer}.self_attn.${name}.weight`, [headDim], 1, 0.1]);
    }
  }
  if (tapNorm === "all") tensors.push(["input_norm.weight", [taps * hidden], 1, 0.1]);
  if (tapNorm === "each") {
    for (let i = 0; i < taps; i++) tensors.push([`fc_norm.${i}.weight`, [hidden], 1, 0.1]);
  }
  const own = { num_hidden_layers: 1, architectures: undefined, model_type: "llama" };
  const more: TensorToWrite[] = [];
  if (layout.draftVocab !== undefined) more.push(...vocabularyMap(draftVocab, vocab));
  const about = { ...own, ...(layout.draftVocab && { draft_vocab_size: draftVocab }) };
  write(dir, { ...shape, layers: 1 }, tensors, { ...about, ...layout.config }, more);
  if (layout.nested) nest(dir, { ...layout.config, draft_vocab_size: draftVocab });
  return dir;
}

/** How a block drafter is stored: what its trainers differ in. */
export interface BlockLayout {
  /** Keys of its config beside those of its layers. */
  readonly config: object;
  /** Taps. */
  readonly taps: number;
  /** Width of its Markov head; none where absent. */
  readonly rank?: number;
  /** Whether it has a confidence head, which reads what the Markov head does, too. */
  readonly confidence?: boolean;
  /** Tokens that it drafts; all, without a map, where absent. */
  readonly draftVocab?: number;
  /** Whether what describes the layers lies in `transformer_layer_config`. */
  readonly nested?: boolean;
}

/** The token of masks in drafters of models of few tokens. */
const MASK = 5;

/** Every published layout, on models of two layers; a DFlash and a DSpark one first. */
export const BLOCK_LAYOUTS: Readonly<Record<string, BlockLayout>> = {
  "z-lab": {
    config: {
      block_size: 8,
      num_target_layers: 2,
      dflash_config: { target_layer_ids: [-1, 1], mask_token_id: MASK },
    },
    taps: 2,
  },
  DeepSpec: {
    config: {
      block_size: 7,
      target_layer_ids: [-1, 0, 1],
      mask_token_id: MASK,
      num_target_layers: 2,
      markov_rank: 8,
      markov_head_type: "vanilla",
      enable_confidence_head: true,
      confidence_head_with_markov: true,
    },
    taps: 3,
    rank: 8,
    confidence: true,
  },
  JetSpec: {
    config: {
      num_target_layers: 2,
      dflash_config: {
        block_size: 6,
        target_layer_ids: [0, 1],
        mask_token_id: MASK,
        causal_head: true,
      },
    },
    taps: 2,
  },
  SpecForge: {
    config: {
      block_size: 6,
      num_target_layers: 2,
      dflash_config: {
        projector_type: "dspark",
        target_layer_ids: [0, 1],
        mask_token_id: MASK,
        markov_rank: 16,
        markov_head_type: "vanilla",
      },
    },
    taps: 2,
    rank: 16,
  },
  speculators: {
    config: {
      speculators_model_type: "dspark",
      block_size: 7,
      aux_hidden_state_layer_ids: [0, 2],
      mask_token_id: MASK,
      sample_from_anchor: false,
      markov_rank: 16,
      markov_head_type: "vanilla",
    },
    taps: 2,
    rank: 16,
    draftVocab: 96,
    nested: true,
  },
};

/** Writes a random block drafter of two layers for models of `shape` to `dir`, stored as `layout` says; returns `dir`. */
export function writeRandomBlock(dir: string, shape: RandomModel, layout: BlockLayout): string {
  const { hidden, headDim, vocab } = shape;
  const { taps, rank = 0, draftVocab } = layout;
  const layers = 2;
  const tensors: Tensors = [
    ["fc.weight", [hidden, taps * hidden], 0, 1 / Math.sqrt(taps * hidden)],
    ["hidden_norm.weight", [hidden], 1, 0.1],
    ["norm.weight", [hidden], 1, 0.1],
    ...Array.from({ length: layers }, (_, i) => [
      ...layerTensors(`layers.${i}`, shape, true),
      [`layers.${i}.self_attn.q_norm.weight`, [headDim], 1, 0.1] as Tensors[0],
      [`layers.${i}.self_attn.k_norm.weight`, [headDim], 1, 0.1] as Tensors[0],
    ]).flat(),
  ];
  if (draftVocab) tensors.push(["lm_head.weight", [draftVocab, hidden], 0, 2 / Math.sqrt(hidden)]);
  if (rank) {
    tensors.push(
      ["markov_head.markov_w1.weight", [vocab, rank], 0, 1],
      ["markov_head.markov_w2.weight", [draftVocab ?? vocab, rank], 0, 1 / Math.sqrt(rank)],
    );
  }
  if (layout.confidence) {
    tensors.push(
      ["confidence_head.proj.weight", [1, hidden + rank], 0, 0.1],
      ["confidence_head.proj.bias", [1], 0, 0.1],
    );
  }
  const layerTypes = Array(layers).fill("full_attention");
  const own = { architectures: undefined, model_type: "qwen3", layer_types: layerTypes };
  const map = draftVocab === undefined ? [] : vocabularyMap(draftVocab, vocab);
  const entries = draftVocab === undefined ? {} : { draft_vocab_size: draftVocab };
  const config = { ...layout.config, ...entries };
  write(dir, { ...shape, layers }, tensors, { ...own, ...config }, map);
  if (layout.nested) nest(dir, config);
  return dir;
}

/** Puts all keys of the config in `dir` but those of `own` under `transformer_layer_config`. */
function nest(dir: string, own: object): void {
  const path = `${dir}/config.json`;
  const all = JSON.parse(Deno.readTextFileSync(path));
  const layer = Object.entries(all).filter(([key]) => !(key in own));
  const nested = { ...own, transformer_layer_config: Object.fromEntries(layer) };
  Deno.writeTextFileSync(path, JSON.stringify(nested));
}

/** Writes a random block drafter of the model in `model` to `dir`; returns `dir`. */
export function writeBlockOf(dir: string, model: string, layout: string): string {
  using checkpoint = openCheckpoint(model);
  const { hiddenSize, intermediateSize, heads, kvHeads, headDim, vocabSize, layers } =
    checkpoint.config;
  const { config, ...rest } = BLOCK_LAYOUTS[layout];
  const shape = { seed: 5, layers, hidden: hiddenSize, intermediate: intermediateSize };
  return writeRandomBlock(dir, { ...shape, heads, kvHeads, headDim, vocab: vocabSize }, {
    ...rest,
    config: { ...config, num_target_layers: layers },
  });
}

/** Writes a random EAGLE-3 head of the model in `model` to `dir`, in EAGLE's layout; returns `dir`. */
export function writeEagle3Of(dir: string, model: string): string {
  using checkpoint = openCheckpoint(model);
  const { hiddenSize, intermediateSize, heads, kvHeads, headDim, vocabSize } = checkpoint.config;
  const shape = { seed: 5, layers: 1, hidden: hiddenSize, intermediate: intermediateSize };
  return writeRandomEagle3(dir, { ...shape, heads, kvHeads, headDim, vocab: vocabSize }, {
    ...EAGLE3_LAYOUTS.eagle,
    draftVocab: Math.ceil(vocabSize / 3),
  });
}

/** `d2t` and `t2d` of a head of `draft` of `vocab` tokens, spread over all of them and in no order. */
function vocabularyMap(draft: number, vocab: number): TensorToWrite[] {
  const tokens = Array.from({ length: vocab }, (_, i) => (i * 37 + 11) % vocab).slice(0, draft);
  const offsets = BigInt64Array.from(tokens, (token, id) => BigInt(token - id));
  const known = new Uint8Array(vocab);
  for (const token of tokens) known[token] = 1;
  return [
    { name: "d2t", dtype: "i64", shape: [draft], data: () => new Uint8Array(offsets.buffer) },
    { name: "t2d", dtype: "bool", shape: [vocab], data: () => known },
  ];
}
