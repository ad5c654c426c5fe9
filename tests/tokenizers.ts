/**
 * The golden data of tokenizers, and what it is compared with. See tests/data/tokenizers/README.md.
 */
import { assertEquals } from "@std/assert";
import { crc32, gunzipSync } from "node:zlib";
import { Tokenizer as Reference } from "tokenizers";
import { Tokenizer } from "../src/text/tokenizer.ts";

const DATA = new URL("./data/tokenizers/", import.meta.url);

/** Whether all is tried, and not what takes seconds. */
export const ALL = Deno.env.get("SPECMQUANT_TOKENIZERS") === "all";

/** What a `tokenizer.json` holds. */
export type Description = Record<string, unknown>;

/** The value in a file of the golden data. */
export function stored<T>(name: string): T {
  return JSON.parse(new TextDecoder().decode(gunzipSync(Deno.readFileSync(new URL(name, DATA)))));
}

/** What the data was made of. */
export const ABOUT = JSON.parse(Deno.readTextFileSync(new URL("about.json", DATA))) as {
  texts: number;
  tokenizers: string[];
  codePoints: string[];
};

/** The hashes in a file: `count` for each name. */
export function hashes(
  file: string,
  names: readonly string[],
  count: number,
): Map<string, Uint32Array> {
  const all = new Uint32Array(Deno.readFileSync(new URL(file, DATA)).buffer);
  assertEquals(all.length, names.length * count);
  return new Map(names.map((name, i) => [name, all.subarray(i * count, (i + 1) * count)]));
}

/** The hash of a value, as the generator has it. */
export function hash(value: unknown): number {
  return crc32(JSON.stringify(value));
}

/** The tokenizer of a description, with other files beside it. */
export function load(description: Description, files: Record<string, unknown> = {}): Tokenizer {
  const dir = Deno.makeTempDirSync();
  try {
    for (const [name, value] of Object.entries({ "tokenizer.json": description, ...files })) {
      Deno.writeTextFileSync(`${dir}/${name}`, JSON.stringify(value));
    }
    return Tokenizer.load(dir);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

/** Whole numbers from 0 to `limit` - 1 that look random. The generator has the same. */
export function numbers(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

/** Ids that no text has: broken characters, special tokens anywhere, ids without a token. The generator has the same. */
export function randomIds(index: number, size: number): number[] {
  const below = numbers(index);
  const few = Array.from({ length: index % 3 === 0 ? 3 : 40 }, () => below(size + 5));
  return Array.from({ length: below(40) }, () => few[below(few.length)]);
}

/** 256 code points, each alone, after and before letters and digits, and twice. The generator has the same. */
export function blockLines(block: number): string[] {
  const points = Array.from({ length: 256 }, (_, i) => block * 256 + i);
  return points.filter((point) => point < 0xd800 || point >= 0xe000)
    .map((point) => String.fromCodePoint(point))
    .map((c) => ` ${c} a${c}b1${c}1 ${c}${c}\n`);
}

/** What can be asked of a tokenizer and of the reference, which only answers later. */
export interface Asked {
  /** The ids of a text. */
  encode(text: string, addSpecialTokens: boolean): number[] | Promise<number[]>;
  /** The text of ids. */
  decode(ids: number[], skipSpecialTokens: boolean): string | Promise<string>;
}

/** The library's own functions: golden data is a hash, and this shows what differs. */
export function reference(description: Description): Asked {
  const tokenizer = Reference.fromString(JSON.stringify(description));
  return {
    encode: async (text, addSpecialTokens) =>
      (await tokenizer.encode(text, null, { addSpecialTokens })).getIds(),
    decode: (ids, skipSpecialTokens) => tokenizer.decode(ids, skipSpecialTokens),
  };
}

/** Our tokenizer, asked in the same way. */
export function asked(tokenizer: Tokenizer): Asked {
  return {
    encode: (text, addSpecialTokens) => tokenizer.encode(text, { addSpecialTokens }),
    decode: (ids, skipSpecialTokens) => tokenizer.decode(ids, { skipSpecialTokens }),
  };
}

/** What the golden data is the hash of: `expected` in the generator. */
export async function results(tokenizer: Asked, text: string, other: number[]): Promise<unknown[]> {
  const ids = await tokenizer.encode(text, true);
  return [
    ids,
    await tokenizer.encode(text, false),
    await tokenizer.decode(ids, true),
    await tokenizer.decode(ids, false),
    await tokenizer.decode(other, true),
    await tokenizer.decode(other, false),
  ];
}
