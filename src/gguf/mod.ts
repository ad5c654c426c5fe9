/**
 * GGUF files: header, metadata, splits. What a model's weights and text are made of, others read from it.
 *
 * @module
 */

export { findGguf } from "./find.ts";
export { type GgufFile, isGguf, readGguf } from "./gguf.ts";
export type { GgufTensor } from "./header.ts";
export { Metadata, showValue } from "./metadata.ts";
export { type GgmlType, ggmlTypeNamed } from "./types.ts";
export type { GgufNumbers, GgufValue } from "./values.ts";
