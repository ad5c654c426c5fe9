/**
 * Tokens such as `<0x0A>`, which stand for the bytes of characters that a vocabulary lacks.
 *
 * @module
 */

const ENCODER = new TextEncoder();

/** The byte tokens of a vocabulary. */
export class ByteTokens {
  readonly #ids: readonly (number | undefined)[];

  /** Finds the 256 tokens, as far as they are there. */
  constructor(ids: ReadonlyMap<string, number>) {
    this.#ids = Array.from(
      { length: 256 },
      (_, byte) => ids.get(`<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`),
    );
  }

  /** The tokens of a text's bytes; `undefined` where one of them is missing. */
  of(text: string): number[] | undefined {
    const out: number[] = [];
    for (const byte of ENCODER.encode(text)) {
      const id = this.#ids[byte];
      if (id === undefined) return undefined;
      out.push(id);
    }
    return out;
  }
}
