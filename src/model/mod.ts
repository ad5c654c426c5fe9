/**
 * Models on a device: weights, caches, forwards.
 *
 * @module
 */
export * from "./block_state.ts";
export * from "./head.ts";
export { checkHead, type HeadSummary, type HeadVerifier } from "./head_check.ts";
export * from "./head_state.ts";
export { hasEmbedding, type HeadTensors, headTensors, type NormPart } from "./head_tensors.ts";
export * from "./kv_cache.ts";
export * from "./model.ts";
export type { BufferNeeds } from "./needs.ts";
export * from "./state.ts";
export * from "./step.ts";
export type { RecentRows, RecentVocabulary } from "./recent_rows.ts";
export type { UnusedTensor } from "./unused.ts";
export * from "./vocabulary.ts";
export { attentionWorkspaceBytes } from "./workspace.ts";
