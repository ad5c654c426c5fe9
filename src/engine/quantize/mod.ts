/**
 * Quantizing checkpoints.
 *
 * @module
 */
export { convertHead, type ConvertHeadOptions } from "./convert_head.ts";
export * from "./options.ts";
export { quantizeCheckpoint, UNQUANTIZED } from "./quantize_checkpoint.ts";
