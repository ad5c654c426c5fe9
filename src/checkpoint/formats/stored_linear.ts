/**
 * Linear layers as files store them: what a format has found and checked, and what a scheme packs.
 *
 * @module
 */
import type { DType } from "../../base/dtype.ts";

/** A linear layer that a model asks for. */
export interface LinearShape {
  /** Prefix of its tensors, without the dot, e.g. `model.layers.0.mlp.up_proj`. */
  readonly prefix: string;
  /** Outputs. */
  readonly n: number;
  /** Inputs. */
  readonly k: number;
}

/**
 * The order of a stored weight's elements. `"plain"` is the order that packing reads: i32 [k/8, n] of nibbles,
 * nibble i of row r being input 8 r + i, or 8-bit [n, k]. The others are the layouts of the C ABI.
 */
export type ElementLayout =
  | "plain"
  | "awq"
  | "rows"
  | "marlin"
  | "qqq"
  | "qqq_group"
  | "qoq"
  | "gptq8"
  | "rows8";

/** The bulk of a stored weight: a tensor that goes to the device as it is. */
export interface StoredElements {
  /** The tensor's name. */
  readonly tensor: string;
  /** The order of its elements. */
  readonly layout: ElementLayout;
}

/** A weight without quantization: `prefix`.weight, f16, bf16 or f32 [n, k]. */
export interface StoredFloat extends LinearShape {
  /** Which scheme runs it. */
  readonly kind: "f16";
  /** The dtype of its weight. */
  readonly dtype: DType;
}

/** w = (q - z) s: q u4, a scale and a zero point for each output and group of inputs. */
export interface StoredW4A16 extends LinearShape {
  /** Which scheme runs it. */
  readonly kind: "w4a16";
  /** q. */
  readonly weight: StoredElements;
  /** Inputs of a group (the last may be short); `k` for one group. */
  readonly group: number;
  /** Groups of inputs: ceil(k/group). */
  readonly groups: number;
  /** Inputs of a group as the checkpoint is described, which may be more than the layer has; -1 for one group. */
  readonly groupSize: number;
  /** Whether some zero point is not 8. */
  readonly asymmetric: boolean;
  /** Packed input j is stored input order[j]; absent where both are the same. i32 [k]. */
  readonly order?: Int32Array<ArrayBuffer>;
  /** Reads and checks what belongs to the groups, [groups, n]; `zeros` where asymmetric. */
  scales(): {
    readonly scales: Float16Array<ArrayBuffer>;
    readonly zeros?: Uint8Array<ArrayBuffer>;
  };
}

/** w = q s: q i8 or e4m3, a scale for each output. */
export interface StoredW8 extends LinearShape {
  /** Which scheme runs it: i8 by i8, e4m3 by e4m3, or i8 by float activations. */
  readonly kind: "w8a8" | "fp8" | "w8a16";
  /** q. */
  readonly weight: StoredElements;
  /** Reads and checks the scales, [n]. */
  scales(): Float32Array<ArrayBuffer>;
}

/** What belongs to the outputs and groups of a 4-bit weight that reads 8-bit activations. */
export interface W4A8Scales {
  /** s_n, [n]. */
  readonly scales: Float32Array<ArrayBuffer>;
  /** c_n, [n]; without groups only. */
  readonly offsets?: Float32Array<ArrayBuffer>;
  /** s, [k/group, n]; with groups only. */
  readonly groupScales?: Float16Array<ArrayBuffer>;
  /** z, [k/group, n]; with groups only. */
  readonly groupZeros?: Uint8Array<ArrayBuffer>;
}

/** Without groups w = s_n q - c_n, else w = s_n rint((q - z) s): q u4. Read by 8-bit activations. */
export interface StoredW4A8 extends LinearShape {
  /** Which scheme runs it. */
  readonly kind: "w4a8";
  /** Where its numbers come from, for people. */
  readonly origin: "qqq" | "qoq";
  /** q. */
  readonly weight: StoredElements;
  /** Inputs of a group; 0 for none. */
  readonly group: number;
  /** Inputs of a group as the checkpoint is described; -1 for none. */
  readonly groupSize: number;
  /** Reads and checks scales and offsets. */
  scales(): W4A8Scales;
}

/** GGUF's quantized types that are read. */
export type BlockType = "Q4_0" | "Q4_1" | "Q5_0" | "Q5_1" | "Q8_0" | "Q4_K" | "Q5_K" | "Q6_K";

/** Blocks of elements with their scales, as GGUF stores them: u8 [n, bytes of a row]. */
export interface StoredBlocks extends LinearShape {
  /** Which scheme runs it. */
  readonly kind: "blocks";
  /** The tensor's name. */
  readonly tensor: string;
  /** What its blocks are. */
  readonly type: BlockType;
}

/** A linear layer, its tensors' dtypes and shapes checked. `kind` is the name of its scheme. */
export type StoredLinear = StoredFloat | StoredW4A16 | StoredW8 | StoredW4A8 | StoredBlocks;
