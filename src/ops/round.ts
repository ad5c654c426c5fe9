/**
 * The end of a round: verification, commit and cache lengths, all on the device.
 *
 * @module
 */

import { MAX_I32 } from "../base/i32.ts";
import { addressOf, type Device, type Tensor } from "../device/mod.ts";
import { SMQ_MAX_TREE } from "../ffi/symbols.ts";
import { expectCounter, expectInteger, expectTensor, refuse } from "./check.ts";

/** What `verify` reads and writes. */
export interface VerifyOptions {
  /** i32 [1 + m], written: the accept length A, then the A tokens committed. */
  result: Tensor<"i32">;
  /** i32 [m], written: the A rows kept, row 0 first. */
  path: Tensor<"i32">;
  /** i32 [any]: the token at each position; the tokens committed are written behind cacheLength. */
  history: Tensor<"i32">;
  /** i32 [1]. */
  cacheLength: Tensor<"i32">;
  /** i32 [m]: the verifier's choice after each row. */
  choice: Tensor<"i32">;
  /** i32 [m] of a tree; without it, a sequence: row i is history[cacheLength + i]. */
  tokens?: Tensor<"i32">;
  /** i32 [m] of a tree, given with `tokens`: the parent's row, -1 for row 0. */
  parents?: Tensor<"i32">;
  /** i32 [1]: only rows with cacheLength + i <= limit exist; all by default. */
  limit?: Tensor<"i32">;
}

/** What `commit` moves. */
export interface CommitOptions {
  /** u64 [count]: device addresses of caches, rows of `rowBytes` bytes. */
  caches: Tensor<"u64">;
  /** Bytes of a slot, alike in all caches. */
  rowBytes: number;
  /** i32 [m], as `verify` leaves it. */
  path: Tensor<"i32">;
  /** i32 [1 + m], as `verify` leaves it. */
  result: Tensor<"i32">;
  /** i32 [1]: grows by the accept length. */
  cacheLength: Tensor<"i32">;
}

/**
 * Finds the longest path from row 0 whose tokens are each the choice after its parent; writes the
 * accept length, the tokens (with the bonus token) and the rows. m, from `choice`, is 1 to 64.
 */
export function verify(device: Device, options: VerifyOptions): void {
  const op = "verify";
  const { result, path, history, cacheLength, choice, tokens, parents, limit } = options;
  const [m] = expectTensor(op, "choice", choice, ["i32"], [-1]);
  expectInteger(op, "m", m, 1, SMQ_MAX_TREE);
  expectTensor(op, "result", result, ["i32"], [1 + m]);
  expectTensor(op, "path", path, ["i32"], [m]);
  expectTensor(op, "history", history, ["i32"], [-1]);
  expectCounter(op, "cacheLength", cacheLength);
  if ((tokens === undefined) !== (parents === undefined)) {
    const [given, missing] = tokens === undefined ? ["parents", "tokens"] : ["tokens", "parents"];
    refuse(op, missing, `is missing where ${given} is given`, "both or neither");
  }
  if (tokens !== undefined) expectTensor(op, "tokens", tokens, ["i32"], [m]);
  if (parents !== undefined) expectTensor(op, "parents", parents, ["i32"], [m]);
  if (limit !== undefined) expectCounter(op, "limit", limit);
  const { native } = device;
  const status = native.symbols.smq_verify(
    native.ctx,
    addressOf(result),
    addressOf(path),
    addressOf(history),
    addressOf(cacheLength),
    addressOf(choice),
    addressOf(tokens),
    addressOf(parents),
    addressOf(limit),
    m,
  );
  native.check(status, "smq_verify");
}

/** Moves the rows kept to the front in every cache, then adds the accept length to cacheLength. */
export function commit(device: Device, options: CommitOptions): void {
  const op = "commit";
  const { caches, rowBytes, path, result, cacheLength } = options;
  const [count] = expectTensor(op, "caches", caches, ["u64"], [-1]);
  const [m] = expectTensor(op, "path", path, ["i32"], [-1]);
  expectTensor(op, "result", result, ["i32"], [1 + m]);
  expectCounter(op, "cacheLength", cacheLength);
  expectInteger(op, "rowBytes", rowBytes, 1);
  const { native } = device;
  const status = native.symbols.smq_commit(
    native.ctx,
    addressOf(caches),
    count,
    rowBytes,
    addressOf(path),
    addressOf(result),
    addressOf(cacheLength),
    m,
  );
  native.check(status, "smq_commit");
}

/** `length += delta`. `length`: i32 [1]. */
export function advance(device: Device, length: Tensor<"i32">, delta: number): void {
  const op = "advance";
  expectCounter(op, "length", length);
  expectInteger(op, "delta", delta, -MAX_I32);
  const { native } = device;
  native.check(native.symbols.smq_advance(native.ctx, addressOf(length), delta), "smq_advance");
}

/** `length = min(length, limit + delta)`, 0 where that is negative. `length`, `limit`: i32 [1]. */
export function cutBack(
  device: Device,
  length: Tensor<"i32">,
  limit: Tensor<"i32">,
  delta: number,
): void {
  const op = "cutBack";
  expectCounter(op, "length", length);
  expectCounter(op, "limit", limit);
  expectInteger(op, "delta", delta, -MAX_I32);
  const { native } = device;
  const status = native.symbols.smq_cut_back(
    native.ctx,
    addressOf(length),
    addressOf(limit),
    delta,
  );
  native.check(status, "smq_cut_back");
}
