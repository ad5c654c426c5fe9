/**
 * Grammars with 128,256 tokens that are pieces of this repository's own text: compiling, masks along a text and of a
 * tree of 60 nodes.
 *
 *     deno bench -A bench/grammar_bench.ts
 */
import { Grammar, TreeMasks } from "../src/grammar/mod.ts";
import { SIZE, textVocabulary } from "./text_vocabulary.ts";

const SCHEMA = {
  type: "object",
  properties: {
    name: { type: "string", minLength: 1, maxLength: 200 },
    age: { type: "integer", minimum: 0, maximum: 150 },
    tags: { type: "array", items: { enum: ["red", "green", "blue"] } },
    address: {
      type: "object",
      properties: { street: { type: "string" }, zip: { type: "string", pattern: "^[0-9]{5}$" } },
      required: ["street", "zip"],
      additionalProperties: false,
    },
  },
  required: ["name", "age", "tags", "address"],
  additionalProperties: false,
};

const TEXT = '{"name": "Ada Lovelace went to the market", "age": 36, "tags": ["red", "blue"], ' +
  '"address": {"street": "12 Main Street, London", "zip": "12345"}}';

const VOCABULARY = textVocabulary();
const IDS = new Map(
  VOCABULARY.tokens.map((bytes, id) => [String.fromCharCode(...bytes ?? []), id]),
);

/** The ids of the longest tokens that a text begins with. */
function cut(text: string): number[] {
  const ids: number[] = [];
  for (let at = 0; at < text.length;) {
    let length = Math.min(20, text.length - at);
    while (!IDS.has(text.slice(at, at + length))) length--;
    ids.push(IDS.get(text.slice(at, at + length))!);
    at += length;
  }
  return ids;
}

const ids = cut(TEXT);
const mask = new Uint32Array(SIZE / 32);
const warm = Grammar.jsonSchema(VOCABULARY, SCHEMA);

function masks(grammar: Grammar): void {
  const matcher = grammar.matcher();
  for (const id of ids) {
    matcher.mask(mask);
    if (!matcher.accept(id)) throw new Error(`token ${id} is refused`);
  }
}

masks(warm);

Deno.bench("grammar: the tree of 128,256 tokens, once for a tokenizer", () => {
  Grammar.regex({ ...VOCABULARY }, "a");
});

Deno.bench("grammar: compile a schema", () => {
  Grammar.jsonSchema(VOCABULARY, SCHEMA);
});

Deno.bench(`grammar: the first ${ids.length} masks of a text`, (bench) => {
  const grammar = Grammar.jsonSchema(VOCABULARY, SCHEMA);
  bench.start();
  masks(grammar);
  bench.end();
});

Deno.bench(`grammar: ${ids.length} masks of a text like one before`, () => masks(warm));

const words = cut(" Ada the market a b c");
const [tokens, parents] = [new Int32Array(60), new Int32Array(60)];
for (let node = 1; node < 60; node++) {
  tokens[node] = words[node % words.length];
  parents[node] = node % 3 === 1 ? 0 : node - 1;
}
const trees = new TreeMasks(warm, 60);
const rows = new Uint32Array(60 * warm.words);
const matcher = warm.matcher();
for (const id of ids.slice(0, 5)) matcher.accept(id);

Deno.bench("grammar: the masks of a tree of 60 nodes", () => {
  trees.fill(matcher, tokens, parents, rows);
});

Deno.bench("grammar: the first masks of a tree of 60 nodes", (bench) => {
  const grammar = Grammar.jsonSchema(VOCABULARY, SCHEMA);
  masks(grammar);
  const after = grammar.matcher();
  for (const id of ids.slice(0, 5)) after.accept(id);
  bench.start();
  new TreeMasks(grammar, 60).fill(after, tokens, parents, rows);
  bench.end();
});
