/**
 * Checks of tensors that the formats share. Every failure is a CheckpointError that names file and tensor.
 *
 * @module
 */
import type { DType } from "../../base/dtype.ts";
import { CheckpointError } from "../../base/errors.ts";
import { type FloatDType, isFloatDType, toF32 } from "../../base/half.ts";
import { sameShape, type Shape, showShape } from "../../base/shape.ts";
import type { TensorInfo, TensorSource } from "../containers/source.ts";

/** Throws unless the tensor is there, in one of `dtypes` and of `shape`. */
export function expectTensor(
  source: TensorSource,
  name: string,
  dtypes: readonly DType[],
  shape: Shape,
): TensorInfo {
  const info = source.info(name);
  if (dtypes.includes(info.dtype) && sameShape(info.shape, shape)) return info;
  throw new CheckpointError(
    info.file,
    `it is ${info.dtype} ${showShape(info.shape)}, expected ${dtypes.join(" or ")} ${
      showShape(shape)
    }`,
    name,
  );
}

/** Throws unless a float tensor of `shape` is there. */
export function expectFloat(
  source: TensorSource,
  name: string,
  shape: Shape,
): TensorInfo & { readonly dtype: FloatDType } {
  const info = source.info(name);
  const { dtype } = info;
  if (!isFloatDType(dtype)) {
    throw new CheckpointError(info.file, `its dtype is ${dtype}, expected f16, bf16 or f32`, name);
  }
  if (!sameShape(info.shape, shape)) {
    throw new CheckpointError(
      info.file,
      `its shape is ${showShape(info.shape)}, expected ${showShape(shape)}`,
      name,
    );
  }
  return { ...info, dtype };
}

/** Reads a tensor of 32-bit words. */
export function readWords(
  source: TensorSource,
  name: string,
  shape: Shape,
): Uint32Array<ArrayBuffer> {
  expectTensor(source, name, ["i32"], shape);
  return new Uint32Array(source.read(name).buffer);
}

/**
 * The sign that scales may have: `any` where codes have more room on one side of their zero point, so that writers
 * (AutoRound, this program) turn it to the side where a group's largest weight is.
 */
export type ScaleSign = "any" | "not negative";

/** Reads scales, which are finite (a group of zeros may have scale 0), as f32. */
export function readScales(
  source: TensorSource,
  name: string,
  shape: Shape,
  sign: ScaleSign = "not negative",
): Float32Array<ArrayBuffer> {
  const { dtype, file } = expectFloat(source, name, shape);
  const scales = toF32(source.read(name), dtype);
  checkNumbers(scales, sign, file, name);
  return scales;
}

/** The same as f16, rounded; a scale that does not fit is an error. */
export function readScalesF16(
  source: TensorSource,
  name: string,
  shape: Shape,
  sign: ScaleSign = "not negative",
): Float16Array<ArrayBuffer> {
  const { dtype, file } = expectFloat(source, name, shape);
  const bytes = source.read(name);
  if (dtype === "f16") {
    const scales = new Float16Array(bytes.buffer);
    checkF16(new Uint16Array(bytes.buffer), scales, sign, file, name);
    return scales;
  }
  const wide = toF32(bytes, dtype);
  checkNumbers(wide, sign, file, name);
  const scales = new Float16Array(wide);
  checkF16(new Uint16Array(scales.buffer), wide, sign, file, name);
  return scales;
}

/** Reads finite numbers as f32. */
export function readFinite(
  source: TensorSource,
  name: string,
  shape: Shape,
): Float32Array<ArrayBuffer> {
  const { dtype, file } = expectFloat(source, name, shape);
  const values = toF32(source.read(name), dtype);
  const at = values.findIndex((value) => !Number.isFinite(value));
  if (at < 0) return values;
  throw new CheckpointError(file, `element ${at} is not a finite number`, name);
}

function checkNumbers(values: Float32Array, sign: ScaleSign, file: string, name: string): void {
  const allowed = sign === "any"
    ? Number.isFinite
    : (value: number) => value >= 0 && value < Infinity;
  const at = values.findIndex((value) => !allowed(value));
  if (at >= 0) refuseScale(file, name, sign, at, values[at]);
}

/** Looks at bits, which is several times faster than at numbers: largest exponent, and a sign that may not be but for -0. */
function checkF16(
  bits: Uint16Array,
  values: Float16Array | Float32Array,
  sign: ScaleSign,
  file: string,
  name: string,
): void {
  const looked = sign === "any" ? 0x7fff : 0xffff;
  for (let i = 0; i < bits.length; i++) {
    if ((bits[i] & looked) >= 0x7c00 && bits[i] !== 0x8000) {
      refuseScale(file, name, sign, i, values[i]);
    }
  }
}

function refuseScale(
  file: string,
  name: string,
  sign: ScaleSign,
  at: number,
  value: number,
): never {
  throw new CheckpointError(
    file,
    `element ${at} is ${value}, expected a ` +
      (sign === "any" ? "finite scale" : "scale from 0 to the largest finite number"),
    name,
  );
}
