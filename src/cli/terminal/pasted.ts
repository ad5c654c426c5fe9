/**
 * What is pasted into a terminal that marks it: a text of several lines is one line to edit.
 *
 * @module
 */

/** What stands for the end of a line in a text that was pasted. */
export const LINE_END = "\u21b5";

/** What asks a terminal to mark what is pasted. */
export const MARK_PASTES = "\x1b[?2004h";

/** What asks it to stop. */
export const UNMARK_PASTES = "\x1b[?2004l";

const [BEGIN, END] = ["\x1b[200~", "\x1b[201~"];

/** Takes marks out of what a terminal sends, in pieces as it comes, and puts `LINE_END` for the ends of lines between them. */
export class Pasted {
  #inside = false;
  /** What may be the beginning of a mark. */
  #held = "";

  /** What a piece becomes. */
  take(piece: string): string {
    let text = this.#held + piece;
    let out = "";
    this.#held = "";
    for (;;) {
      const mark = this.#inside ? END : BEGIN;
      const at = text.indexOf(mark);
      if (at < 0) break;
      out += this.#plain(text.slice(0, at));
      text = text.slice(at + mark.length);
      this.#inside = !this.#inside;
    }
    // An escape that comes alone is the key.
    const held = this.#inside ? heldBack(text, END) : text === "\x1b" ? 0 : heldBack(text, BEGIN);
    this.#held = text.slice(text.length - held);
    return out + this.#plain(text.slice(0, text.length - held));
  }

  #plain(text: string): string {
    return this.#inside ? text.replace(/\r\n?|\n/g, LINE_END) : text;
  }
}

/** How many of the last characters of `text` may be the beginning of `mark`. */
function heldBack(text: string, mark: string): number {
  for (let length = Math.min(mark.length - 1, text.length); length > 0; length--) {
    if (text.endsWith(mark.slice(0, length))) return length;
  }
  return 0;
}
