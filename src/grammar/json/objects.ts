/**
 * Objects as JSON writes them: the properties that a schema names in its order, and then all others.
 *
 * @module
 */
import { automaton, combination } from "../language/automaton.ts";
import {
  call,
  choice,
  EMPTY,
  type Expression,
  literal,
  NEVER,
  optional,
  repeat,
  type Rule,
  sequence,
} from "../language/expression.ts";
import { RegexError, searched } from "../syntax/regex.ts";
import { below, SchemaError, type Source } from "./keywords.ts";
import type { Part, Shape } from "./shape.ts";
import { COMMA, SPACE } from "./space.ts";
import { anyString, quoted } from "./strings.ts";

/** Patterns of names in one object: each subset of them is a case of its own. */
const MOST_PATTERNS = 4;

type Schemas = Readonly<Record<string, unknown>>;

/** The texts of the objects of a shape; `values` are the values that all of some schemas allow. */
export function objectTexts(
  shape: Shape,
  values: (sources: readonly Source[]) => Expression,
): Expression {
  const names = propertyNames(shape);
  const required = new Set(shape.all("required").flat() as string[]);
  const entry = (name: Expression, sources: readonly Source[]) =>
    sequence(name, literal(":"), SPACE, values(sources));
  const entries = names.map((name) => ({
    isRequired: required.has(name),
    text: entry(literal(JSON.stringify(name)), sourcesOf(shape, name)),
  }));
  const others = otherNames(shape, names).map(({ name, sources }) => entry(name, sources));
  const most = mostOthers(shape, names.length, required.size, others.length > 0);
  if (most < 0) return NEVER;
  const other = choice(...others);

  // What follows the entry before `index`, and then what does where no entry came before.
  let behind: Rule = { name: "properties", body: repeat(sequence(COMMA, other), 0, most) };
  let first: Expression = most === 0
    ? EMPTY
    : optional(sequence(other, repeat(sequence(COMMA, other), 0, most - 1)));
  for (const { isRequired, text } of entries.reverse()) {
    const more = sequence(text, call(behind));
    first = isRequired ? more : choice(more, first);
    const separated = sequence(COMMA, text);
    behind = {
      name: "properties",
      body: sequence(isRequired ? separated : optional(separated), call(behind)),
    };
  }
  return sequence(literal("{"), SPACE, first, SPACE, literal("}"));
}

/** The names that a shape knows: those of `properties`, then others that are required. */
export function propertyNames(shape: Shape): string[] {
  const known = shape.all("properties").flatMap((map) => Object.keys(map as object));
  return [...new Set([...known, ...shape.all("required").flat() as string[]])];
}

/** The schemas that a shape has for a property. */
export function sourcesOf(shape: Shape, name: string): Source[] {
  return shape.parts.flatMap((part) => {
    const { properties = {}, patternProperties = {} } = part.keywords as Record<string, Schemas>;
    const sources: Source[] = [];
    if (Object.hasOwn(properties, name)) {
      sources.push({ schema: properties[name], path: below(part.path, "properties", name) });
    }
    for (const [pattern, schema] of Object.entries(patternProperties)) {
      searchedNames(part, pattern);
      if (!new RegExp(pattern, "u").test(name)) continue;
      sources.push({ schema, path: below(part.path, "patternProperties", pattern) });
    }
    return sources.length > 0 ? sources : additional(part);
  });
}

/** The other names that may be there, by what their values must be. */
function otherNames(
  shape: Shape,
  names: readonly string[],
): Array<{ name: Expression; sources: Source[] }> {
  const patterns = shape.parts.flatMap((part) =>
    Object.entries((part.keywords.patternProperties ?? {}) as Schemas).map(([pattern, schema]) => ({
      part,
      source: { schema, path: below(part.path, "patternProperties", pattern) },
      text: searchedNames(part, pattern),
    }))
  );
  if (patterns.length > MOST_PATTERNS) {
    throw new SchemaError(
      patterns[0].part.path,
      `patternProperties has ${patterns.length} patterns, expected up to ${MOST_PATTERNS}`,
    );
  }
  const known = automaton(choice(...names.map(literal)));
  const automata = [known, ...patterns.map(({ text }) => automaton(text))];
  const out: Array<{ name: Expression; sources: Source[] }> = [];
  for (let subset = 0; subset < 2 ** patterns.length; subset++) {
    const fits = patterns.map((_, i) => (subset >> i & 1) === 1);
    const sources = shape.parts.flatMap((part) => {
      const own = patterns.filter((pattern, i) => fits[i] && pattern.part === part);
      return own.length > 0 ? own.map(({ source }) => source) : additional(part);
    });
    if (sources.some(({ schema }) => schema === false)) continue;
    const name = names.length + patterns.length === 0
      ? anyString(0, Infinity)
      : quoted(combination(automata, ([isKnown, ...taken]) =>
        !isKnown && taken.every((one, i) =>
          one === fits[i]
        )));
    out.push({ name, sources });
  }
  return out;
}

function searchedNames({ path }: Part, pattern: string): Expression {
  try {
    return searched(pattern);
  } catch (error) {
    if (error instanceof RegexError) throw new SchemaError(path, error.message);
    throw error;
  }
}

function additional({ path, keywords: { additionalProperties } }: Part): Source[] {
  return additionalProperties === undefined
    ? []
    : [{ schema: additionalProperties, path: below(path, "additionalProperties") }];
}

/**
 * How many properties may be there beside those with a name. Names of others may come twice, and then count once: a
 * least number of them cannot be enforced.
 */
function mostOthers(shape: Shape, named: number, required: number, areOthers: boolean): number {
  for (const { path, keywords: { minProperties, maxProperties } } of shape.parts) {
    if (minProperties !== undefined && minProperties as number > required) {
      throw new SchemaError(
        path,
        `minProperties is ${minProperties}, expected up to ${required}, the number of those required`,
      );
    }
    if (maxProperties === undefined || (!areOthers && maxProperties as number >= named)) continue;
    if (named !== required) {
      throw new SchemaError(
        path,
        `maxProperties cannot be enforced beside ${
          named - required
        } properties that are not required`,
      );
    }
  }
  return areOthers || named === required
    ? Math.min(shape.bound("maxProperties", Math.min, Infinity) - named, areOthers ? Infinity : 0)
    : 0;
}
