/**
 * The bytes of single tokens against decoded text, for the tokenizers of the golden data.
 * `decode` itself is compared with Python's `tokenizers` in tokenizers_test.ts.
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { UnsupportedModelError } from "../../src/base/errors.ts";
import type { Tokenizer } from "../../src/text/tokenizer.ts";
import { ABOUT, type Description, load, numbers, stored } from "../tokenizers.ts";

const DESCRIPTIONS = stored<Record<string, Description>>("tokenizers.json.gz");
const TEXTS = stored<string[]>("texts.json.gz");

/** Tokenizers whose tokens have a text of their own. */
const READ = ABOUT.tokenizers.filter((name) => bytesOf(load(DESCRIPTIONS[name])) !== undefined);

function bytesOf(tokenizer: Tokenizer): Array<Uint8Array | undefined> | undefined {
  try {
    return tokenizer.tokenBytes();
  } catch (error) {
    if (error instanceof UnsupportedModelError) return undefined;
    throw error;
  }
}

function joined(ids: readonly number[], bytes: ReadonlyArray<Uint8Array | undefined>): Uint8Array {
  return Uint8Array.from(ids.flatMap((id) => [...bytes[id] ?? []]));
}

/** The text of bytes; `undefined` where they are no text. */
function text(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** Whether a decoded text is one whose first space may have been dropped. */
function isText(decoded: string, whole: string): boolean {
  return decoded === whole || ` ${decoded}` === whole;
}

Deno.test("token bytes: most kinds of tokenizers have them, among them byte-level ones and byte fallback", () => {
  assert(READ.length >= 12, `${READ}`);
  const decoders = READ.map((name) => JSON.stringify(DESCRIPTIONS[name].decoder));
  for (const kind of ["ByteLevel", "ByteFallback", "Metaspace"]) {
    assert(decoders.some((decoder) => decoder.includes(`"${kind}"`)), kind);
  }
});

for (const name of READ) {
  Deno.test(`token bytes: of every id of ${name}`, () => {
    const tokenizer = load(DESCRIPTIONS[name]);
    const bytes = tokenizer.tokenBytes();
    assertEquals(bytes.length, tokenizer.size);
    let whole = 0;
    for (let id = 0; id < tokenizer.size; id++) {
      if (tokenizer.textIds([id]).length === 0) {
        assertEquals(bytes[id], undefined, `id ${id}`);
        continue;
      }
      const alone = text(bytes[id]!);
      if (alone === undefined) continue;
      whole++;
      // Twice, since what is dropped at the begin of a text must be there in its middle.
      const decoded = tokenizer.decode([id, id]);
      assert(isText(decoded, alone + alone), `id ${id}: ${JSON.stringify([decoded, alone])}`);
    }
    assert(whole > tokenizer.size / 3, `${whole} of ${tokenizer.size} ids are whole characters`);
  });

  Deno.test(`token bytes: of texts and of random ids with ${name}`, () => {
    const tokenizer = load(DESCRIPTIONS[name]);
    const bytes = tokenizer.tokenBytes();
    let [compared, cut] = [0, 0];
    for (const [index, source] of TEXTS.entries()) {
      if (index % 4 !== 0) continue;
      const below = numbers(index);
      const drawn = Array.from({ length: 12 }, () => below(tokenizer.size));
      for (const ids of [tokenizer.encode(source, { addSpecialTokens: false }), drawn]) {
        const expected = text(joined(ids, bytes));
        if (expected === undefined) continue;
        compared++;
        if (ids.some((id) => bytes[id] !== undefined && text(bytes[id]) === undefined)) cut++;
        const decoded = tokenizer.decode(ids);
        assert(isText(decoded, expected), `${ids}: ${JSON.stringify([decoded, expected])}`);
      }
    }
    assert(compared > 300, `${compared} compared`);
    const decoder = JSON.stringify(DESCRIPTIONS[name].decoder);
    if (/ByteLevel|ByteFallback/.test(decoder)) assert(cut > 20, `${cut} with cut characters`);
  });
}

Deno.test("token bytes: refused where a token's text depends on its neighbors", () => {
  const description = DESCRIPTIONS[ABOUT.tokenizers[0]];
  for (const decoder of [null, { type: "WordPiece", prefix: "##", cleanup: true }]) {
    const tokenizer = load({ ...description, decoder });
    assertThrows(() => tokenizer.tokenBytes(), UnsupportedModelError, "whose decoder has");
  }
});
