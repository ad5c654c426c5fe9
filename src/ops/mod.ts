/**
 * Every op of the C ABI as a typed function. Ops are queued on their device; they check shapes and
 * dtypes (`ArgumentError`), call the library (`NativeError`) and return nothing.
 *
 * @module
 */

export * from "./activation.ts";
export * from "./attention.ts";
export { embed, type EmbedOptions } from "./embed.ts";
export * from "./choose.ts";
export type { Epilogue, ProductOptions } from "./epilogue.ts";
export * from "./gemm_f16.ts";
export * from "./gemm_f32.ts";
export * from "./gemm_w4a16.ts";
export * from "./gemm_w4a8.ts";
export * from "./gemm_w8.ts";
export * from "./gemm_w8_group.ts";
export { cacheRow, type Caches, type Heads } from "./heads.ts";
export * from "./limits.ts";
export * from "./logits.ts";
export * from "./memory.ts";
export * from "./norm.ts";
export type { Part } from "./packed.ts";
export * from "./quantize.ts";
export * from "./rope_kv.ts";
export * from "./round.ts";
export * from "./rows.ts";
export * from "./tree.ts";
export * from "./unpack.ts";
export * from "./unpack_blocks.ts";
