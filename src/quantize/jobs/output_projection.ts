/**
 * What is before the first layer and behind the last: embedding, final norm, output projection.
 *
 * @module
 */
import { ArgumentError } from "../../base/errors.ts";
import { type ActivationDType, DTYPE_BYTES } from "../../base/dtype.ts";
import { toF32 } from "../../base/half.ts";
import type { Checkpoint } from "../../checkpoint/checkpoint.ts";
import type { TensorToWrite } from "../../checkpoint/containers/safetensors_writer.ts";
import type { TensorSource } from "../../checkpoint/containers/source.ts";
import type { Quantizer } from "../quantizers/quantizer.ts";
import { rotateRows } from "../methods/rotate_rows.ts";
import type { RowPool } from "../rows/row_pool.ts";
import { roundToNearest } from "../methods/rtn.ts";
import { w4a16, w8a16Bytes, w8a16Draft } from "../quantizers/w4a16.ts";
import type { LoadedStates } from "./hidden_states.ts";
import { EMBEDDING, FINAL_NORM, LM_HEAD } from "./names.ts";
import { type ModelRotation, rotateReaders } from "./rotate_model.ts";
import { encodeFloats, floatDType, type Floats, floatToWrite, readFloats } from "./tensors.ts";

/** How an output projection can be quantized. */
export type HeadScheme = "w4a16" | "w8a16";

/** Rows are worked on in pieces of about this many bytes. */
const PIECE_BYTES = 16 * 2 ** 20;

/** What an output projection of `scheme` adds to a GPTQ `quantization_config`. */
export function headConfig(scheme: HeadScheme | undefined): Record<string, unknown> {
  if (scheme === undefined) return {};
  const dynamic = { "+:^lm_head$": { bits: 8, group_size: -1, sym: true, desc_act: false } };
  return { lm_head: true, ...(scheme === "w8a16" && { dynamic }) };
}

/** Writes the ends of a model, rotated or quantized where that is asked for. */
export class OutputProjection {
  /** Whether the output projection is no longer the embedding table. */
  readonly untied: boolean;
  /** The dtype of activations. */
  readonly dtype: ActivationDType;
  readonly #source: TensorSource;
  readonly #checkpoint: Checkpoint;
  readonly #scheme?: HeadScheme;
  readonly #group: number;
  readonly #rotation?: ModelRotation;
  readonly #pool: RowPool;

  /** For a model, its rotation and the scheme of its output projection. */
  constructor(
    options: { checkpoint: Checkpoint; quantizer?: Quantizer; lmHead?: HeadScheme; pool: RowPool },
    rotation: ModelRotation | undefined,
  ) {
    const { checkpoint, quantizer, lmHead } = options;
    this.#checkpoint = checkpoint;
    this.#source = checkpoint.tensors;
    this.#scheme = lmHead;
    this.#rotation = rotation;
    this.#pool = options.pool;
    const { quant_method, group_size } = quantizer?.config ?? {};
    this.#group = typeof group_size === "number" ? group_size : 128;
    if (lmHead !== undefined && quant_method !== "gptq") {
      throw new ArgumentError(
        "lm-head",
        `Cannot quantize the output projection to ${lmHead}: only GPTQ's layout holds it, expected ` +
          "a scheme in that layout",
      );
    }
    this.untied = checkpoint.config.tiedEmbeddings &&
      (lmHead !== undefined || rotation !== undefined);
    const dtype = floatDType(this.#source.info(EMBEDDING));
    this.dtype = dtype === "bf16" ? "bf16" : "f16";
  }

  /** The embedding. */
  embedding(): TensorToWrite {
    const stream = this.#rotation?.stream;
    return stream === undefined
      ? this.#copied(EMBEDDING)
      : this.#changed(EMBEDDING, EMBEDDING, (rows) => rotateRows(stream, rows, this.#pool));
  }

  /** The final norm: ones where it has gone into the output projection. */
  finalNorm(): TensorToWrite {
    if (this.#rotation === undefined) return this.#copied(FINAL_NORM);
    const { dtype, shape, values } = readFloats(this.#source, FINAL_NORM).get(FINAL_NORM)!;
    return floatToWrite(FINAL_NORM, { dtype, shape, values: values.map(() => 1) });
  }

  /** A layer's tensors, not quantized. */
  asTheyAre(floats: Floats): TensorToWrite[] {
    return [...floats].map(([name, tensor]) => floatToWrite(name, tensor));
  }

  /** Bytes of the output projection's tensors. */
  get bytes(): number {
    const from = this.#from();
    if (from === undefined) return 0;
    const { bytes, shape: [n, k] } = this.#source.info(from);
    if (this.#scheme === undefined) return bytes;
    return this.#scheme === "w8a16" ? w8a16Bytes(n, k) : w4a16(this.#group).bytes(n, k);
  }

  /** The output projection, where the model stores one; yields the share done before that. */
  *projection(hidden: LoadedStates | undefined): Generator<{ share: number } | TensorToWrite> {
    const from = this.#from();
    if (from === undefined) return;
    const rotation = this.#rotation;
    const change = (rows: Float32Array) =>
      rotation && rotateReaders(rotation, rows, rotation.finalNorm, this.#pool);
    if (this.#scheme === undefined) {
      yield rotation === undefined ? this.#copied(from) : this.#changed(LM_HEAD, from, change);
      return;
    }
    const [n, k] = this.#source.info(from).shape;
    const draft = this.#scheme === "w8a16" ? w8a16Draft(n, k) : w4a16(this.#group).draft(n, k);
    const importance = hidden && this.#squares(hidden.rows, k);
    const codes = new Uint8Array(n * k);
    let row = 0;
    for (const piece of this.#pieces(from, change)) {
      const options = { importance, firstRow: row, pool: this.#pool };
      codes.set(roundToNearest(piece, draft.grid, options), row * k);
      row += piece.length / k;
      yield { share: row / n };
    }
    yield* draft.tensors("lm_head", { codes });
  }

  /** The tensor that the output projection is made of; none where it is the embedding, and stays so. */
  #from(): string | undefined {
    const own = this.#source.find(LM_HEAD) !== undefined;
    return own && !this.untied ? LM_HEAD : this.untied ? EMBEDDING : undefined;
  }

  /** The mean square of each input of the output projection. */
  #squares(rows: Float32Array, k: number): Float32Array {
    const norm = this.#rotation === undefined
      ? readFloats(this.#source, FINAL_NORM).get(FINAL_NORM)!.values
      : undefined;
    const { rmsNormEps } = this.#checkpoint.config;
    const sums = new Float64Array(k);
    for (let at = 0; at < rows.length; at += k) {
      let square = 0;
      for (let j = 0; j < k; j++) square += rows[at + j] * rows[at + j];
      const inverse = 1 / (square / k + rmsNormEps);
      for (let j = 0; j < k; j++) sums[j] += rows[at + j] * rows[at + j] * inverse;
    }
    return Float32Array.from(sums, (sum, j) => (sum * (norm?.[j] ?? 1) ** 2) / (rows.length / k));
  }

  #copied(name: string): TensorToWrite {
    return { ...this.#source.info(name), data: () => this.#source.chunks(name) };
  }

  #changed(name: string, from: string, change: (rows: Float32Array) => void): TensorToWrite {
    const info = this.#source.info(from);
    const dtype = floatDType(info);
    const pieces = (function* (all: Generator<Float32Array<ArrayBuffer>>) {
      for (const piece of all) yield encodeFloats(piece, dtype);
    })(this.#pieces(from, change));
    return { name, dtype, shape: info.shape, data: () => pieces };
  }

  /** Whole rows of a tensor, changed. */
  *#pieces(
    name: string,
    change: (rows: Float32Array) => void,
  ): Generator<Float32Array<ArrayBuffer>> {
    const info = this.#source.info(name);
    const dtype = floatDType(info);
    const rowBytes = info.shape[1] * DTYPE_BYTES[dtype];
    const chunk = Math.max(1, Math.floor(PIECE_BYTES / rowBytes)) * rowBytes;
    for (const bytes of this.#source.chunks(name, chunk)) {
      const rows = toF32(bytes.slice(), dtype);
      change(rows);
      yield rows;
    }
  }
}
