/**
 * JSON schemas: every text that a grammar lets end parses and is valid, as another library sees it.
 * `SPECMQUANT_GRAMMARS=N` draws N times as many texts.
 */
import { assert, assertEquals } from "@std/assert";
import Ajv from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { Grammar } from "../../src/grammar/mod.ts";
import { SCHEMAS } from "./schemas.ts";
import { cutter, testVocabulary } from "./vocabulary.ts";
import { randomText } from "./walks.ts";

const TEXTS = 60 * Number(Deno.env.get("SPECMQUANT_GRAMMARS") ?? 1);
const VOCABULARY = testVocabulary(1500, 1);
const cut = cutter(VOCABULARY);

function validator(schema: unknown): (value: unknown) => boolean {
  // deno-lint-ignore no-explicit-any
  const ajv = new (Ajv as any)({ strict: false });
  // deno-lint-ignore no-explicit-any
  (addFormats as any)(ajv);
  return ajv.compile(schema);
}

assert(Object.keys(SCHEMAS).length >= 30);

for (const [name, { schema, valid }] of Object.entries(SCHEMAS)) {
  Deno.test(`grammar: JSON of ${name} is valid`, () => {
    const isValid = validator(schema);
    const grammar = Grammar.jsonSchema(VOCABULARY, schema);
    const texts = new Set<string>();
    for (let seed = 0; seed < TEXTS; seed++) {
      const text = randomText(grammar, seed % 7 * 12, seed);
      texts.add(text);
      assert(isValid(JSON.parse(text)), `not valid: ${text}`);
    }
    assert(texts.size >= Math.min(5, valid.length), `${texts.size} different texts`);
  });

  Deno.test(`grammar: JSON of ${name} has the values that it should`, () => {
    const isValid = validator(schema);
    const grammar = Grammar.jsonSchema(VOCABULARY, JSON.stringify(schema));
    for (const value of valid) {
      assert(isValid(value), JSON.stringify(value));
      const texts = [JSON.stringify(value), JSON.stringify(value, null, 2)];
      // One space behind colons and commas, as Python writes it.
      texts.push(texts[1].replace(/(,?)\n */g, (_, comma) => comma && ", "));
      texts.forEach((text, seed) => {
        const matcher = grammar.matcher();
        const ids = cut(text, seed);
        assertEquals(ids.findIndex((id) => !matcher.accept(id)), -1, text);
        assert(matcher.canEnd, text);
      });
    }
  });
}
