/**
 * What turns the weights of a linear layer into a stored scheme.
 *
 * @module
 */

/** The shape of a linear layer and its groups. */
export interface LinearShape {
  /** Outputs. */
  readonly n: number;
  /** Inputs; a multiple of 8. */
  readonly k: number;
  /** Inputs that share a scale; the last group may be short. */
  readonly group: number;
}

/** A linear layer in GPTQ layout (v1): w = (q - 8) s. */
export interface GptqTensors {
  /** i32 [k/8, n]: nibble i of row r is input 8 r + i. */
  readonly qweight: Uint32Array<ArrayBuffer>;
  /** f16 [ceil(k/group), n]. */
  readonly scales: Float16Array<ArrayBuffer>;
  /** i32 [ceil(k/group), ceil(n/8)]: the zero points less one. */
  readonly qzeros: Uint32Array<ArrayBuffer>;
  /** i32 [k]: the group of each input. */
  readonly g_idx: Int32Array<ArrayBuffer>;
}

/** A way to quantize one linear layer, registered under its scheme's name. */
export interface Quantizer {
  /** The scheme that it writes, e.g. `w4a16-g128`. */
  readonly scheme: string;
  /** How it does so, in a few words. */
  readonly summary: string;
  /** Inputs of a group. */
  readonly group: number;
  /**
   * Quantizes a weight f32 [n, k], given in order as pieces of whole rows, so that it need never be in memory
   * at once. An ArgumentError where it holds a value that is not finite.
   */
  quantize(rows: Iterable<Float32Array>, shape: LinearShape): GptqTensors;
}
