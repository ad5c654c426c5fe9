/**
 * JSON schemas as grammars. Whatever a grammar lets end parses, and is valid; what cannot be enforced so is refused.
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
import { Alternatives } from "./alternatives.ts";
import { below, SchemaError, type Source, type Type } from "./keywords.ts";
import { decimals, integers } from "./numbers.ts";
import { objectTexts } from "./objects.ts";
import type { Shape } from "./shape.ts";
import { anyString, quoted } from "./strings.ts";
import { COMMA, SPACE } from "./space.ts";

/**
 * The texts of the values that a schema allows: in the order of its properties, without space around them, and within
 * them with a space or a line break and up to 32 of indentation where JSON allows it. Throws a {@linkcode SchemaError}.
 */
export function jsonTexts(schema: unknown): Rule {
  return new Compiler(schema).compile();
}

class Compiler {
  readonly #root: Source;
  readonly #alternatives: Alternatives;
  readonly #rules = new Map<string, Rule>();
  readonly #pending: Array<() => void> = [];

  constructor(schema: unknown) {
    this.#root = { schema, path: "#" };
    this.#alternatives = new Alternatives(schema);
  }

  compile(): Rule {
    const rule = this.#rule([this.#root]);
    for (let next = this.#pending.pop(); next !== undefined; next = this.#pending.pop()) next();
    return rule;
  }

  /** The rule of the values that all of some schemas allow. */
  #rule(sources: readonly Source[]): Rule {
    const paths = [...new Set(sources.map(({ path }) => path))];
    const key = paths.join(" ");
    let rule = this.#rules.get(key);
    if (rule === undefined) {
      const made: Rule = { name: paths.join(" and ") || "any value", body: NEVER };
      this.#rules.set(key, rule = made);
      this.#pending.push(() => {
        made.body = choice(...this.#alternatives.of(sources).map((shape) => this.#shape(shape)));
      });
    }
    return rule;
  }

  #shape(shape: Shape): Expression {
    if (shape.values !== undefined) return choice(...shape.values.map(written));
    return choice(...[...shape.types].map((type) => this.#typed(type, shape)));
  }

  #typed(type: Type, shape: Shape): Expression {
    switch (type) {
      case "null":
        return literal("null");
      case "boolean":
        return choice(literal("true"), literal("false"));
      case "number": {
        const divisors = shape.all("multipleOf") as number[];
        // What a whole number divides is whole.
        if (shape.whole || divisors.length > 0) return integers(shape.range, divisors);
        return decimals(shape.range);
      }
      case "string":
        return this.#string(shape);
      case "array":
        return this.#array(shape);
      case "object":
        return objectTexts(shape, (sources) => call(this.#rule(sources)));
    }
  }

  #string(shape: Shape): Expression {
    const min = shape.bound("minLength", Math.max, 0);
    const max = shape.bound("maxLength", Math.min, Infinity);
    if (min > max) return NEVER;
    const { patterns } = shape;
    if (patterns.length === 0) return anyString(min, max);
    const texts = patterns.map(({ source, path }) => {
      try {
        return searched(source);
      } catch (error) {
        if (error instanceof RegexError) throw new SchemaError(path, error.message);
        throw error;
      }
    });
    if (texts.length === 1 && min === 0 && max === Infinity) return quoted(texts[0]);
    const automata = texts.map(automaton);
    const length = { start: 0, sets: [], ...counter(min, max) };
    return quoted(combination([...automata, length], (taken) => !taken.includes(false)));
  }

  #array(shape: Shape): Expression {
    const min = shape.bound("minItems", Math.max, 0);
    const max = shape.bound("maxItems", Math.min, Infinity);
    if (min > max) return NEVER;
    const fixed = Math.max(
      0,
      ...shape.all("prefixItems").map((list) => (list as readonly unknown[]).length),
    );
    /** The rule of the item at an index; of all behind the fixed ones for the first of these. */
    const item = (index: number) =>
      call(this.#rule(shape.parts.flatMap(({ path, keywords }) => {
        const prefix = (keywords.prefixItems ?? []) as readonly unknown[];
        if (index < prefix.length) {
          return [{ schema: prefix[index], path: below(path, "prefixItems", index) }];
        }
        return keywords.items === undefined
          ? []
          : [{ schema: keywords.items, path: below(path, "items") }];
      })));
    const more = (index: number) => index === 0 ? item(0) : sequence(COMMA, item(index));
    let items: Expression;
    if (max <= fixed) {
      items = EMPTY;
    } else if (fixed > 0) {
      items = repeat(more(fixed), Math.max(0, min - fixed), max - fixed);
    } else {
      const rest = repeat(sequence(COMMA, item(0)), Math.max(0, min - 1), max - 1);
      items = sequence(item(0), rest);
      if (min === 0) items = optional(items);
    }
    for (let index = Math.min(fixed, max) - 1; index >= 0; index--) {
      items = sequence(more(index), items);
      if (index >= min) items = optional(items);
    }
    return sequence(literal("["), SPACE, items, SPACE, literal("]"));
  }
}

/** An automaton of the lengths from `min` to `max`. */
function counter(min: number, max: number) {
  const most = max === Infinity ? min : max + 1;
  return {
    next: (count: number) => Math.min(count + 1, most),
    accepts: (count: number) => count >= min && count <= max,
  };
}

/** The texts of one value. */
function written(value: unknown): Expression {
  if (typeof value !== "object" || value === null) return literal(JSON.stringify(value));
  const list = Array.isArray(value);
  const entries = list
    ? value.map(written)
    : Object.entries(value).map(([name, one]) =>
      sequence(literal(`${JSON.stringify(name)}:`), SPACE, written(one))
    );
  return sequence(
    literal(list ? "[" : "{"),
    SPACE,
    ...entries.flatMap((entry, i) => i === 0 ? [entry] : [COMMA, entry]),
    SPACE,
    literal(list ? "]" : "}"),
  );
}
