/**
 * Writes safetensors files. The header is planned first, so that data streams, one tensor at a time; the
 * file appears under its name only when it is complete.
 *
 * @module
 */
import { type DType, DTYPE_BYTES } from "../../base/dtype.ts";
import { ArgumentError } from "../../base/errors.ts";
import { elements, type Shape, showShape } from "../../base/shape.ts";
import { SAFETENSORS_DTYPES } from "./safetensors.ts";
import { WholeFile } from "./whole_file.ts";

/** A tensor that will be written. */
export interface PlannedTensor {
  /** Its name. */
  readonly name: string;
  /** Its dtype. */
  readonly dtype: DType;
  /** Its shape. */
  readonly shape: Shape;
}

/** A tensor with its data, which is asked for only when its turn comes. */
export interface TensorToWrite extends PlannedTensor {
  /** Little-endian data, whole or in pieces; called once. */
  readonly data: () => Uint8Array | Iterable<Uint8Array>;
}

const NAMES = new Map([...SAFETENSORS_DTYPES].map(([word, dtype]) => [dtype, word]));

/** Writes `tensors` to `file` atomically. Nothing is left behind when it throws. */
export function writeSafetensors(
  file: string,
  tensors: Iterable<TensorToWrite>,
  metadata?: Readonly<Record<string, string>>,
): void {
  const list = [...tensors];
  using writer = new SafetensorsWriter(file, list, metadata);
  for (const tensor of list) writer.write(tensor.name, tensor.data());
  writer.finish();
}

/** Writes one tensor after the other in the planned order. Disposed before `finish`, it leaves no file. */
export class SafetensorsWriter implements Disposable {
  readonly #name: string;
  readonly #plan: PlannedTensor[];
  readonly #file: WholeFile;
  #next = 0;

  /** Plans and writes the header. An ArgumentError where a name repeats, a FileError where it cannot be written. */
  constructor(
    file: string,
    plan: Iterable<PlannedTensor>,
    metadata?: Readonly<Record<string, string>>,
  ) {
    this.#name = file;
    this.#plan = [...plan];
    const header = planHeader(this.#plan, metadata);
    this.#file = new WholeFile(file);
    try {
      const length = new Uint8Array(8);
      new DataView(length.buffer).setBigUint64(0, BigInt(header.length), true);
      this.#file.write(length);
      this.#file.write(header);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** Writes the next planned tensor, which must be `name`, with exactly its bytes. */
  write(name: string, data: Uint8Array | Iterable<Uint8Array>): void {
    const planned = this.#plan[this.#next];
    if (planned?.name !== name) {
      throw new ArgumentError(
        "name",
        `Cannot write tensor "${name}": the next planned tensor is "${planned?.name}"`,
      );
    }
    const expected = elements(planned.shape) * DTYPE_BYTES[planned.dtype];
    let written = 0;
    for (const piece of data instanceof Uint8Array ? [data] : data) {
      written += piece.length;
      if (written > expected) break;
      this.#file.write(piece);
    }
    if (written !== expected) {
      throw new ArgumentError(
        "data",
        `Cannot write tensor "${name}": its data has ${written} bytes${
          written > expected ? " or more" : ""
        }, expected ${expected} for ${planned.dtype} ${showShape(planned.shape)}`,
      );
    }
    this.#next++;
  }

  /** Flushes to disk and gives the file its name. Every planned tensor must have been written. */
  finish(): void {
    if (this.#next !== this.#plan.length) {
      throw new ArgumentError(
        "tensors",
        `Cannot finish ${this.#name}: ${this.#next} tensors are written, expected ${this.#plan.length}`,
      );
    }
    this.#file.finish();
  }

  /** Closes and removes an unfinished file. */
  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]();
  }
}

/** The header's JSON, padded with spaces so that the data starts at a multiple of 8. */
function planHeader(
  plan: readonly PlannedTensor[],
  metadata?: Readonly<Record<string, string>>,
): Uint8Array {
  const entries: [string, unknown][] = [];
  if (metadata !== undefined) entries.push(["__metadata__", metadata]);
  const seen = new Set(["__metadata__"]);
  let at = 0;
  for (const { name, dtype, shape } of plan) {
    if (seen.has(name)) {
      throw new ArgumentError("tensors", `Cannot write tensor "${name}": the name is taken`);
    }
    seen.add(name);
    const end = at + elements(shape) * DTYPE_BYTES[dtype];
    entries.push([name, { dtype: NAMES.get(dtype), shape, data_offsets: [at, end] }]);
    at = end;
  }
  // Object.fromEntries defines own properties, so a tensor named "__proto__" is written like any other.
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const padded = new Uint8Array(Math.ceil(json.length / 8) * 8).fill(0x20);
  padded.set(json);
  return padded;
}
