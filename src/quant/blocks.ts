/**
 * GGUF's blocks: weights of four bits in groups of 32, or of eight in groups of 16 or 32, with a scale and maybe an
 * offset for each group; 16-bit activations.
 *
 * @module
 */
import type { BlockType, StoredBlocks } from "../checkpoint/formats/stored_linear.ts";
import type { Tensor } from "../device/mod.ts";
import {
  blockFacts,
  embedW8Group,
  gemmW4A16,
  gemmW8A16Group,
  type Part,
  type UnpackedBlocks,
  w4a16Bytes,
  w4a16Pack,
  w8GroupBytes,
  w8GroupPack,
} from "../ops/mod.ts";
import { asRows } from "./activation.ts";
import { loadBias, outputsOf } from "./f16.ts";
import type { WeightLoader } from "./loader.ts";
import type { Scheme } from "./scheme.ts";
import { packBlocks } from "./stage_blocks.ts";

/** How weights of a type are packed. Those of one packing share one weight. */
interface Packing {
  readonly nibbles: boolean;
  readonly group: number;
  readonly offsets: boolean;
}

/** The packing of `type`; elements of four bits become eight where `wide`. */
function packingOf(type: BlockType, wide = false): Packing {
  const { nibbles, group, offsets } = blockFacts(type);
  return { nibbles: nibbles && !wide, group, offsets };
}

function samePacking(a: BlockType, b: BlockType): boolean {
  const [x, y] = [packingOf(a), packingOf(b)];
  return x.nibbles === y.nibbles && x.group === y.group && x.offsets === y.offsets;
}

/** Bytes of a packed weight, as every device should need them. */
function bytesOf({ n, k }: { readonly n: number; readonly k: number }, packing: Packing): number {
  const { nibbles, group, offsets } = packing;
  return n * ((nibbles ? k / 2 : k) + (k / group) * (offsets ? 4 : 2));
}

/** Layers of one packing in one weight. */
function packed(
  loader: WeightLoader,
  parts: readonly StoredBlocks[],
  { nibbles, group, offsets }: Packing,
): Tensor<"u8"> {
  const { device } = loader;
  const [{ prefix, k }] = parts;
  const nTotal = parts.reduce((sum, { n }) => sum + n, 0);
  const bytes = nibbles
    ? w4a16Bytes(device, nTotal, k, group, offsets ? "offsets" : "none")
    : w8GroupBytes(device, { n: nTotal, k, group, offsets });
  const weight = loader.arena.allocate("u8", [bytes], prefix);
  const pack = ({ q, ...rest }: UnpackedBlocks, part: Part): void => {
    const options = { ...rest, ...part, k, group };
    if (nibbles) w4a16Pack(device, weight, { qweight: q as Tensor<"i32">, ...options });
    else w8GroupPack(device, weight, { qweight: q as Tensor<"i8">, ...options });
  };
  let at = 0;
  for (const stored of parts) {
    const counted = bytesOf(stored, { nibbles, group, offsets });
    const before = at;
    packBlocks(loader, stored, { wide: !nibbles, counted }, (unpacked, first, n) => {
      pack(unpacked, { nTotal, nOffset: before + first, n });
    });
    at += stored.n;
  }
  return weight;
}

/** The scheme of GGUF's blocks. People know its names as those of the types. */
export const blocks: Scheme<StoredBlocks> = {
  kind: "blocks",
  activationForm: "rows",
  bytes: (stored) => bytesOf(stored, packingOf(stored.type)),
  scratch: () => 0,
  describe: ({ type }) => type,
  load(loader, parts) {
    const { device } = loader;
    const [{ stored: { type, k } }] = parts;
    if (!parts.every(({ stored }) => samePacking(stored.type, type))) return undefined;
    const n = outputsOf(parts);
    const packing = packingOf(type);
    const weight = packed(loader, parts.map(({ stored }) => stored), packing);
    const bias = loadBias(loader, parts);
    const { nibbles, group, offsets } = packing;
    return {
      n,
      k,
      bytes: bytesOf({ n, k }, packing),
      activationForm: "rows",
      scratch: 0,
      queue(y, x, epilogue): void {
        const rows = asRows(x);
        if (nibbles) {
          const zeros = offsets ? "offsets" : "none";
          gemmW4A16(device, y, rows, weight, { n, k, group, zeros, bias, epilogue });
        } else {
          gemmW8A16Group(device, y, rows, weight, { n, k, group, offsets, bias, epilogue });
        }
      },
      queueWeights: nibbles
        ? undefined
        : (out, index) => embedW8Group(device, out, weight, index, { n, k, group, offsets }),
    };
  },
};

/** A table of 8-bit rows: what it was loaded as, and what ops are told of it. */
export interface BlockTable {
  /** u8, as `w8GroupPack` writes it. */
  readonly weight: Tensor<"u8">;
  /** Its size. */
  readonly size: {
    /** Tokens. */
    readonly n: number;
    /** Width. */
    readonly k: number;
    /** Elements that share a scale. */
    readonly group: number;
    /** Whether there are offsets. */
    readonly offsets: boolean;
  };
}

/** Bytes of a table on a device. */
export function blockTableBytes(stored: StoredBlocks): number {
  return bytesOf(stored, packingOf(stored.type, true));
}

/** Loads a table, in eight bits: what has four gets as many, exactly. */
export function loadBlockTable(loader: WeightLoader, stored: StoredBlocks): BlockTable {
  const packing = packingOf(stored.type, true);
  const { n, k } = stored;
  const { group, offsets } = packing;
  return { weight: packed(loader, [stored], packing), size: { n, k, group, offsets } };
}
