/**
 * GGUF's quantized types on the host, as plainly as possible: what kernels and readers are held against. The
 * arithmetic is that of llama.cpp and of the `gguf` package, in f32 and in their order, so results are the same bits.
 */
import { bf16ToF32, f16ToF32 } from "../../src/base/half.ts";

/** Writes the elements of one block, which begins at byte `at`, to `out` from `to` on. */
type Block = (data: DataView, at: number, out: Float32Array, to: number) => void;

interface Type {
  /** Elements of a block. */
  readonly block: number;
  /** Bytes of a block. */
  readonly bytes: number;
  readonly read: Block;
}

const f32 = Math.fround;
const f16 = (data: DataView, at: number) => data.getFloat16(at, true);

/** Blocks of 32: f16 d, perhaps f16 m, perhaps 32 fifth bits, 16 bytes of nibbles: w = d (q - zero) + m. */
function small(offset: boolean, fifth: boolean, zero: number): Type {
  const head = 2 + (offset ? 2 : 0);
  const nibbles = head + (fifth ? 4 : 0);
  return {
    block: 32,
    bytes: nibbles + 16,
    read(data, at, out, to) {
      const d = f16(data, at);
      const m = offset ? f16(data, at + 2) : -0; // What changes nothing, not even -0.
      const bits = fifth ? data.getUint32(at + head, true) : 0;
      for (let i = 0; i < 32; i++) {
        const byte = data.getUint8(at + nibbles + i % 16);
        const q = (i < 16 ? byte & 15 : byte >> 4) + ((bits >>> i) & 1) * 16;
        out[to + i] = f32(f32(d * (q - zero)) + m);
      }
    },
  };
}

const q8: Type = {
  block: 32,
  bytes: 34,
  read(data, at, out, to) {
    const d = f16(data, at);
    for (let i = 0; i < 32; i++) out[to + i] = f32(d * data.getInt8(at + 2 + i));
  },
};

/** Scale and minimum of sub-block `j` of 8, from 12 bytes at `at`. */
export function scaleAndMin(data: DataView, at: number, j: number): [scale: number, min: number] {
  const s = (i: number) => data.getUint8(at + i);
  if (j < 4) return [s(j) & 63, s(j + 4) & 63];
  return [
    (s(j + 4) & 15) | ((s(j - 4) >> 6) << 4),
    (s(j + 4) >> 4) | ((s(j) >> 6) << 4),
  ];
}

/** Blocks of 256: f16 d and dmin, 12 bytes of scales, perhaps 256 fifth bits, 128 bytes: w = d sc q - dmin m. */
function large(fifth: boolean): Type {
  const nibbles = 16 + (fifth ? 32 : 0);
  return {
    block: 256,
    bytes: nibbles + 128,
    read(data, at, out, to) {
      const [d, min] = [f16(data, at), f16(data, at + 2)];
      for (let j = 0; j < 8; j++) {
        const [scale, m] = scaleAndMin(data, at + 4, j);
        const [step, offset] = [f32(d * scale), f32(min * m)];
        for (let i = 0; i < 32; i++) {
          const byte = data.getUint8(at + nibbles + 32 * (j >> 1) + i);
          const low = j % 2 === 0 ? byte & 15 : byte >> 4;
          // Byte i holds the fifth bits of the i-th element of all eight sub-blocks.
          const high = fifth ? (data.getUint8(at + 16 + i) >> j) & 1 : 0;
          out[to + 32 * j + i] = f32(f32(step * (low + 16 * high)) - offset);
        }
      }
    },
  };
}

/** Blocks of 256: 128 bytes of low nibbles, 64 of two high bits each, 16 i8 scales, f16 d: w = d sc (q - 32). */
const q6k: Type = {
  block: 256,
  bytes: 210,
  read(data, at, out, to) {
    const d = f16(data, at + 208);
    for (let i = 0; i < 256; i++) {
      // Halves of 128 elements; in each, quarters of 32 share bytes.
      const [half, quarter, j] = [i >> 7, (i >> 5) & 3, i & 31];
      const byte = data.getUint8(at + 64 * half + 32 * (quarter & 1) + j);
      const low = quarter < 2 ? byte & 15 : byte >> 4;
      const high = (data.getUint8(at + 128 + 32 * half + j) >> (2 * quarter)) & 3;
      const scale = data.getInt8(at + 192 + (i >> 4));
      out[to + i] = f32(f32(d * scale) * ((low | (high << 4)) - 32));
    }
  },
};

const TYPES: Readonly<Record<string, Type>> = {
  Q4_0: small(false, false, 8),
  Q4_1: small(true, false, 0),
  Q5_0: small(false, true, 16),
  Q5_1: small(true, true, 0),
  Q8_0: q8,
  Q4_K: large(false),
  Q5_K: large(true),
  Q6_K: q6k,
};

/** The types of blocks that are read, in the order of their numbers. */
export const BLOCK_TYPES: readonly string[] = Object.keys(TYPES);

/** Elements and bytes of a block of `type`. */
export function blockOf(type: string): { readonly block: number; readonly bytes: number } {
  const { block, bytes } = TYPES[type];
  return { block, bytes };
}

/** The elements that `bytes`, whole blocks of `type` or plain numbers, stand for. */
export function dequantize(
  type: string,
  bytes: Uint8Array<ArrayBuffer>,
): Float32Array<ArrayBuffer> {
  if (type === "F16") return f16ToF32(bytes);
  if (type === "BF16") return bf16ToF32(bytes);
  if (type === "F32") return new Float32Array(bytes.slice().buffer);
  const found = TYPES[type];
  if (found === undefined || bytes.length % found.bytes !== 0) {
    throw new Error(`${bytes.length} bytes are no blocks of ${type}`);
  }
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const out = new Float32Array(bytes.length / found.bytes * found.block);
  for (let i = 0; i < bytes.length / found.bytes; i++) {
    found.read(data, i * found.bytes, out, i * found.block);
  }
  return out;
}
