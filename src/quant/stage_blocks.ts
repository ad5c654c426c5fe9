/**
 * GGUF's blocks on their way to a packed weight: they go to the device as they are and are taken apart there, some
 * outputs at a time, so that what is staged stays small however large a weight is.
 *
 * @module
 */
import { CheckpointError } from "../base/errors.ts";
import type { BlockType, StoredBlocks } from "../checkpoint/formats/stored_linear.ts";
import { blockFacts, unpackBlocks, type UnpackedBlocks } from "../ops/mod.ts";
import type { WeightLoader } from "./loader.ts";
import { Stage } from "./staging.ts";

/** Bytes of blocks that are staged at once. What they are taken apart into is less than twice as much. */
const STAGED = 2 ** 24;

/** How blocks are taken apart. */
export interface BlockPacking {
  /** Whether elements of four bits become eight. */
  readonly wide: boolean;
  /** Bytes on the device that progress hears of for the whole weight. */
  readonly counted: number;
}

/**
 * Takes a weight apart, piece by piece: `pack` queues what packs outputs `first` to `first + n - 1`, once their blocks are
 * there. A block's scales that do not fit into f16 are a `CheckpointError`.
 */
export function packBlocks(
  loader: WeightLoader,
  stored: StoredBlocks,
  { wide, counted }: BlockPacking,
  pack: (unpacked: UnpackedBlocks, first: number, n: number) => void,
): void {
  const { tensor, type, n: all, k } = stored;
  const { elements, bytes, group, nibbles, offsets } = blockFacts(type);
  const { file } = loader.weights.source.info(tensor);
  const rowBytes = (k / elements) * bytes;
  const scaleBytes = 2 * (k / group) * (offsets ? 2 : 1);
  const elementBytes = nibbles && !wide ? k / 2 : k;
  const most = Math.max(1, Math.floor(STAGED / rowBytes));
  const check = scaleCheck(type, file, tensor);
  for (let first = 0; first < all; first += most) {
    const n = Math.min(most, all - first);
    const stage = new Stage(loader, n * (rowBytes + elementBytes + scaleBytes), 4);
    const raw = stage.take("u8", [n, rowBytes]);
    loader.stream(raw, tensor, {
      from: first * rowBytes,
      share: counted / (all * rowBytes),
      check,
    });
    const groups = [k / group, n];
    const unpacked = {
      q: nibbles && !wide ? stage.take("i32", [k / 8, n]) : stage.take("i8", [n, k]),
      scales: stage.take("f16", groups),
      offsets: offsets ? stage.take("f16", groups) : undefined,
    };
    loader.behind(() => {
      unpackBlocks(loader.device, unpacked, raw, { type, wide, n, k });
      pack(unpacked, first, n);
    });
  }
}

/** Where a block has numbers in f16, and what they are multiplied with at most. */
const HALVES: Readonly<Record<BlockType, readonly (readonly [at: number, factor: number])[]>> = {
  Q4_0: [[0, 1]],
  Q4_1: [[0, 1], [2, 1]],
  Q5_0: [[0, 1]],
  Q5_1: [[0, 1], [2, 1]],
  Q8_0: [[0, 1]],
  Q4_K: [[0, 63], [2, 63]],
  Q5_K: [[0, 63], [2, 63]],
  Q6_K: [[208, 128]],
};

/** Checks pieces of a tensor: no scale may be infinite or NaN, nor become so in f16. */
function scaleCheck(
  type: BlockType,
  file: string,
  tensor: string,
): (piece: Uint8Array<ArrayBuffer>, offset: number) => void {
  const { bytes } = blockFacts(type);
  const checks = HALVES[type].map(([at, factor]) => ({
    at,
    // As bits: those of magnitudes are in the order of what they stand for.
    most: new Uint16Array(Float16Array.of(65504 / factor).buffer)[0],
  }));
  return (piece, offset) => {
    // Blocks, the places of their scales and the pieces begin at even bytes.
    const words = new Uint16Array(piece.buffer, piece.byteOffset, piece.length >> 1);
    for (const { at, most } of checks) {
      const before = Math.max(0, Math.ceil((offset - at) / bytes));
      for (let i = (before * bytes + at - offset) >> 1; i < words.length; i += bytes >> 1) {
        if ((words[i] & 0x7fff) <= most) continue;
        const block = (offset + 2 * i - at) / bytes;
        const value = new Float16Array(words.buffer, words.byteOffset + 2 * i, 1)[0];
        throw new CheckpointError(
          file,
          `block ${block} has the scale ${value}, expected at most ` +
            `${new Float16Array(Uint16Array.of(most).buffer)[0]}`,
          tensor,
        );
      }
    }
  };
}
