/**
 * Vocabularies for tests of grammars: every byte, and pieces of text of all kinds, cut anywhere.
 */
import type { Vocabulary } from "../../src/grammar/mod.ts";
import { numbers } from "../tokenizers.ts";

const ENCODER = new TextEncoder();

/** What the pieces are cut from. */
const TEXT = `{"name": "Ada", "age": 36, "tags": ["red","blue"], "a": null, "ok": true, "no": false}
{"type":"circle","radius":0.25,"next":{"value":-1e5,"next":null}} [[], [1, 22, 333], {}] "\\n\\t\\"\\\\\\u0000"
 2024-02-29T23:59:59Z 192.168.1.255 ABC-123 aaaa bbb zzzz 0.0000 99999999 -100 3.14159 {"x":{"y":{"z":[1.5]}}}
Zürich, 東京, 😀👍🏽, naïve, e\u0301, \u2028 ("f(x) = 1 + 2 * (3 - 4)") if then else while   do  {   }        `;

/** The stop tokens: the first has a text, which counts for nothing. */
export const STOPS = [0, 261];

/** Bytes, stop tokens, a special token, pieces (some of them twice), and rows without a token at the end. */
export function testVocabulary(pieces: number, seed: number): Vocabulary {
  const below = numbers(seed);
  const tokens: Array<Uint8Array | undefined> = [ENCODER.encode("}")];
  for (let byte = 0; byte < 256; byte++) tokens.push(Uint8Array.of(byte));
  tokens.push(undefined, new Uint8Array(), undefined, ENCODER.encode("{"), undefined);
  const bytes = ENCODER.encode(TEXT);
  for (let i = 0; i < pieces; i++) {
    const from = below(bytes.length - 1);
    tokens.push(bytes.slice(from, from + 1 + below(i % 10 === 0 ? 20 : 6)));
  }
  return { size: tokens.length + 7, tokens, stopTokens: STOPS };
}

/** The ids of a text: random pieces of it, whole or as bytes. */
export function cutter(vocabulary: Vocabulary): (text: string, seed: number) => number[] {
  const ids = new Map<string, number[]>();
  vocabulary.tokens.forEach((bytes, id) => {
    if (bytes === undefined || bytes.length === 0 || vocabulary.stopTokens.includes(id)) return;
    const key = bytes.join();
    ids.set(key, [...ids.get(key) ?? [], id]);
  });
  return (text, seed) => {
    const below = numbers(seed);
    const bytes = ENCODER.encode(text);
    const out: number[] = [];
    for (let at = 0; at < bytes.length;) {
      const fit: Array<[length: number, id: number]> = [];
      for (let length = 1; length <= 20 && at + length <= bytes.length; length++) {
        for (const id of ids.get(bytes.subarray(at, at + length).join()) ?? []) {
          fit.push([length, id]);
        }
      }
      const [length, id] = fit[below(fit.length)];
      out.push(id);
      at += length;
    }
    return out;
  };
}
