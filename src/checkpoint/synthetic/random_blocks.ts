/**
 * Random bytes at the speed of copying: blocks of a few MiB, made once and repeated.
 *
 * @module
 */
import type { DType } from "../../base/dtype.ts";
import { randomWords } from "../../base/random.ts";

/**
 * Elements of a block of f16. Prime, and so no multiple of a row: the rows of a matrix are different pieces
 * of the block.
 */
const ELEMENTS = 1_048_583;

/** Blocks of random bytes of one seed, made when first asked for. */
export class RandomBlocks {
  readonly #seed: number;
  readonly #made = new Map<string, Uint8Array<ArrayBuffer>>();
  #normals?: Float32Array<ArrayBuffer>;

  /** Starts from a seed; any integer. */
  constructor(seed: number) {
    this.#seed = seed;
  }

  /** Uniform bytes: random nibbles. */
  get nibbles(): Uint8Array<ArrayBuffer> {
    return this.#block("nibbles", () => {
      const next = randomWords(this.#seed + 1);
      // An odd number of bytes, for the same reason as above.
      const words = filled(new Uint32Array(ELEMENTS), next);
      return new Uint8Array(words.buffer, 0, 4 * ELEMENTS - 1);
    });
  }

  /** f16 normal numbers of mean 0; none is zero where `deviation` is above the smallest f16. */
  normal(deviation: number): Uint8Array<ArrayBuffer> {
    return this.#block(`normal ${deviation}`, () => {
      this.#normals ??= normals(ELEMENTS, this.#seed + 2);
      const values = this.#normals;
      let i = 0;
      return bytesOf(filled(new Float16Array(ELEMENTS), () => values[i++] * deviation));
    });
  }

  /** e4m3 numbers of magnitudes from 0.25 to 3.75, both signs. */
  get e4m3(): Uint8Array<ArrayBuffer> {
    return this.#block("e4m3", () => {
      const next = randomWords(this.#seed + 4);
      // Sign, then an exponent of four values from -2 on and any mantissa.
      return filled(new Uint8Array(ELEMENTS), () => {
        const word = next();
        return (word & 0x80) | (0x28 + (word >>> 8) % 32);
      });
    });
  }

  /** Floats, uniform from `low` to `high`. */
  uniform(low: number, high: number, dtype: DType = "f16"): Uint8Array<ArrayBuffer> {
    return this.#block(`uniform ${low} ${high} ${dtype}`, () => {
      const next = randomWords(this.#seed + 3);
      const step = (high - low) / 2 ** 32;
      return numbers(dtype, ELEMENTS, () => low + next() * step);
    });
  }

  /** One number again and again. */
  constant(value: number, dtype: DType): Uint8Array<ArrayBuffer> {
    return this.#block(`constant ${value} ${dtype}`, () => numbers(dtype, 2 ** 16, () => value));
  }

  /** A position in any block, a multiple of four, that depends on the seed and `name`. */
  position(name: string): number {
    let hash = this.#seed;
    for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
    return 4 * (randomWords(hash)() % ELEMENTS);
  }

  #block(key: string, make: () => Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    let block = this.#made.get(key);
    if (block === undefined) this.#made.set(key, block = make());
    return block;
  }
}

/** Fills `into` with the bytes of the endlessly repeated `block` from `position` on. */
export function repeatInto(
  into: Uint8Array<ArrayBuffer>,
  block: Uint8Array<ArrayBuffer>,
  position: number,
): void {
  let from = position % block.length;
  for (let at = 0; at < into.length; from = 0) {
    const length = Math.min(into.length - at, block.length - from);
    into.set(block.subarray(from, from + length), at);
    at += length;
  }
}

function bytesOf(values: ArrayBufferView<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return new Uint8Array(values.buffer);
}

/** `into` with what `next` gives. A loop: `from` with a function takes ten times as long. */
function filled<T extends { readonly length: number; [i: number]: number }>(
  into: T,
  next: () => number,
): T {
  for (let i = 0; i < into.length; i++) into[i] = next();
  return into;
}

function numbers(dtype: DType, length: number, next: () => number): Uint8Array<ArrayBuffer> {
  switch (dtype) {
    case "f16":
      return bytesOf(filled(new Float16Array(length), next));
    case "f32":
      return bytesOf(filled(new Float32Array(length), next));
    case "i32":
      return bytesOf(filled(new Int32Array(length), next));
    case "i64":
      return bytesOf(BigInt64Array.from({ length }, () => BigInt(next())));
    case "i8":
      return bytesOf(filled(new Int8Array(length), next));
    default:
      throw new Error(`random numbers of dtype ${dtype} are not made`);
  }
}

/** Normal numbers of deviation 1, two from each pair of uniform ones. */
function normals(count: number, seed: number): Float32Array<ArrayBuffer> {
  const next = randomWords(seed);
  const out = new Float32Array(count);
  for (let i = 0; i < count; i += 2) {
    const radius = Math.sqrt(-2 * Math.log((next() + 0.5) / 2 ** 32));
    const angle = (2 * Math.PI * next()) / 2 ** 32;
    out[i] = radius * Math.cos(angle);
    if (i + 1 < count) out[i + 1] = radius * Math.sin(angle);
  }
  return out;
}
