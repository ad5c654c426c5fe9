/**
 * The tensors of a GGUF model, as models of Hugging Face's layout have them: by those names, with rows of queries and
 * keys in that order.
 *
 * @module
 */
import type { DType } from "../../base/dtype.ts";
import { CheckpointError, UnsupportedModelError } from "../../base/errors.ts";
import { showShape } from "../../base/shape.ts";
import { ggmlTypeNamed, type GgufFile, type GgufTensor } from "../../gguf/mod.ts";
import { type RowOrder, RowReader } from "./gguf_rows.ts";
import { sourceOf, type TensorInfo, type TensorSource } from "./source.ts";

/** Types of plain numbers. */
const FLOATS: ReadonlyMap<string, DType> = new Map<string, DType>([
  ["F32", "f32"],
  ["F16", "f16"],
  ["BF16", "bf16"],
]);

/** Types of blocks that are read. */
const BLOCKS: readonly string[] = [
  "Q4_0",
  "Q4_1",
  "Q5_0",
  "Q5_1",
  "Q8_0",
  "Q4_K",
  "Q5_K",
  "Q6_K",
];

/** Names outside layers. */
const OUTSIDE: ReadonlyMap<string, string> = new Map([
  ["token_embd", "model.embed_tokens"],
  ["output_norm", "model.norm"],
  ["output", "lm_head"],
]);

/** Names in layers, behind `blk.0.` and `model.layers.0.`. */
const INSIDE: ReadonlyMap<string, string> = new Map([
  ["attn_norm", "input_layernorm"],
  ["attn_q", "self_attn.q_proj"],
  ["attn_k", "self_attn.k_proj"],
  ["attn_v", "self_attn.v_proj"],
  ["attn_output", "self_attn.o_proj"],
  ["attn_q_norm", "self_attn.q_norm"],
  ["attn_k_norm", "self_attn.k_norm"],
  ["ffn_norm", "post_attention_layernorm"],
  ["ffn_gate", "mlp.gate_proj"],
  ["ffn_up", "mlp.up_proj"],
  ["ffn_down", "mlp.down_proj"],
]);

/** What of a model decides how its tensors are read. */
export interface GgufLayout {
  /** The architecture, as `general.architecture` gives it. */
  readonly architecture: string;
  /** Heads of queries. */
  readonly heads: number;
  /** Heads of keys and values. */
  readonly kvHeads: number;
  /** Width of a head. */
  readonly headDim: number;
}

/** What a tensor is called in Hugging Face's layout; undefined for one that no supported model has. */
function usualName(name: string): string | undefined {
  const [, layer, stem, kind] = /^(?:blk\.(\d+)\.)?(\w+)\.(weight|bias)$/.exec(name) ?? [];
  if (stem === undefined) return undefined;
  const usual = (layer === undefined ? OUTSIDE : INSIDE).get(stem);
  if (usual === undefined) return undefined;
  return `${layer === undefined ? "" : `model.layers.${layer}.`}${usual}.${kind}`;
}

/** A tensor with what it is described as. */
interface Entry {
  readonly tensor: GgufTensor;
  readonly info: TensorInfo;
  /** Where rows are in another order. */
  readonly order?: RowOrder;
}

/**
 * The tensors of `gguf`, which is disposed with them. Floats have their dtype and shape, quantized ones are u8
 * [n, bytes of a row]. Those that no model asks for keep their names. `used` are tensors that are left out.
 */
export function ggufSource(
  gguf: GgufFile,
  layout: GgufLayout,
  used: readonly string[],
): TensorSource {
  const entries = new Map<string, Entry>();
  for (const tensor of gguf.tensors.values()) {
    if (used.includes(tensor.name)) continue;
    const usual = usualName(tensor.name);
    const name = usual ?? tensor.name;
    if (entries.has(name)) {
      throw new CheckpointError(tensor.file, `it is there twice, once as ${name}`, tensor.name);
    }
    entries.set(name, {
      tensor,
      info: usual === undefined ? opaque(tensor) : infoOf(tensor, name),
      order: orderOf(tensor, layout),
    });
  }
  const rows = new RowReader(gguf);
  return sourceOf({
    file: gguf.file,
    names: () => [...entries.keys()],
    find: (name) => entries.get(name)?.info,
    fill({ name }, offset, into) {
      const { tensor, order } = entries.get(name)!;
      if (order === undefined) gguf.readInto(tensor, offset, into);
      else rows.fill(tensor, order, offset, into);
    },
    place({ name }) {
      const { tensor, order } = entries.get(name)!;
      return order === undefined ? gguf.place(tensor) : undefined;
    },
    close: () => gguf[Symbol.dispose](),
  });
}

/** A tensor that nothing reads; its type may be one that nothing could. */
function opaque({ name, type, shape, bytes, file }: GgufTensor): TensorInfo {
  const dtype = FLOATS.get(type);
  if (dtype !== undefined) return { name, dtype, shape, bytes, file };
  return { name, dtype: "u8", shape: [bytes], bytes, file, blocks: { type, shape } };
}

function infoOf(tensor: GgufTensor, name: string): TensorInfo {
  const { type, shape, bytes, file } = tensor;
  const dtype = FLOATS.get(type);
  if (dtype !== undefined) return { name, dtype, shape, bytes, file };
  if (!BLOCKS.includes(type)) {
    throw new UnsupportedModelError(
      `GGUF type ${type} (${file}, tensor "${tensor.name}")`,
      `expected one of ${[...FLOATS.keys(), ...BLOCKS].join(", ")}`,
    );
  }
  if (shape.length !== 2) {
    throw new CheckpointError(
      file,
      `its shape is ${showShape(shape)}, expected two sizes for type ${type}`,
      tensor.name,
    );
  }
  const row = shape[1] / ggmlTypeNamed(type)!.block * ggmlTypeNamed(type)!.bytes;
  return { name, dtype: "u8", shape: [shape[0], row], bytes, file, blocks: { type, shape } };
}

/**
 * Converters of architecture `llama` put the two halves of each head of queries and keys between one another, as its
 * rotary embedding turns neighbours; that of Hugging Face, and of the other architectures, turns halves.
 */
function orderOf(tensor: GgufTensor, layout: GgufLayout): RowOrder | undefined {
  const [, letter] = /^blk\.\d+\.attn_([qk])\.(weight|bias)$/.exec(tensor.name) ?? [];
  if (layout.architecture !== "llama" || letter === undefined) return undefined;
  const { headDim } = layout;
  const heads = letter === "q" ? layout.heads : layout.kvHeads;
  if (tensor.shape[0] !== heads * headDim) {
    throw new CheckpointError(
      tensor.file,
      `its shape is ${showShape(tensor.shape)}, expected ${heads * headDim} rows, ${heads} heads ` +
        `of ${headDim}`,
      tensor.name,
    );
  }
  return { headDim, rowBytes: tensor.bytes / tensor.shape[0] };
}
