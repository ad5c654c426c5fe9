/**
 * GGUF's blocks of elements with their scales, taken apart into what packing reads.
 *
 * @module
 */

import { addressOf, type Device, type Tensor } from "../device/mod.ts";
import {
  SMQ_BLOCKS_Q4_0,
  SMQ_BLOCKS_Q4_1,
  SMQ_BLOCKS_Q4_K,
  SMQ_BLOCKS_Q5_0,
  SMQ_BLOCKS_Q5_1,
  SMQ_BLOCKS_Q5_K,
  SMQ_BLOCKS_Q6_K,
  SMQ_BLOCKS_Q8_0,
} from "../ffi/symbols.ts";
import { expectInteger, expectTensor, refuse } from "./check.ts";

/** What is the same in all blocks of a type. */
export interface BlockFacts {
  /** Elements of a block. */
  readonly elements: number;
  /** Bytes of a block. */
  readonly bytes: number;
  /** Elements that share a scale. */
  readonly group: number;
  /** Whether an element fits into four bits. */
  readonly nibbles: boolean;
  /** Whether w = q s + o; else w = q s, of q from which the type has subtracted what it does. */
  readonly offsets: boolean;
}

interface BlockCode extends BlockFacts {
  readonly code: number;
}

const small = { elements: 32, group: 32 } as const;
const large = { elements: 256, group: 32 } as const;

/** Every type, by the name that people know. */
const TYPES = {
  Q4_0: { code: SMQ_BLOCKS_Q4_0, ...small, bytes: 18, nibbles: true, offsets: false },
  Q4_1: { code: SMQ_BLOCKS_Q4_1, ...small, bytes: 20, nibbles: true, offsets: true },
  Q5_0: { code: SMQ_BLOCKS_Q5_0, ...small, bytes: 22, nibbles: false, offsets: false },
  Q5_1: { code: SMQ_BLOCKS_Q5_1, ...small, bytes: 24, nibbles: false, offsets: true },
  Q8_0: { code: SMQ_BLOCKS_Q8_0, ...small, bytes: 34, nibbles: false, offsets: false },
  Q4_K: { code: SMQ_BLOCKS_Q4_K, ...large, bytes: 144, nibbles: true, offsets: true },
  Q5_K: { code: SMQ_BLOCKS_Q5_K, ...large, bytes: 176, nibbles: false, offsets: true },
  Q6_K: {
    code: SMQ_BLOCKS_Q6_K,
    ...large,
    group: 16,
    bytes: 210,
    nibbles: false,
    offsets: false,
  },
} as const satisfies Record<string, BlockCode>;

/** A type of blocks. */
export type BlockName = keyof typeof TYPES;

/** What blocks of `type` are made of. */
export function blockFacts(type: BlockName): BlockFacts {
  return TYPES[type];
}

/** What blocks are taken apart into. */
export interface UnpackedBlocks {
  /** i32 [k / 8, n] of nibbles where the type has some, unless `wide`; else i8 [n, k]. */
  q: Tensor;
  /** f16 [k / group, n]. */
  scales: Tensor<"f16">;
  /**
   * f16 [k / group, n]: the type's, where it has some, and then needed; else -8 s beside nibbles, which are
   * unsigned, and zeros beside bytes. None by default.
   */
  offsets?: Tensor<"f16">;
}

/** The stored weight. */
export interface UnpackBlocksOptions {
  /** The type of its blocks. */
  type: BlockName;
  /** Whether elements of four bits become bytes; not by default. */
  wide?: boolean;
  /** Outputs. */
  n: number;
  /** Inputs: a multiple of what a block holds, 32 or 256. */
  k: number;
}

/**
 * Takes `stored`, u8 [n, bytes of a row], apart. What of a block is a product (of the K types' scales) is
 * rounded to f16, all else is exact. `stored` does not overlap what is written.
 */
export function unpackBlocks(
  device: Device,
  { q, scales, offsets }: UnpackedBlocks,
  stored: Tensor<"u8">,
  { type, wide = false, n, k }: UnpackBlocksOptions,
): void {
  const op = "unpackBlocks";
  if (!Object.hasOwn(TYPES, type)) {
    refuse(op, "type", `is "${type}"`, Object.keys(TYPES).join(", "));
  }
  const { code, elements, bytes, group, nibbles, offsets: hasOffsets } = TYPES[type];
  expectInteger(op, "n", n, 1);
  expectInteger(op, "k", k, 1);
  if (k % elements !== 0) refuse(op, "k", `is ${k}`, `a multiple of ${elements} for ${type}`);
  expectTensor(op, "stored", stored, ["u8"], [n, k / elements * bytes]);
  if (nibbles && !wide) expectTensor(op, "q", q, ["i32"], [k / 8, n]);
  else expectTensor(op, "q", q, ["i8"], [n, k]);
  expectTensor(op, "scales", scales, ["f16"], [k / group, n]);
  if (offsets !== undefined) expectTensor(op, "offsets", offsets, ["f16"], [k / group, n]);
  else if (hasOffsets) refuse(op, "offsets", "is undefined", `a tensor for ${type}`);
  const { native } = device;
  const status = native.symbols.smq_unpack_blocks(
    native.ctx,
    addressOf(q),
    addressOf(scales),
    addressOf(offsets),
    addressOf(stored),
    code,
    Number(wide),
    n,
    k,
  );
  native.check(status, "smq_unpack_blocks");
}
