/**
 * Quantizing checkpoints.
 *
 * @module
 */
export { convertHead, type ConvertHeadOptions } from "./jobs/convert_head.ts";
export * from "./jobs/options.ts";
export { quantizeCheckpoint, UNQUANTIZED } from "./jobs/quantize_checkpoint.ts";
