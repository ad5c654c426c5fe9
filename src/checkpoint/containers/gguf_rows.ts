/**
 * Reading rows that a GGUF file has in another order.
 *
 * @module
 */
import type { GgufFile, GgufTensor } from "../../gguf/mod.ts";

/** Rows in heads: of each, the file has the first and the second half's rows by turns. */
export interface RowOrder {
  /** Rows of a head; even. */
  readonly headDim: number;
  /** Bytes of a row. */
  readonly rowBytes: number;
}

/** Bytes that are read at once, or one head where that has more. */
const PIECE_BYTES = 2 ** 20;

/** Reads whole heads and puts their rows in order. What it has read last it keeps: reads often end within a head. */
export class RowReader {
  readonly #gguf: GgufFile;
  #tensor?: GgufTensor;
  /** The first head that is held, and their data. */
  #first = 0;
  #data: Uint8Array<ArrayBuffer> = new Uint8Array(0);

  /** Reads from `gguf`. */
  constructor(gguf: GgufFile) {
    this.#gguf = gguf;
  }

  /** Fills `into` with the bytes of `tensor`, its rows in order, from `offset` on. */
  fill(tensor: GgufTensor, order: RowOrder, offset: number, into: Uint8Array): void {
    const { headDim, rowBytes } = order;
    const [headBytes, half] = [headDim * rowBytes, headDim / 2];
    const end = offset + into.length;
    for (let at = offset; at < end;) {
      const head = Math.floor(at / headBytes);
      const data = this.#heads(tensor, headBytes, head, Math.ceil(end / headBytes));
      const from = this.#first * headBytes;
      const stop = Math.min(end, from + data.length);
      while (at < stop) {
        const row = Math.floor(at / rowBytes);
        const j = row % headDim;
        const stored = row - j + (j < half ? 2 * j : 2 * (j - half) + 1);
        const within = at - row * rowBytes;
        const length = Math.min(rowBytes - within, stop - at);
        const begin = stored * rowBytes + within - from;
        into.set(data.subarray(begin, begin + length), at - offset);
        at += length;
      }
    }
  }

  /** The data of heads from `first` on, or from one before it: as many up to `end` as fit, at least `first`. */
  #heads(
    tensor: GgufTensor,
    headBytes: number,
    first: number,
    end: number,
  ): Uint8Array<ArrayBuffer> {
    const held = this.#data.length / headBytes;
    if (this.#tensor === tensor && first >= this.#first && first < this.#first + held) {
      return this.#data;
    }
    const count = Math.min(end - first, Math.max(1, Math.floor(PIECE_BYTES / headBytes)));
    this.#tensor = undefined;
    if (this.#data.length !== count * headBytes) this.#data = new Uint8Array(count * headBytes);
    this.#gguf.readInto(tensor, first * headBytes, this.#data);
    this.#tensor = tensor;
    this.#first = first;
    return this.#data;
  }
}
