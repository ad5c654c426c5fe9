/**
 * The keywords of JSON Schema: which are enforced, which say nothing about a value, and what their values may be.
 *
 * @module
 */
import { FORMATS } from "./formats.ts";

/** A schema, and where it is. */
export interface Source {
  /** The schema: an object, or true or false. */
  readonly schema: unknown;
  /** Its JSON pointer, with `#` before it. */
  readonly path: string;
  /** The schema that led here without a step into a value, where one did. */
  readonly from?: Source;
}

/** A schema that is an object. */
export type Keywords = Readonly<Record<string, unknown>>;

/** A schema is malformed, or asks for what is not enforced. */
export class SchemaError extends Error {
  /** Makes an error at a path of a schema. */
  constructor(path: string, message: string) {
    super(`${message}, at ${path}`);
  }
}

/** Says what a value is expected to be, where it is something else. */
type Check = (value: unknown) => string | undefined;

const isObject = (value: unknown) =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isSchema = (value: unknown) => typeof value === "boolean" || isObject(value);
const isCount = (value: unknown) => Number.isSafeInteger(value) && value as number >= 0;
const isText = (value: unknown) => typeof value === "string";

const check = (fits: (value: unknown) => boolean, expected: string): Check => (value) =>
  fits(value) ? undefined : expected;
const listOf = (fits: (value: unknown) => boolean) => (value: unknown) =>
  Array.isArray(value) && value.every(fits);
const mapOf = (fits: (value: unknown) => boolean) => (value: unknown) =>
  isObject(value) && Object.values(value as object).every(fits);

const SCHEMA = check(isSchema, "a schema");
const SCHEMAS = check(
  (value) => listOf(isSchema)(value) && (value as []).length > 0,
  "a list of schemas",
);
const SCHEMA_MAP = check(mapOf(isSchema), "an object of schemas");
const COUNT = check(isCount, "a whole number from 0");
const NUMBER = check(Number.isFinite, "a number");

/** The types of values. */
export const TYPES = ["null", "boolean", "number", "string", "array", "object"] as const;

/** A type of values. */
export type Type = typeof TYPES[number];

const isType = (value: unknown) => value === "integer" || TYPES.includes(value as Type);

/** Keywords that are enforced, and what their values may be. */
const ENFORCED: Readonly<Record<string, Check>> = {
  type: check(
    (value) => isType(value) || (listOf(isType)(value) && (value as []).length > 0),
    `one or a list of ${["integer", ...TYPES].join(", ")}`,
  ),
  enum: check((value) => Array.isArray(value) && value.length > 0, "a list of values"),
  const: () => undefined,
  anyOf: SCHEMAS,
  oneOf: SCHEMAS,
  allOf: SCHEMAS,
  $ref: check(isText, "a text"),
  properties: SCHEMA_MAP,
  patternProperties: SCHEMA_MAP,
  additionalProperties: SCHEMA,
  required: check(listOf(isText), "a list of names"),
  minProperties: COUNT,
  maxProperties: COUNT,
  prefixItems: SCHEMAS,
  items: check(isSchema, 'a schema; a list of schemas is "prefixItems"'),
  minItems: COUNT,
  maxItems: COUNT,
  minLength: COUNT,
  maxLength: COUNT,
  pattern: check(isText, "a text"),
  format: check(
    (value) => isText(value) && Object.hasOwn(FORMATS, value as string),
    `one of ${Object.keys(FORMATS).join(", ")}`,
  ),
  minimum: NUMBER,
  maximum: NUMBER,
  exclusiveMinimum: NUMBER,
  exclusiveMaximum: NUMBER,
  multipleOf: check(
    (value) => Number.isSafeInteger(value) && value as number > 0 && value as number <= 10_000,
    "a whole number from 1 to 10000",
  ),
};

/** Keywords that say nothing about a value. */
const ANNOTATIONS: ReadonlySet<string> = new Set([
  "$comment",
  "$defs",
  "$schema",
  "contentEncoding",
  "contentMediaType",
  "default",
  "definitions",
  "deprecated",
  "description",
  "examples",
  "readOnly",
  "title",
  "writeOnly",
]);

/** The keywords of a schema that is an object, each checked. Throws a {@linkcode SchemaError}. */
export function keywordsOf({ schema, path }: Source): Keywords {
  if (!isObject(schema)) {
    throw new SchemaError(path, `a schema is ${shown(schema)}, expected an object, true or false`);
  }
  const keywords = schema as Keywords;
  for (const [keyword, value] of Object.entries(keywords)) {
    if (ANNOTATIONS.has(keyword)) continue;
    // What is only a name, and changes where references lead, does so for whole documents.
    if (keyword === "$id" && path === "#") continue;
    if (keyword === "uniqueItems" && value === false) continue;
    if (!Object.hasOwn(ENFORCED, keyword)) {
      throw new SchemaError(
        path,
        `the keyword ${shown(keyword)} cannot be enforced, expected ${
          Object.keys(ENFORCED).join(", ")
        }`,
      );
    }
    const expected = ENFORCED[keyword](value);
    if (expected !== undefined) {
      throw new SchemaError(path, `${keyword} is ${shown(value)}, expected ${expected}`);
    }
  }
  return keywords;
}

/** A path one step further. */
export function below(path: string, ...names: ReadonlyArray<string | number>): string {
  return [path, ...names.map((name) => `${name}`.replaceAll("~", "~0").replaceAll("/", "~1"))]
    .join("/");
}

/** A value as messages show it. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
