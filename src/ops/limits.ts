/**
 * What the kernels can hold, on every backend.
 *
 * @module
 */
import { SMQ_MAX_MASK, SMQ_MAX_TOPK, SMQ_MAX_TREE } from "../ffi/symbols.ts";

/** Rows of a verified tree. */
export const MAX_TREE_ROWS: number = SMQ_MAX_TREE;
/** Entries of one top-k. */
export const MAX_TOPK: number = SMQ_MAX_TOPK;
/** A head's own rows in one tree: topk * (depth - 1). */
export const MAX_HEAD_ROWS: number = 64 * SMQ_MAX_MASK;
