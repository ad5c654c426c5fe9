/**
 * JSON schemas that are enforced, of all kinds, each with values that its grammar must allow.
 */

/** A schema, and valid values whose text must be allowed. */
export interface Case {
  /** The schema. */
  readonly schema: unknown;
  /** Valid values, with properties in the order of the schema. */
  readonly valid: readonly unknown[];
}

const PERSON = {
  type: "object",
  properties: {
    name: { type: "string", minLength: 1, maxLength: 12 },
    age: { type: "integer", minimum: 0, maximum: 150 },
    email: { type: "string", format: "email" },
    tags: { type: "array", items: { enum: ["red", "green", "blue"] }, maxItems: 3 },
  },
  required: ["name", "age"],
  additionalProperties: false,
};

/** The schemas by name. */
export const SCHEMAS: Readonly<Record<string, Case>> = {
  "anything": { schema: true, valid: [null, [], {}, [1, { a: "b" }], 'x\n"\\', -0.5, 1e-7] },
  "object of anything": { schema: { type: "object" }, valid: [{}, { a: 1, b: { c: [] } }] },
  "person": {
    schema: PERSON,
    valid: [{ name: "Ada", age: 36 }, { name: "é😀", age: 0, email: "a.b@c.de", tags: ["red"] }],
  },
  "only optional properties": {
    schema: {
      type: "object",
      properties: { a: { type: "null" }, b: { type: "boolean" }, c: { const: 1 } },
      additionalProperties: false,
    },
    valid: [{}, { b: true }, { a: null, c: 1 }, { c: 1 }, { a: null, b: false, c: 1 }],
  },
  "other properties": {
    schema: {
      type: "object",
      properties: { id: { type: "integer" }, note: { type: "string" } },
      required: ["id", "extra"],
      additionalProperties: { type: "number", minimum: 0 },
    },
    valid: [{ id: 1, extra: 2 }, { id: 1, note: "", extra: 0.5, more: 3, not: 1, i: 2, "": 0 }],
  },
  "patterns of properties": {
    schema: {
      type: "object",
      properties: { x1: { maximum: 5 } },
      patternProperties: { "^x": { type: "integer" }, "[0-9]$": { minimum: -3 } },
      additionalProperties: { type: "boolean" },
    },
    valid: [{ x1: 4, x: -9, y: true, y2: -2.5, x2: 3 }, { x1: -3 }],
  },
  "map of up to three": {
    schema: { type: "object", maxProperties: 3, additionalProperties: { type: "null" } },
    valid: [{}, { a: null, b: null, c: null }],
  },
  "list": { schema: { type: "array", items: { type: "boolean" } }, valid: [[], [true, false]] },
  "list of two to four": {
    schema: { type: "array", items: { type: "integer" }, minItems: 2, maxItems: 4 },
    valid: [[1, 2], [1, 2, 3, 4]],
  },
  "tuple": {
    schema: {
      type: "array",
      prefixItems: [{ type: "string" }, { type: "integer" }, { type: "null" }],
      items: { type: "boolean" },
      minItems: 2,
      maxItems: 5,
    },
    valid: [["a", 1], ["a", 1, null], ["a", 1, null, true, false]],
  },
  "closed tuple": {
    schema: { prefixItems: [{ const: "a" }, { const: 2 }], items: false, type: "array" },
    valid: [[], ["a"], ["a", 2]],
  },
  "nested lists": {
    schema: { type: "array", items: { type: "array", items: { type: "number" }, minItems: 1 } },
    valid: [[], [[1], [2.5, 3]]],
  },
  "values": {
    schema: { enum: ["on", "off", 0, 1.5, null, { a: [1, "x"] }, ["on"], '\u0001"\\\n'] },
    valid: ["on", 0, 1.5, null, { a: [1, "x"] }, ["on"], '\u0001"\\\n'],
  },
  "values of a type": {
    schema: { enum: ["a", "abc", 1, 2.5, null], type: ["string", "integer"], maxLength: 2 },
    valid: ["a", 1],
  },
  "pattern": {
    schema: { type: "string", pattern: "^[A-Z]{3}-\\d{3,5}$" },
    valid: ["ABC-123", "XYZ-99999"],
  },
  "pattern anywhere": {
    schema: { type: "string", pattern: 'a.c|\\d$|^"' },
    valid: ["xabcx", "\n7", '"'],
  },
  "pattern and length": {
    schema: { type: "string", pattern: "^(ab|cde)*$", minLength: 4, maxLength: 9 },
    valid: ["abab", "cdeab", "cdecdecde"],
  },
  "pattern of escapes": {
    schema: { type: "string", pattern: '^[\\s"\\\\\\x00-\\x1f]{2,}$' },
    valid: ['" ', "\\\n\u0000", "\u2028\ufeff"],
  },
  "two patterns": {
    schema: { type: "string", pattern: "[aeiou]", allOf: [{ pattern: "^[a-f]+$" }] },
    valid: ["abc", "e"],
  },
  "lengths": {
    schema: { type: "string", minLength: 30, maxLength: 70 },
    valid: ["x".repeat(30), "é😀".repeat(35)],
  },
  "integers": {
    schema: { type: "array", items: { type: "integer", minimum: -120, exclusiveMaximum: 4321 } },
    valid: [[-120, -99, -1, 0, 7, 4320]],
  },
  "integers of one side": {
    schema: { anyOf: [{ type: "integer", minimum: 987 }, { type: "integer", maximum: -7 }] },
    valid: [987, 123456789012, -7, -100],
  },
  "multiples": {
    schema: { type: "array", items: { type: "number", multipleOf: 7, minimum: -50, maximum: 500 } },
    valid: [[0, 7, -49, 497]],
  },
  "numbers": {
    schema: { type: "array", items: { type: "number", minimum: -2.75, maximum: 10.125 } },
    valid: [[-2.75, 10.125, 0, 9.99, -0.001, 10.1]],
  },
  "numbers between": {
    schema: { type: "array", items: { type: "number", exclusiveMinimum: 0, exclusiveMaximum: 1 } },
    valid: [[0.5, 0.000001, 0.999]],
  },
  "numbers near": {
    schema: { type: "number", minimum: 3.14, maximum: 3.1416, exclusiveMaximum: 99 },
    valid: [3.14, 3.1415, 3.1416],
  },
  "numbers of one side": {
    schema: {
      type: "array",
      items: {
        anyOf: [{ type: "number", minimum: 1e6 }, { type: "number", exclusiveMaximum: -0.5 }],
      },
    },
    valid: [[1e6, 123456789.5, -0.51, -1e9]],
  },
  "formats": {
    schema: {
      type: "object",
      properties: Object.fromEntries(
        ["date", "time", "date-time", "uuid", "ipv4", "ipv6", "hostname", "email"].map((
          format,
        ) => [format, { type: "string", format }]),
      ),
      additionalProperties: false,
    },
    valid: [{
      date: "2024-02-29",
      time: "12:00:00Z",
      "date-time": "1999-12-31T23:59:59.5+01:00",
      uuid: "123e4567-e89b-12d3-a456-426614174000",
      ipv4: "192.168.0.1",
      ipv6: "2001:db8::1",
      hostname: "a-b.example.org",
      email: "ada.l@example.org",
    }],
  },
  "union": {
    schema: { anyOf: [{ type: "string" }, { type: "array", items: { type: "null" } }, PERSON] },
    valid: ["x", [null], { name: "Ada", age: 1 }],
  },
  "one of, told apart": {
    schema: {
      oneOf: [
        {
          type: "object",
          properties: { type: { const: "circle" }, radius: { type: "number", minimum: 0 } },
          required: ["type", "radius"],
        },
        {
          type: "object",
          properties: { type: { enum: ["square", "box"] }, side: { type: "integer" } },
          required: ["type", "side"],
          additionalProperties: false,
        },
        { type: "null" },
      ],
    },
    valid: [{ type: "circle", radius: 2 }, { type: "box", side: 3 }, null],
  },
  "all of": {
    schema: {
      allOf: [
        { type: "object", properties: { a: { type: "integer" } }, required: ["a"] },
        { type: "object", properties: { b: { type: "string" }, a: { minimum: 5 } } },
        { additionalProperties: { type: ["string", "integer"], maxLength: 3 } },
      ],
    },
    valid: [{ a: 7, b: "abc" }, { a: 5, c: "x", d: 1 }],
  },
  "beside a choice": {
    schema: {
      type: "object",
      properties: { a: { type: "integer" }, b: { type: "integer" }, c: { type: "integer" } },
      additionalProperties: false,
      anyOf: [{ required: ["a"] }, { required: ["b", "c"] }],
    },
    valid: [{ a: 1 }, { b: 2, c: 3 }, { a: 1, b: 2, c: 3 }],
  },
  "list that holds itself": {
    schema: {
      type: "object",
      properties: {
        value: { type: "integer" },
        next: { anyOf: [{ $ref: "#" }, { type: "null" }] },
      },
      required: ["value", "next"],
      additionalProperties: false,
    },
    valid: [{ value: 1, next: null }, { value: 1, next: { value: 2, next: null } }],
  },
  "trees that hold one another": {
    schema: {
      $ref: "#/$defs/tree",
      $defs: {
        tree: {
          type: "object",
          properties: { name: { $ref: "#/$defs/a~1name" }, leaves: { $ref: "#/$defs/forest" } },
          required: ["name"],
          additionalProperties: false,
        },
        forest: { type: "array", items: { $ref: "#/$defs/tree" }, description: "trees" },
        "a/name": { type: "string", pattern: "^[a-z]+$", title: "a name" },
      },
    },
    valid: [{ name: "oak" }, { name: "oak", leaves: [{ name: "b", leaves: [] }, { name: "c" }] }],
  },
  "a reference with more beside it": {
    schema: {
      properties: { a: { $ref: "#/$defs/small", minimum: 3 } },
      type: "object",
      required: ["a"],
      $defs: { small: { type: "integer", maximum: 9 } },
    },
    valid: [{ a: 3 }, { a: 9, b: null }],
  },
  "types without a type": {
    schema: { minLength: 2, minimum: 10, minItems: 1, required: ["k"] },
    valid: ["ab", 10, [1], { k: null }, null, true],
  },
};
