/**
 * Quantizing checkpoints.
 *
 * @module
 */
export { UNQUANTIZED } from "./jobs/check_options.ts";
export { convertHead, type ConvertHeadOptions } from "./heads/convert_head.ts";
export type { HeadOutput, QuantizeHeadOptions } from "./heads/head_options.ts";
export { quantizeHead, type QuantizeHeadResult } from "./heads/quantize_head.ts";
export * from "./jobs/options.ts";
export { quantizeCheckpoint } from "./jobs/quantize_checkpoint.ts";
export { trimHead } from "./heads/trim_head.ts";
export type { TrimHeadOptions, TrimHeadResult } from "./heads/trim_options.ts";
export {
  writeStates,
  type WriteStatesOptions,
  type WriteStatesResult,
} from "./jobs/write_states.ts";
