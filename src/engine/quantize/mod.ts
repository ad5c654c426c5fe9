/**
 * Quantizing checkpoints.
 *
 * @module
 */
export * from "./options.ts";
export { quantizeCheckpoint, UNQUANTIZED } from "./quantize_checkpoint.ts";
