/**
 * Random texts that a grammar allows, token by token.
 */
import { assert } from "@std/assert";
import type { Grammar } from "../../src/grammar/mod.ts";
import { numbers } from "../tokenizers.ts";

/** Signs that end a JSON text, the soonest first. */
const JSON_ENDS = '"0]}n';

/** The ids whose bits are set. */
export function idsOf(mask: Uint32Array): number[] {
  const ids: number[] = [];
  mask.forEach((word, index) => {
    for (let bit = 0; bit < 32; bit++) if ((word >>> bit & 1) === 1) ids.push(index * 32 + bit);
  });
  return ids;
}

/**
 * A random text of a grammar that ends: `length` tokens of the mask by lot, and then those that end it soon. Of
 * all tokens most go on with a string, so every second one is drawn by its first byte first. `ends` are the signs that end a
 * text soon, the best first.
 */
export function randomText(
  grammar: Grammar,
  length: number,
  seed: number,
  ends = JSON_ENDS,
): string {
  const { tokens, stopTokens } = grammar.vocabulary;
  // Near seeds have near first numbers.
  const below = numbers(Math.imul(seed + 1, 0x9e3779b1) >>> 0);
  const matcher = grammar.matcher();
  const mask = new Uint32Array(grammar.words);
  const bytes: number[] = [];
  for (let step = 0; step < length + 3000; step++) {
    matcher.mask(mask);
    const allowed = idsOf(mask);
    assert(allowed.length > 0, `no token may come after ${JSON.stringify(decoded(bytes))}`);
    const canEnd = stopTokens.some((id) => allowed.includes(id));
    assert(
      canEnd === matcher.canEnd,
      "stop tokens are allowed where the text may end, and only there",
    );
    if (canEnd && (step >= length || below(12) === 0 || allowed.length === stopTokens.length)) {
      assert(matcher.accept(stopTokens[below(stopTokens.length)]), "a stop token is refused");
      matcher.mask(mask);
      assert(idsOf(mask).length === 0 && !matcher.accept(1), "a token comes behind the end");
      return decoded(bytes);
    }
    let from = allowed.filter((id) => !stopTokens.includes(id));
    const first = (id: number) => tokens[id]![0];
    if (step >= length) {
      const end = [...ends].map((sign) => sign.charCodeAt(0)).find((byte) =>
        from.some((id) => first(id) === byte)
      );
      if (end !== undefined) {
        from = from.filter((id) => first(id) === end && tokens[id]!.length === 1);
      }
    } else if (step % 2 === 0) {
      const firsts = [...new Set(from.map(first))];
      const byte = firsts[below(firsts.length)];
      from = from.filter((id) => first(id) === byte);
    }
    const id = from[below(from.length)];
    assert(matcher.accept(id), `token ${id} is in the mask, and refused`);
    bytes.push(...tokens[id]!);
  }
  throw new Error(`a text does not end: ${decoded(bytes)}`);
}

/** The text of bytes that must be one. */
function decoded(bytes: readonly number[]): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(bytes));
}
