/**
 * Names of element types and their sizes.
 *
 * @module
 */

/** An element type of a tensor, on disk or on a device. */
export type DType =
  | "f64"
  | "f32"
  | "f16"
  | "bf16"
  | "i64"
  | "i32"
  | "i16"
  | "i8"
  | "u64"
  | "u32"
  | "u16"
  | "u8"
  | "bool"
  | "f8_e4m3"
  | "f8_e5m2"
  | OtherDType;

/** An element type that files may hold, and nothing here reads. */
export type OtherDType =
  | "c64"
  | "f8_e8m0"
  | "f8_e4m3fnuz"
  | "f8_e5m2fnuz"
  | "f6_e2m3"
  | "f6_e3m2"
  | "f4";

/** The dtypes that activations can have. */
export type ActivationDType = "f16" | "bf16";

/**
 * How caches keep keys and values: as activations are, in 16 bits (`f16`, of a model in bf16 that), or in 8, each head of a
 * token with a scale (`int8`).
 */
export type KvCacheDType = "f16" | "int8";

/** All of them, the default first. */
export const KV_CACHE_DTYPES: readonly KvCacheDType[] = ["f16", "int8"];

/** Bytes of one element; a part of one where several share a byte. */
export const DTYPE_BYTES: Readonly<Record<DType, number>> = {
  f64: 8,
  f32: 4,
  f16: 2,
  bf16: 2,
  i64: 8,
  i32: 4,
  i16: 2,
  i8: 1,
  u64: 8,
  u32: 4,
  u16: 2,
  u8: 1,
  bool: 1,
  f8_e4m3: 1,
  f8_e5m2: 1,
  c64: 8,
  f8_e8m0: 1,
  f8_e4m3fnuz: 1,
  f8_e5m2fnuz: 1,
  f6_e2m3: 0.75,
  f6_e3m2: 0.75,
  f4: 0.5,
};
