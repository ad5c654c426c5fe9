/**
 * Masks against matchers that are asked for each token, along one text and in trees.
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { ArgumentError } from "../../src/base/errors.ts";
import {
  compileGrammar,
  Grammar,
  type GrammarOption,
  type Matcher,
  TreeMasks,
  type Vocabulary,
} from "../../src/grammar/mod.ts";
import { numbers } from "../tokenizers.ts";
import { SCHEMAS } from "./schemas.ts";
import { cutter, STOPS, testVocabulary } from "./vocabulary.ts";
import { idsOf } from "./walks.ts";

const VOCABULARY = testVocabulary(900, 4);
/** Strings of all kinds, and a rule that may end after each letter. */
const GRAMMARS: Readonly<Record<string, GrammarOption>> = {
  ...Object.fromEntries(
    [
      "anything",
      "person",
      "lengths",
      "pattern anywhere",
      "patterns of properties",
      "trees that hold one another",
    ].map((name) => [name, { jsonSchema: SCHEMAS[name].schema }]),
  ),
  "words": { ebnf: 'root ::= word ([ ,":0-9] word)*  word ::= [a-z]* ([\\-] [a-z]{3})?' },
  "short words": { ebnf: 'root ::= word ([ ,":0-9] word)*  word ::= [a-z]{0,5} | [A-Z] .{4,6}' },
};

/** The mask, from whether each token is accepted. */
function asked(matcher: Matcher, { size }: Vocabulary): number[] {
  return Array.from({ length: size }, (_, id) => id).filter((id) => {
    if (!matcher.accept(id)) return false;
    matcher.rollback(1);
    return true;
  });
}

for (const [name, option] of Object.entries(GRAMMARS)) {
  Deno.test(`grammar: masks of ${name} are the tokens that are accepted`, () => {
    const grammar = compileGrammar(option, VOCABULARY);
    const mask = new Uint32Array(grammar.words);
    for (let seed = 0; seed < 6; seed++) {
      const below = numbers(Math.imul(seed + 1, 0x9e3779b1) >>> 0);
      const matcher = grammar.matcher();
      for (let step = 0; step < 45; step++) {
        mask.fill(0xffffffff);
        matcher.mask(mask);
        const ids = idsOf(mask);
        assertEquals(ids, asked(matcher, VOCABULARY), `seed ${seed}, step ${step}`);
        assertEquals(STOPS.every((id) => ids.includes(id)), matcher.canEnd);
        const more = ids.filter((id) => !STOPS.includes(id));
        if (more.length === 0) break;
        assert(matcher.accept(more[below(more.length)]));
      }
    }
  });
}

Deno.test("grammar: a matcher rolls back, forks, and stays where it is when it refuses", () => {
  const grammar = Grammar.regex(VOCABULARY, "abc*");
  const [a, b, c] = [..."abc"].map((letter) => 1 + letter.charCodeAt(0));
  const matcher = grammar.matcher();
  assert(matcher.accept(a) && !matcher.accept(a) && matcher.accept(b) && matcher.accept(c));
  assert(matcher.canEnd && matcher.length === 3);
  const fork = matcher.fork();
  matcher.rollback(2);
  assert(!matcher.canEnd && !matcher.accept(c) && matcher.accept(b));
  assert(fork.accept(c) && fork.accept(STOPS[0]) && !fork.accept(c) && !fork.canEnd);
  fork.rollback(1);
  assert(fork.accept(c));
  assertThrows(() => matcher.rollback(3), ArgumentError, "expected a whole number from 0 to 2");
  for (const id of [258, 259, 260, VOCABULARY.size - 1, VOCABULARY.size + 5, -1]) {
    assert(!grammar.matcher().accept(id), `${id} has no text`);
  }
});

/** A tree under the tokens of a text: from each node the next token of the text, and others by lot. */
function tree(ids: readonly number[], rows: number, seed: number, size: number) {
  const below = numbers(Math.imul(seed + 1, 0x9e3779b1) >>> 0);
  const [tokens, parents, depths] = [
    new Int32Array(rows),
    new Int32Array(rows),
    new Int32Array(rows),
  ];
  tokens[0] = 1;
  for (let row = 1; row < rows; row++) {
    parents[row] = below(row);
    depths[row] = depths[parents[row]] + 1;
    const next = ids[(depths[row] - 1) % ids.length];
    tokens[row] = below(5) === 0 ? below(size) : below(40) === 0 ? STOPS[1] : next;
  }
  return { tokens, parents };
}

Deno.test("grammar: the masks of a tree are those along each node's own path", () => {
  const grammar = Grammar.jsonSchema(VOCABULARY, SCHEMAS["person"].schema);
  const cut = cutter(VOCABULARY);
  const trees = new TreeMasks(grammar, 60);
  const { words } = grammar;
  let [nodes, free, sequential] = [0, 0, 0];
  for (let seed = 0; seed < 20; seed++) {
    const ids = cut('{"name": "Ada Lovelace", "age": 36, "tags": ["red", "blue"]}', seed);
    const begin = seed % 12;
    const matcher = grammar.matcher();
    for (const id of ids.slice(0, begin)) assert(matcher.accept(id));
    const rows = 1 + seed * 3;
    const { tokens, parents } = tree(ids.slice(begin), rows, seed, VOCABULARY.size);
    const masks = new Uint32Array(rows * words);
    trees.fill(matcher, tokens, parents, masks);
    assertEquals(matcher.length, begin);
    // What a mask made for a sequence has: each row behind the one before it.
    const sequence = matcher.fork();
    for (let row = 0; row < rows; row++) {
      const path: number[] = [];
      for (let node = row; node > 0; node = parents[node]) path.unshift(tokens[node]);
      const walker = grammar.matcher();
      for (const id of ids.slice(0, begin)) walker.accept(id);
      const found = masks.subarray(row * words, (row + 1) * words);
      const stops = path.findIndex((id) => STOPS.includes(id));
      if (!path.every((id) => walker.accept(id)) || stops !== -1) {
        assert(found.every((word) => word === 0xffffffff), `seed ${seed}, row ${row}`);
        free++;
        continue;
      }
      const expected = new Uint32Array(words);
      walker.mask(expected);
      assertEquals(found, expected, `seed ${seed}, row ${row}`);
      nodes++;
      if (row > 0) sequence.accept(tokens[row]);
      const wrong = new Uint32Array(words);
      sequence.mask(wrong);
      if (wrong.some((word, i) => word !== expected[i])) sequential++;
    }
  }
  // A mask of the sequence would have failed in many places, and refused nodes are there.
  assert(nodes > 200 && free > 30 && sequential > 100, `${nodes}, ${free}, ${sequential}`);
});

Deno.test("grammar: a tree that is none is refused", () => {
  const grammar = Grammar.regex(VOCABULARY, "a*");
  const trees = new TreeMasks(grammar, 2);
  const fill = (rows: number, parents: number[], words = rows * grammar.words) =>
    trees.fill(
      grammar.matcher(),
      new Int32Array(rows),
      Int32Array.from(parents),
      new Uint32Array(words),
    );
  fill(2, [0, 0]);
  assertThrows(() => fill(2, [0, 1]), ArgumentError, "the parent of node 1 is 1, expected 0 to 0");
  assertThrows(() => fill(2, [0, -1]), ArgumentError, "the parent of node 1 is -1");
  assertThrows(() => fill(3, [0, 0, 0]), ArgumentError, "expected up to 2 tokens");
  assertThrows(() => fill(2, [0, 0], 5), ArgumentError, "5 words");
});

Deno.test("grammar: without a stop token a text is over where it can only end", () => {
  const grammar = Grammar.regex({ ...VOCABULARY, stopTokens: [] }, "ab?");
  const [a, b] = [..."ab"].map((letter) => 1 + letter.charCodeAt(0));
  const matcher = grammar.matcher();
  assert(matcher.accept(a) && matcher.canEnd && !matcher.isOver);
  const masks = new Uint32Array(2 * grammar.words);
  new TreeMasks(grammar, 2).fill(matcher, Int32Array.of(a, b), Int32Array.of(0, 0), masks);
  assert(idsOf(masks.subarray(0, grammar.words)).includes(b));
  assert(masks.subarray(grammar.words).every((word) => word === 0xffffffff));
  assert(matcher.accept(b) && matcher.canEnd && matcher.isOver);
  const ending = Grammar.regex(VOCABULARY, "a").matcher();
  assert(ending.accept(a) && !ending.isOver && ending.accept(STOPS[0]) && ending.isOver);
});

Deno.test("grammar: forced tokens are those of the tokenizer, without the last, up to a choice", () => {
  const tokens = [..."{}:,", '"name"', "name", '":', ' "', "a", "b", '"'].map((text) =>
    new TextEncoder().encode(text)
  );
  for (let byte = 0; byte < 256; byte++) tokens.push(Uint8Array.of(byte));
  const encode = (text: string) => {
    const out: number[] = [];
    for (let at = 0; at < text.length;) {
      let best = -1;
      tokens.forEach((token, id) => {
        const piece = new TextDecoder().decode(token);
        if (text.startsWith(piece, at) && (best < 0 || token.length > tokens[best].length)) {
          best = id;
        }
      });
      out.push(best);
      at += tokens[best].length;
    }
    return out;
  };
  const vocabulary = { size: tokens.length, tokens, stopTokens: [], encode };
  const forced = (pattern: string, most: number, with_: Vocabulary = vocabulary) =>
    Grammar.regex(with_, pattern).matcher().forced(most).map((id) =>
      new TextDecoder().decode(tokens[id])
    );
  assertEquals(forced('\\{"name":"[ab]', 9), ["{", '"name"', ":"]);
  assertEquals(forced('\\{"name":"[ab]', 2), ["{", '"name"']);
  const matcher = Grammar.regex(vocabulary, '\\{"name":"[ab]').matcher();
  assertEquals([9, 2, 9].map((most) => matcher.forced(most).length), [3, 2, 3]);
  assertEquals(forced("[ab]name", 9), []);
  assertEquals(forced("(name)?", 9), []);
  assertEquals(forced('\\{"name":"[ab]', 9, { ...vocabulary, encode: undefined }), []);
  // A tokenizer that puts a space before a text has another text.
  assertEquals(
    forced("namename[ab]", 9, { ...vocabulary, encode: (text) => encode(` ${text}`) }),
    [],
  );
});

Deno.test("grammar: where a byte is no token, texts that need it are not begun", () => {
  const tokens = [..."ab"].map((text) => new TextEncoder().encode(text));
  tokens.push(new TextEncoder().encode("ac"));
  const grammar = Grammar.regex({ size: 3, tokens, stopTokens: [] }, "ab|ac|c");
  const mask = new Uint32Array(1);
  grammar.matcher().mask(mask);
  assertEquals(mask[0], 0b001);
  assertThrows(
    () => Grammar.regex({ size: 3, tokens, stopTokens: [] }, "c"),
    ArgumentError,
    "no text fits",
  );
});

Deno.test("grammar: what is forgotten of many states is found again", () => {
  const grammar = Grammar.regex(VOCABULARY, "[ab]{20000,60000}c");
  const [a, b, c] = [..."abc"].map((letter) => 1 + letter.charCodeAt(0));
  const mask = new Uint32Array(grammar.words);
  const matcher = grammar.matcher();
  for (let count = 0; count < 45_000; count++) {
    if (count % 9_000 === 0 || count === 19_999) {
      matcher.mask(mask);
      const ids = idsOf(mask);
      assert(ids.includes(a) && ids.includes(b));
      assertEquals(ids.includes(c), count >= 20_000, `${count}`);
    }
    assert(matcher.accept(count % 3 === 0 ? a : b));
  }
  matcher.rollback(44_990);
  matcher.mask(mask);
  assertEquals(idsOf(mask).includes(c), false);
  assert(!matcher.accept(c) && matcher.accept(b));
});
