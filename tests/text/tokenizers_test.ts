/**
 * Tokenizers against Hugging Face's `tokenizers`: ids and decoded text, whole and streamed.
 * `SPECMQUANT_TOKENIZERS=all` tries what is sampled otherwise.
 */
import { assertEquals } from "@std/assert";
import { StreamingDetokenizer, type StreamOptions } from "../../src/text/detokenizer.ts";
import type { Tokenizer } from "../../src/text/tokenizer.ts";
import {
  ABOUT,
  ALL,
  asked,
  blockLines,
  type Description,
  hash,
  hashes,
  load,
  randomIds,
  reference,
  results,
  stored,
} from "../tokenizers.ts";

/** Of so many texts one is streamed. */
const STREAMED = ALL ? 1 : 16;
/** Of so many blocks that hold no characters, or many of one kind, one is tried. */
const BLOCKS = ALL ? 1 : 64;
/** Blocks of 256 code points with characters of many kinds: first and last. */
const VARIED = [[0, 0x33], [0xa0, 0xab], [0xf9, 0x110], [0x1d0, 0x1d7], [0x1e8, 0x1fb]];

const DESCRIPTIONS = stored<Record<string, Description>>("tokenizers.json.gz");
const TEXTS = stored<string[]>("texts.json.gz");

/** All pieces of a stream, `step` tokens at a time. */
function streamed(
  tokenizer: Tokenizer,
  ids: readonly number[],
  step: number,
  options: StreamOptions,
): string {
  const detokenizer = new StreamingDetokenizer(tokenizer, options);
  let text = "";
  for (let i = 0; i < ids.length; i += step) text += detokenizer.push(ids.slice(i, i + step));
  return text + detokenizer.flush();
}

for (const [name, expected] of hashes("texts.bin", ABOUT.tokenizers, ABOUT.texts)) {
  Deno.test(`tokenizers: ids and texts of ${name}`, async () => {
    const tokenizer = load(DESCRIPTIONS[name]);
    for (const [index, text] of TEXTS.entries()) {
      const other = randomIds(index, tokenizer.size);
      const found = await results(asked(tokenizer), text, other);
      if (hash(found) === expected[index]) continue;
      const where = `text ${index}: ${JSON.stringify(text)}`;
      assertEquals(found, await results(reference(DESCRIPTIONS[name]), text, other), where);
      throw new Error(`${where}: the npm package does not do what the Python package did`);
    }
  });

  Deno.test(`tokenizers: streams of ${name}`, () => {
    const tokenizer = load(DESCRIPTIONS[name]);
    for (let index = 0; index < TEXTS.length; index += STREAMED) {
      for (const ids of [tokenizer.encode(TEXTS[index]), randomIds(index, tokenizer.size)]) {
        for (const skipSpecialTokens of [true, false]) {
          const where = `text ${index}, ids ${ids}`;
          const whole = tokenizer.decode(ids, { skipSpecialTokens });
          assertEquals(
            streamed(tokenizer, ids, 1 + index % 3, { skipSpecialTokens }),
            whole,
            where,
          );
          const prompt = ids.slice(0, index % 7);
          const before = tokenizer.decode(prompt, { skipSpecialTokens });
          // Where the prompt ends inside a character, its text is another once the character is complete.
          if (before.endsWith("\uFFFD") || !whole.startsWith(before)) continue;
          const rest = ids.slice(prompt.length);
          const piece = streamed(tokenizer, rest, 1, { skipSpecialTokens, after: prompt });
          assertEquals(before + piece, whole, where);
        }
      }
    }
  });
}

for (const [name, expected] of hashes("code_points.bin", ABOUT.codePoints, 0x1100)) {
  Deno.test(`tokenizers: code points in ${name}`, async () => {
    const tokenizer = load(DESCRIPTIONS[name]);
    const encode = (text: string) => tokenizer.encode(text, { addSpecialTokens: false });
    for (let block = 0; block < 0x1100; block++) {
      const varied = VARIED.some(([first, last]) => block >= first && block <= last);
      if (!varied && block % BLOCKS !== 0) continue;
      const lines = blockLines(block);
      if (hash(encode(lines.join(""))) === expected[block]) continue;
      const { encode: expectedIds } = reference(DESCRIPTIONS[name]);
      const other: string[] = [];
      for (const line of lines) {
        const ids = await expectedIds(line, false);
        if (`${ids}` !== `${encode(line)}`) other.push(line.codePointAt(1)!.toString(16));
      }
      throw new Error(`block ${block.toString(16)}: other ids for code points [${other}]`);
    }
  });
}
