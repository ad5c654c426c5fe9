/**
 * What a target gives a head of the calibration texts, kept in files so that work can go on.
 *
 * @module
 */
import { onFile } from "../../base/system_error.ts";
import { exists } from "../jobs/out_place.ts";
import type { WorkDirectory } from "../jobs/work_directory.ts";

/** Tokens of a file, at least, but for the last. */
const TOKENS = 16384;

/** A text as a head sees it. */
export interface SeenText {
  /** Its tokens. */
  readonly ids: readonly number[];
  /** What the target gives of each, bytes of its activations' dtype. */
  readonly states: Uint8Array<ArrayBuffer>;
}

/** The states of some texts. */
export class HeadStates {
  /** Tokens of all texts. */
  readonly tokens: number;
  /** Tokens of the longest. */
  readonly longest: number;
  readonly #groups: (readonly number[])[][] = [];
  readonly #rowBytes: number;

  /** For texts of token ids, of which a head reads `rowBytes` bytes a token. */
  constructor(texts: readonly (readonly number[])[], rowBytes: number) {
    this.#rowBytes = rowBytes;
    this.tokens = texts.reduce((sum, { length }) => sum + length, 0);
    this.longest = Math.max(...texts.map(({ length }) => length));
    let room = 0;
    for (const ids of texts) {
      if (room <= 0) {
        this.#groups.push([]);
        room = TOKENS;
      }
      this.#groups.at(-1)!.push(ids);
      room -= ids.length;
    }
  }

  /** Bytes of all of them. */
  get bytes(): number {
    return this.tokens * this.#rowBytes;
  }

  /** Whether all are stored in `work`. */
  isComplete(work: WorkDirectory): boolean {
    return this.#groups.every((_, i) => exists(path(work, i)));
  }

  /** Reads the texts that are not stored, and stores what the target gives of them; yields the tokens done. */
  *collect(work: WorkDirectory, read: (ids: readonly number[]) => Uint8Array): Generator<number> {
    let done = 0;
    for (const [i, group] of this.#groups.entries()) {
      const length = group.reduce((sum, ids) => sum + ids.length, 0);
      if (exists(path(work, i))) {
        done += length;
        continue;
      }
      const all = new Uint8Array(length * this.#rowBytes);
      let at = 0;
      for (const ids of group) {
        all.set(read(ids), at);
        at += ids.length * this.#rowBytes;
        yield done += ids.length;
      }
      work.writeFile(path(work, i), all);
    }
  }

  /** The texts with what is stored of them. */
  *seen(work: WorkDirectory): Generator<SeenText> {
    for (const [i, group] of this.#groups.entries()) {
      const file = path(work, i);
      const all = onFile("read", file, () => Deno.readFileSync(file));
      let at = 0;
      for (const ids of group) {
        const end = at + ids.length * this.#rowBytes;
        yield { ids, states: all.subarray(at, end) };
        at = end;
      }
    }
  }
}

function path(work: WorkDirectory, group: number): string {
  return work.state(`states-${group}`);
}
