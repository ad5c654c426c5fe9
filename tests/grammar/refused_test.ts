/**
 * Schemas that are refused, with the keyword and its place, and options that are none.
 */
import { assertEquals, assertThrows } from "@std/assert";
import { ArgumentError } from "../../src/base/errors.ts";
import { compileGrammar, Grammar, type GrammarOption } from "../../src/grammar/mod.ts";
import { testVocabulary } from "./vocabulary.ts";

const VOCABULARY = testVocabulary(10, 5);

const within = (schema: unknown) => ({ type: "object", properties: { "a/b": { items: schema } } });
const AT = "at #/properties/a~1b/items";

/** Keywords of all drafts and of other programs that are not enforced. */
const UNKNOWN = {
  not: {},
  if: {},
  then: {},
  else: {},
  contains: {},
  minContains: 1,
  maxContains: 1,
  uniqueItems: true,
  additionalItems: false,
  unevaluatedItems: false,
  unevaluatedProperties: false,
  propertyNames: {},
  dependencies: {},
  dependentRequired: {},
  dependentSchemas: {},
  $anchor: "a",
  $dynamicRef: "#a",
  $recursiveRef: "#",
  $id: "b",
  id: "b",
  contentSchema: {},
  nullable: true,
  discriminator: {},
  formatMinimum: "a",
  minimun: 1,
};

Deno.test("grammar: keywords that are not enforced are refused by name and place", () => {
  for (const [keyword, value] of Object.entries(UNKNOWN)) {
    const error = assertThrows(
      () => Grammar.jsonSchema(VOCABULARY, within({ [keyword]: value })),
      ArgumentError,
      `the keyword "${keyword}" cannot be enforced`,
    );
    assertEquals(error.message.endsWith(AT), true, error.message);
    assertEquals((error as ArgumentError).argument, "jsonSchema");
  }
});

Deno.test("grammar: keywords with a value that is none of theirs, or that is not enforced", () => {
  const refused: Array<[schema: unknown, message: string]> = [
    [{ type: "float" }, 'type is "float", expected one or a list of integer, null'],
    [{ type: [] }, "type is [], expected one or a list"],
    [{ enum: [] }, "enum is [], expected a list of values"],
    [{ minLength: -1 }, "minLength is -1, expected a whole number from 0"],
    [{ maximum: "9" }, 'maximum is "9", expected a number'],
    [{ minimum: 5, exclusiveMinimum: true }, "exclusiveMinimum is true, expected a number"],
    [{ multipleOf: 0.01 }, "multipleOf is 0.01, expected a whole number from 1 to 10000"],
    [{ format: "iri" }, 'format is "iri", expected one of date, time'],
    [{ items: [{}] }, 'items is [{}], expected a schema; a list of schemas is "prefixItems"'],
    [{ properties: [] }, "properties is [], expected an object of schemas"],
    [{ required: "a" }, 'required is "a", expected a list of names'],
    [{ $ref: "other.json" }, '$ref is "other.json", expected # or #/ and a path'],
    [{ $ref: "#/$defs/x" }, '$ref is "#/$defs/x", and # has no "$defs"'],
    [{ pattern: "(?=a)", type: "string" }, "there is a group with a look ahead"],
    [{ type: "object", patternProperties: { "\\b": {} } }, 'there is "\\b" at character 1'],
    [{ type: "object", minProperties: 2 }, "minProperties is 2, expected up to 0"],
    [
      { type: "object", maxProperties: 2, properties: { a: {}, b: {} } },
      "maxProperties cannot be enforced beside 2 properties that are not required",
    ],
    [{ enum: [{ a: 1 }], minProperties: 1 }, "minProperties beside the value"],
    [
      { oneOf: [{ type: "integer" }, { minimum: 5 }] },
      "oneOf cannot be enforced: a value may be both option 0 and option 1",
    ],
    [
      { type: "object", patternProperties: { a: {}, b: {}, c: {}, d: {}, e: {} } },
      "patternProperties has 5 patterns, expected up to 4",
    ],
    [{ type: "string", pattern: "^(.{300}|.{200})*$", maxLength: 100_000 }, "it needs more than"],
    [
      { allOf: Array.from({ length: 9 }, () => ({ anyOf: [{ minimum: 1 }, { maximum: 2 }] })) },
      "ways to choose, expected up to 256",
    ],
  ];
  for (const [schema, message] of refused) {
    assertThrows(() => Grammar.jsonSchema(VOCABULARY, within(schema)), ArgumentError, message);
  }
});

Deno.test("grammar: schemas that no value fits, that go round in circles, or that are none", () => {
  const refused: Array<[schema: unknown, message: string]> = [
    [false, "no text fits it"],
    [{ type: "string", minLength: 2, maxLength: 1 }, "no text fits it"],
    [{ type: "integer", minimum: 1.2, maximum: 1.9 }, "no text fits it"],
    [{ type: "number", minimum: 1e16 }, "no text fits it"],
    [{ const: "a", type: "null" }, "no text fits it"],
    [{ type: "object", required: ["a"], additionalProperties: false }, "no text fits it"],
    [{ type: "object", properties: { a: { $ref: "#" } }, required: ["a"] }, "no text fits it"],
    [{ $ref: "#" }, "a schema refers to itself without a step into a value, at #"],
    [{ anyOf: [{ $ref: "#" }, { type: "null" }] }, "a schema refers to itself"],
    [7, "a schema is 7, expected an object, true or false, at #"],
    ["{", "it is no JSON"],
  ];
  for (const [schema, message] of refused) {
    assertThrows(() => Grammar.jsonSchema(VOCABULARY, schema), ArgumentError, message);
  }
});

Deno.test("grammar: an option has one grammar", () => {
  const allows = (option: GrammarOption, text: string) => {
    const matcher = compileGrammar(option, VOCABULARY).matcher();
    return new TextEncoder().encode(text).every((byte) => matcher.accept(1 + byte)) &&
      matcher.canEnd;
  };
  assertEquals(allows({ jsonSchema: { type: "null" } }, "null"), true);
  assertEquals(allows({ jsonSchema: '{"type":"null"}' }, "null"), true);
  assertEquals(allows({ ebnf: 'root ::= "x"' }, "x"), true);
  assertEquals(allows({ regex: "x+" }, "xx"), true);
  for (
    const option of [{}, { regex: "a", ebnf: "b" }, { yaml: "a" }, null, "a", { regex: undefined }]
  ) {
    const error = assertThrows(
      () => compileGrammar(option as GrammarOption, VOCABULARY),
      ArgumentError,
      "expected an object with one of jsonSchema, ebnf, regex",
    );
    assertEquals((error as ArgumentError).argument, "grammar");
  }
  assertThrows(
    () => compileGrammar({ regex: 5 } as unknown as GrammarOption, VOCABULARY),
    ArgumentError,
    "regex is 5, expected text",
  );
  assertThrows(
    () => compileGrammar({ regex: "(" }, VOCABULARY),
    ArgumentError,
    "Cannot compile a regular expression",
  );
});

Deno.test("grammar: a vocabulary that is none is refused", () => {
  const vocabularies = [
    [{ size: 0, tokens: [], stopTokens: [] }, "has 0 rows"],
    [
      { size: 1, tokens: [undefined, undefined], stopTokens: [] },
      "has 2 tokens, expected up to its 1 rows",
    ],
    [
      { size: 1, tokens: [Uint8Array.of(97)], stopTokens: [1] },
      "has the stop token 1, expected an id from 0 to 0",
    ],
  ] as const;
  for (const [vocabulary, message] of vocabularies) {
    assertThrows(() => Grammar.regex(vocabulary, "a"), ArgumentError, message);
  }
});
