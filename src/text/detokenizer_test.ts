import { assert, assertEquals, assertThrows } from "@std/assert";
import { ArgumentError } from "../base/errors.ts";
import { StreamingDetokenizer } from "./detokenizer.ts";
import {
  BYTE_LEVEL_CONFIG,
  byteLevelTokenizer,
  metaspaceTokenizer,
  numbers,
  withDirectory,
} from "./fixtures_test.ts";
import { Tokenizer } from "./tokenizer.ts";

const BYTE_LEVEL = withDirectory(
  { "tokenizer.json": byteLevelTokenizer(), "tokenizer_config.json": BYTE_LEVEL_CONFIG },
  Tokenizer.load,
);
const METASPACE = withDirectory({ "tokenizer.json": metaspaceTokenizer() }, Tokenizer.load);
const TOKENIZERS = { "byte-level": BYTE_LEVEL, metaspace: METASPACE };

/** The pieces of `ids` pushed in groups whose sizes `size` gives; the last is the flushed one. */
function pieces(tokenizer: Tokenizer, ids: readonly number[], size: () => number): string[] {
  const detokenizer = new StreamingDetokenizer(tokenizer);
  const out: string[] = [];
  for (let i = 0; i < ids.length;) {
    const n = size();
    out.push(detokenizer.push(ids.slice(i, i + n)));
    i += n;
  }
  out.push(detokenizer.flush());
  return out;
}

Deno.test("StreamingDetokenizer: a character split over tokens comes out whole", () => {
  const ids = BYTE_LEVEL.encode("a👍é", { addSpecialTokens: false });
  assertEquals(ids.length, 6); // "a", two bytes of the emoji in one token, two alone, two of "é"
  assertEquals(pieces(BYTE_LEVEL, ids, () => 1), ["a", "", "", "👍", "", "é", ""]);
});

Deno.test("StreamingDetokenizer: byte fallback and the missing first space", () => {
  const ids = METASPACE.encode("hi Zü hi");
  const got = pieces(METASPACE, ids, () => 1);
  assertEquals(got.join(""), "hi Zü hi");
  // "Z" and "ü" are bytes, and one more could make all of them broken.
  assertEquals(got, ["hi", " ", "", "", "", "Zü hi", ""]);
  const broken = [...ids.slice(0, -1), METASPACE.tokenToId("<0xC3>")!];
  assertEquals(pieces(METASPACE, broken, () => 1).join(""), METASPACE.decode(broken));
  assertEquals(METASPACE.decode(broken), "hi " + "\uFFFD".repeat(4));
});

Deno.test("StreamingDetokenizer: behind a prompt the first word keeps its space", () => {
  const after = METASPACE.encode("hi the");
  const ids = METASPACE.encode("hi");
  const detokenizer = new StreamingDetokenizer(METASPACE, { after });
  assertEquals(METASPACE.decode([...after, ...ids]), "hi the hi");
  assertEquals(detokenizer.push(ids) + detokenizer.flush(), " hi");
  // Special tokens are no text: what is behind them alone begins a text.
  const begin = new StreamingDetokenizer(METASPACE, { after: [1] });
  assertEquals(begin.push(ids) + begin.flush(), "hi");
  const line = METASPACE.encode("hi\n");
  const next = new StreamingDetokenizer(METASPACE, { after: line });
  assertEquals(next.push(METASPACE.encode("\nhi").slice(1)) + next.flush(), "\nhi");
  // A character that the prompt leaves open is given out when it is complete.
  const [first, ...rest] = BYTE_LEVEL.encode("👍", { addSpecialTokens: false });
  const open = new StreamingDetokenizer(BYTE_LEVEL, { after: [259, first] });
  assertEquals(open.push(rest) + open.flush(), "👍");
});

Deno.test("StreamingDetokenizer: an unfinished character comes out with flush, as decode has it", () => {
  const ids = BYTE_LEVEL.encode("ok👍", { addSpecialTokens: false }).slice(0, -1);
  assertEquals(pieces(BYTE_LEVEL, ids, () => 1), ["o", "k", "", "", "\uFFFD"]);
  const detokenizer = new StreamingDetokenizer(BYTE_LEVEL);
  detokenizer.push(ids);
  detokenizer.flush();
  assertEquals(detokenizer.push([259]) + detokenizer.flush(), "hello");
});

Deno.test("StreamingDetokenizer: special tokens are left out unless asked for", () => {
  const ids = [263, 259, 264];
  assertEquals(pieces(BYTE_LEVEL, ids, () => 1), ["", "hello", "", ""]);
  const all = new StreamingDetokenizer(BYTE_LEVEL, { skipSpecialTokens: false });
  assertEquals(all.push(ids) + all.flush(), "<|bos|>hello<|eos|>");
  assertThrows(() => all.push([-1]), ArgumentError);
});

for (const [name, tokenizer] of Object.entries(TOKENIZERS)) {
  Deno.test(`StreamingDetokenizer: pieces of random ${name} tokens are the decoded text`, () => {
    const random = numbers(7);
    for (let run = 0; run < 400; run++) {
      const length = random(120);
      // Some runs have few different tokens, so that long rows of broken bytes come up.
      const few = random(3) === 0 ? Array.from({ length: 3 }, () => random(tokenizer.size)) : [];
      const ids = Array.from(
        { length },
        () => few.length > 0 ? few[random(3)] : random(tokenizer.size + 5),
      );
      const got = pieces(tokenizer, ids, () => 1 + random(1 + (run % 9)));
      assertEquals(got.join(""), tokenizer.decode(ids), `run ${run}: ${ids}`);
    }
  });

  Deno.test(`StreamingDetokenizer: random ${name} text never breaks a character`, () => {
    const random = numbers(11);
    const signs = ["a", " ", "hello", "é", "你", "👍", "👩‍👧", "\n", ".", "the "];
    for (let run = 0; run < 200; run++) {
      const text = Array.from({ length: random(60) }, () => signs[random(signs.length)]).join("");
      const got = pieces(tokenizer, tokenizer.encode(text), () => 1 + random(3));
      assertEquals(got.join(""), text);
      for (const piece of got) assert(piece.isWellFormed() && !piece.includes("\uFFFD"), piece);
    }
  });
}

Deno.test("StreamingDetokenizer: the work for a token does not grow with the text", () => {
  for (const [name, tokenizer] of Object.entries(TOKENIZERS)) {
    let decoded = 0;
    const decode = tokenizer.decode.bind(tokenizer);
    const counting = Object.create(tokenizer, {
      decode: {
        value: (ids: readonly number[]) => {
          decoded += ids.length;
          return decode(ids);
        },
      },
      textIds: { value: tokenizer.textIds.bind(tokenizer) },
      isByte: { value: tokenizer.isByte.bind(tokenizer) },
    });
    const good = tokenizer.encode("the hello wo 👍 ".repeat(200));
    // A byte that only goes on a character, again and again.
    const broken = new Array<number>(2000).fill(name === "metaspace" ? 3 + 0x80 : 0x80);
    for (const ids of [good, broken]) {
      decoded = 0;
      pieces(counting, ids, () => 1);
      assert(decoded < 40 * ids.length, `${name}: ${decoded} for ${ids.length}`);
    }
  }
});
