/**
 * Text in lines of a width, broken between words and never inside one.
 *
 * @module
 */
import { textWidth } from "./width.ts";

/** A piece that no line end may cut, and what stands between it and the piece before it on a line. */
export interface Piece {
  /** The piece. */
  readonly text: string;
  /** What joins it to the piece before, in the same line. */
  readonly glue: string;
}

/** `pieces` in lines of at most `width` columns; one that is wider has its line to itself. */
export function fill(pieces: readonly Piece[], width: number): string[] {
  const lines: string[] = [];
  let line: string | undefined;
  for (const { text, glue } of pieces) {
    const longer: string = line === undefined ? text : line + glue + text;
    if (line !== undefined && textWidth(longer) > width) {
      lines.push(line.trimEnd());
      line = text;
    } else line = longer;
  }
  return [...lines, (line ?? "").trimEnd()];
}

/** `text` in lines of at most `width` columns; a word that is wider has its line to itself. */
export function wrap(text: string, width: number): string[] {
  if (textWidth(text) <= width) return [text];
  return fill(text.trim().split(/ +/).map((word) => ({ text: word, glue: " " })), width);
}

/** `text` as lines of at most `width` columns, the last of them ended too. */
export function paragraph(text: string, width: number): string {
  return wrap(text, width).map((line) => `${line}\n`).join("");
}
