/**
 * A rotation folded into the weights of a model (QuaRot's first two): the residual stream is kept as x Q, and
 * each value head as v R. The model's function stays as it is.
 *
 * @module
 */
import type { ModelConfig } from "../../checkpoint/config/config.ts";
import { openSafetensors } from "../../checkpoint/containers/safetensors.ts";
import { writeSafetensors } from "../../checkpoint/containers/safetensors_writer.ts";
import { CheckpointError } from "../../base/errors.ts";
import { toF32 } from "../../base/half.ts";
import { rotateColumns, rotateRows } from "../methods/rotate_rows.ts";
import { Rotation } from "../methods/rotation.ts";
import { RowPool } from "../rows/row_pool.ts";
import type { Floats } from "./tensors.ts";

/** The rotations of a model, and what its head must know. */
export interface ModelRotation {
  /** Q, of the residual stream. */
  readonly stream: Rotation;
  /** R, of every value head. */
  readonly head: Rotation;
  /** The weight of the final norm, which has gone into the output projection, f32 [hidden]. */
  readonly finalNorm: Float32Array<ArrayBuffer>;
}

/** The file beside a rotated model that says how it was rotated. */
export const ROTATION_FILE = "rotation.safetensors";

/** Random rotations for a model; the same for the same seed. */
export function randomRotation(
  config: ModelConfig,
  seed: number,
  finalNorm: Float32Array<ArrayBuffer>,
): ModelRotation {
  return {
    stream: Rotation.random(config.hiddenSize, 4 * seed),
    head: Rotation.random(config.headDim, 4 * seed + 2),
    finalNorm,
  };
}

/** Makes rows that read the normed stream f32 [n, hidden] read the rotated one; `norm` is the norm's weight. */
export function rotateReaders(
  { stream }: ModelRotation,
  rows: Float32Array,
  norm: Float32Array,
  pool: RowPool = new RowPool(),
): void {
  const width = stream.size;
  for (let i = 0; i < rows.length; i++) rows[i] *= norm[i % width];
  rotateRows(stream, rows, pool);
}

/** Rotates the tensors of the decoder layer `prefix`; its norms become ones. */
export function rotateLayer(
  rotation: ModelRotation,
  floats: Floats,
  prefix: string,
  pool: RowPool = new RowPool(),
): void {
  const { stream, head } = rotation;
  const values = (name: string) => floats.get(`${prefix}.${name}`)?.values;
  const width = (name: string) => floats.get(`${prefix}.${name}`)!.shape[1];
  for (
    const [norm, linears] of [
      ["input_layernorm", ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"]],
      ["post_attention_layernorm", ["mlp.gate_proj", "mlp.up_proj"]],
    ] as const
  ) {
    const weight = values(`${norm}.weight`)!;
    for (const linear of linears) {
      rotateReaders(rotation, values(`${linear}.weight`)!, weight, pool);
    }
    weight.fill(1);
  }
  for (const linear of ["self_attn.o_proj", "mlp.down_proj"]) {
    rotateColumns(stream, values(`${linear}.weight`)!, width(`${linear}.weight`), pool);
    const bias = values(`${linear}.bias`);
    if (bias !== undefined) stream.apply(bias);
  }
  const v = values("self_attn.v_proj.weight")!;
  const inputs = width("self_attn.v_proj.weight");
  for (let at = 0; at < v.length; at += head.size * inputs) {
    rotateColumns(head, v.subarray(at, at + head.size * inputs), inputs, pool);
  }
  const bias = values("self_attn.v_proj.bias");
  if (bias !== undefined) head.apply(bias);
  rotateRows(head, values("self_attn.o_proj.weight")!, pool);
}

/** Bytes of what {@link writeRotation} writes, without its header. */
export function rotationBytes({ stream, head, finalNorm }: ModelRotation): number {
  const arrays = [stream, head].flatMap(({ signs, mixing }) => [signs, mixing]);
  return [...arrays, finalNorm].reduce((sum, { byteLength }) => sum + byteLength, 0);
}

/** Writes a rotation to `file`. */
export function writeRotation(file: string, { stream, head, finalNorm }: ModelRotation): void {
  const tensor = (
    name: string,
    values: Float32Array | Float64Array,
    shape: number[],
  ) => ({
    name,
    dtype: values instanceof Float32Array ? "f32" as const : "f64" as const,
    shape,
    data: () => new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
  });
  const parts = ([["stream", stream], ["head", head]] as const).flatMap(([name, rotation]) => {
    const side = Math.sqrt(rotation.mixing.length);
    return [
      tensor(`${name}.signs`, rotation.signs, [rotation.size]),
      tensor(`${name}.mixing`, rotation.mixing, [side, side]),
    ];
  });
  writeSafetensors(file, [...parts, tensor("final_norm", finalNorm, [finalNorm.length])], {
    format: "diag(signs) (hadamard x mixing)",
  });
}

/** Reads the rotation of the model in `dir`; a CheckpointError where it has none. */
export function readRotation(dir: string): ModelRotation {
  const file = `${dir}/${ROTATION_FILE}`;
  using source = openSafetensors(file);
  const read = (name: string, dtype: "f32" | "f64"): Uint8Array<ArrayBuffer> => {
    const info = source.info(name);
    if (info.dtype === dtype) return source.read(name);
    throw new CheckpointError(file, `it is ${info.dtype}, expected ${dtype}`, name);
  };
  const rotation = (name: string) =>
    new Rotation(
      toF32(read(`${name}.signs`, "f32"), "f32"),
      new Float64Array(read(`${name}.mixing`, "f64").buffer),
    );
  return {
    stream: rotation("stream"),
    head: rotation("head"),
    finalNorm: toF32(read("final_norm", "f32"), "f32"),
  };
}
