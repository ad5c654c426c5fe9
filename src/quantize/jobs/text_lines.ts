/**
 * The lines of a file of text, which may be larger than memory.
 *
 * @module
 */
import { CheckpointError } from "../../base/errors.ts";
import { onFile } from "../../base/system_error.ts";

/** A line. */
export interface TextLine {
  /** Its text, without its end. */
  readonly line: string;
  /** Its number, from 1. */
  readonly number: number;
  /** The share of the file that has been read, about. */
  readonly share: number;
}

/** Bytes that are read at once. */
const PIECE = 2 ** 20;

/** Reads `file` line by line; a FileError where it cannot be read, a CheckpointError where its bytes are not UTF-8. */
export function* textLines(file: string): Generator<TextLine> {
  using handle = onFile("read", file, () => Deno.openSync(file));
  const { size } = onFile("read", file, () => handle.statSync());
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const piece = new Uint8Array(PIECE);
  let [rest, number, done] = ["", 0, 0];
  for (let ended = false; !ended;) {
    const count = onFile("read", file, () => handle.readSync(piece));
    ended = count === null;
    done += count ?? 0;
    const lines = (rest + decoded(decoder, piece.subarray(0, count ?? 0), !ended, file))
      .split("\n");
    rest = ended ? "" : lines.pop()!;
    const share = size === 0 ? 1 : Math.min(1, done / size);
    for (const line of lines) yield { line, number: ++number, share };
  }
}

function decoded(
  decoder: TextDecoder,
  bytes: Uint8Array<ArrayBuffer>,
  stream: boolean,
  file: string,
): string {
  try {
    return decoder.decode(bytes, { stream });
  } catch (cause) {
    throw new CheckpointError(file, "its bytes are not UTF-8", undefined, { cause });
  }
}
