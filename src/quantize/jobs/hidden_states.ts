/**
 * The residual stream of all calibration texts between two layers, kept in a file so that work can go on.
 *
 * @module
 */
import { ArgumentError } from "../../base/errors.ts";
import { DTYPE_BYTES } from "../../base/dtype.ts";
import { toF32 } from "../../base/half.ts";
import { onFile } from "../../base/system_error.ts";
import type { TensorSource } from "../../checkpoint/containers/source.ts";
import { EMBEDDING } from "./names.ts";
import { exists } from "./out_place.ts";
import type { ModelRotation } from "./rotate_model.ts";
import { encodeFloats, floatDType } from "./tensors.ts";
import type { WorkDirectory } from "./work_directory.ts";

/** The rows behind one step. */
export interface LoadedStates {
  /** Tokens of each text. */
  readonly lengths: readonly number[];
  /** The longest text. */
  readonly longest: number;
  /** Tokens in all. */
  readonly tokens: number;
  /** f32 [tokens, hidden]. */
  readonly rows: Float32Array<ArrayBuffer>;
  /** Keeps the rows, as they are now, as those behind `step`. */
  store(work: WorkDirectory, step: number): void;
}

/** The states of some texts. */
export class HiddenStates {
  readonly #texts: readonly (readonly number[])[];
  readonly #width: number;

  /** For texts of token ids in a model of `width` dimensions. */
  constructor(texts: readonly (readonly number[])[], width: number) {
    this.#texts = texts;
    this.#width = width;
  }

  /** Bytes of the states behind one step. */
  get bytes(): number {
    return 4 * this.#width * this.#texts.reduce((sum, ids) => sum + ids.length, 0);
  }

  /** Stores the embeddings of all tokens, rotated where the model is. */
  begin(work: WorkDirectory, source: TensorSource, rotation?: ModelRotation): void {
    const width = this.#width;
    const info = source.info(EMBEDDING);
    const dtype = floatDType(info);
    const known = new Map<number, Float32Array>();
    const row = new Uint8Array(width * DTYPE_BYTES[dtype]);
    const embedding = (id: number): Float32Array => {
      let found = known.get(id);
      if (found === undefined) {
        if (id >= info.shape[0]) {
          throw new ArgumentError(
            "calibration",
            `Cannot calibrate: the tokenizer gives token ${id}, expected less than ${
              info.shape[0]
            }`,
          );
        }
        source.readInto(EMBEDDING, id * row.length, row);
        found = toF32(row.slice(), dtype);
        if (rotation !== undefined) {
          rotation.stream.apply(found);
          found = toF32(encodeFloats(found as Float32Array<ArrayBuffer>, dtype), dtype);
        }
        known.set(id, found);
      }
      return found;
    };
    const ids = this.#texts.flat();
    const rows = new Float32Array(ids.length * width);
    ids.forEach((id, i) => rows.set(embedding(id), i * width));
    this.#loaded(rows).store(work, 0);
  }

  /** The states behind `step`. */
  load(work: WorkDirectory, step: number): LoadedStates {
    const file = path(work, step);
    const bytes = onFile("read", file, () => Deno.readFileSync(file));
    return this.#loaded(new Float32Array(bytes.buffer));
  }

  /** Removes the states behind `step`, which nobody needs any more. */
  forget(work: WorkDirectory, step: number): void {
    const file = path(work, step);
    if (exists(file)) onFile("write", file, () => Deno.removeSync(file));
  }

  #loaded(rows: Float32Array<ArrayBuffer>): LoadedStates {
    const lengths = this.#texts.map((ids) => ids.length);
    return {
      lengths,
      longest: Math.max(...lengths),
      tokens: lengths.reduce((sum, length) => sum + length, 0),
      rows,
      store: (work, step) => work.writeFile(path(work, step), new Uint8Array(rows.buffer)),
    };
  }
}

function path(work: WorkDirectory, step: number): string {
  return work.state(`hidden-${step}`);
}
