/**
 * The bytes that a token stands for, whatever is beside it.
 *
 * @module
 */
import { UnsupportedModelError } from "../../base/errors.ts";
import type { JsonObject } from "../files/files.ts";
import { partsOf } from "./parts.ts";

/** What one part of a decoder makes of a token: text, or bytes, which no later part changes. */
type Step = (token: string) => string | Uint8Array;

const ENCODER = new TextEncoder();

/** A token that stands for a byte. */
const BYTE = /^<0x([0-9A-Fa-f]{2})>$/;

/** The characters that byte-level tokenizers write for bytes: those that can be seen as they are, others from U+0100. */
const BYTES: ReadonlyMap<string, number> = new Map(function* () {
  let other = 0x100;
  for (let byte = 0; byte < 256; byte++) {
    const isSeen = (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad);
    yield [String.fromCodePoint(isSeen ? byte : other++), byte] as const;
  }
}());

/** A decoder of single tokens. */
export class TokenBytes {
  readonly #steps: readonly Step[];

  /**
   * Reads the decoder of a `tokenizer.json`. What a decoder does only to the begin of a whole text, such as dropping
   * a space, is no part of a token's bytes.
   *
   * @throws {UnsupportedModelError} the text of a token depends on the tokens beside it
   */
  constructor(decoder: unknown) {
    const parts = [...partsOf(decoder, "decoders")];
    const fused = parts.findIndex(({ type }) => type === "Fuse");
    this.#steps = parts.flatMap((part, at) => {
      // Behind `Fuse` a part sees the whole text.
      if (fused !== -1 && at > fused && part.type === "Strip") return [];
      if (part.type === "Fuse") return [];
      return [stepOf(part)];
    });
    if (parts.length === 0) refuse("has none, which puts a space between any two");
  }

  /** The bytes of a token, given as the decoder gets it. */
  of(token: string): Uint8Array {
    let out: string | Uint8Array = token;
    for (const step of this.#steps) {
      if (typeof out !== "string") break;
      out = step(out);
    }
    return typeof out === "string" ? ENCODER.encode(out) : out;
  }
}

function refuse(found: string): never {
  throw new UnsupportedModelError(
    `bytes of single tokens with a tokenizer whose decoder ${found}`,
    "expected ByteLevel, or Replace, ByteFallback, Metaspace, Fuse and Strip",
  );
}

function stepOf(part: JsonObject): Step {
  switch (part.type) {
    case "ByteLevel":
      return byteLevel;
    case "ByteFallback":
      return (token) => {
        const byte = BYTE.exec(token)?.[1];
        return byte === undefined ? token : Uint8Array.of(parseInt(byte, 16));
      };
    case "Replace": {
      const { pattern, content } = part as { pattern?: { String?: unknown }; content?: unknown };
      if (typeof pattern?.String !== "string") {
        return refuse("replaces what a regular expression finds");
      }
      return (token) => token.replaceAll(pattern.String as string, () => content as string);
    }
    case "Metaspace":
      return (token) => token.replaceAll((part.replacement ?? "\u2581") as string, " ");
    case "Strip": {
      const { content, start } = part as { content?: unknown; start?: unknown };
      return (token) => {
        let cut = 0;
        while (cut < (start as number) && token[cut] === content) cut++;
        return token.slice(cut);
      };
    }
    default:
      return refuse(`has the part ${JSON.stringify(part.type)}`);
  }
}

/** A token with a character that stands for no byte is one that was added as it is. */
function byteLevel(token: string): Uint8Array {
  const bytes: number[] = [];
  for (const character of token) {
    const byte = BYTES.get(character);
    if (byte === undefined) return ENCODER.encode(token);
    bytes.push(byte);
  }
  return Uint8Array.from(bytes);
}
