/**
 * What several schemas together ask of a value, where there is nothing to choose between.
 *
 * @module
 */
import { FORMATS } from "./formats.ts";
import {
  type Keywords,
  keywordsOf,
  SchemaError,
  shown,
  type Source,
  type Type,
  TYPES,
} from "./keywords.ts";
import type { NumberRange } from "./numbers.ts";

/** Keywords that say something about arrays and objects. */
const OF_MANY = [
  "properties",
  "patternProperties",
  "additionalProperties",
  "required",
  "minProperties",
  "maxProperties",
  "prefixItems",
  "items",
  "minItems",
  "maxItems",
];

/** A schema with its keywords. */
export interface Part extends Source {
  /** Its keywords. */
  readonly keywords: Keywords;
}

/** What a value must be. */
export class Shape {
  /** The schemas that ask for it. */
  readonly parts: readonly Part[];
  /** The types that it may have. */
  readonly types: ReadonlySet<Type>;
  /** Whether a number must be whole. */
  readonly whole: boolean;
  /** The values that it may be; any where undefined. */
  readonly values?: readonly unknown[];

  /**
   * Puts schemas together. Their keywords that choose or refer count for nothing here.
   *
   * @throws {SchemaError} one of them is malformed
   */
  constructor(sources: readonly Source[]) {
    this.parts = sources.map((source) => ({ ...source, keywords: keywordsOf(source) }));
    let types: ReadonlySet<Type> = new Set(TYPES);
    let whole = false;
    let values: readonly unknown[] | undefined;
    for (const { keywords } of this.parts) {
      if (keywords.type !== undefined) {
        const named = new Set([keywords.type].flat() as Array<Type | "integer">);
        if (named.has("integer") && !named.has("number")) {
          whole = true;
          named.add("number");
        }
        types = types.intersection(named) as ReadonlySet<Type>;
      }
      for (const list of [keywords.enum, "const" in keywords ? [keywords.const] : undefined]) {
        if (list === undefined) continue;
        const more = (list as readonly unknown[]).map(canonical);
        values = values?.filter((value) => more.includes(canonical(value))) ??
          list as readonly unknown[];
      }
    }
    this.types = types;
    this.whole = whole;
    this.values = values?.filter((value) => this.#allows(value));
  }

  /** The greatest or least value of a keyword that is a number; `otherwise` where none is there. */
  bound(keyword: string, pick: (...values: number[]) => number, otherwise: number): number {
    return pick(otherwise, ...this.all(keyword) as number[]);
  }

  /** All values of a keyword. */
  all(keyword: string): unknown[] {
    return this.parts.flatMap(({ keywords }) =>
      keywords[keyword] === undefined ? [] : [keywords[keyword]]
    );
  }

  /** The regular expressions that a string must fit. */
  get patterns(): Array<{ readonly source: string; readonly path: string }> {
    return this.parts.flatMap(({ path, keywords: { pattern, format } }) => [
      ...pattern === undefined ? [] : [{ source: pattern as string, path }],
      ...format === undefined ? [] : [{ source: FORMATS[format as string], path }],
    ]);
  }

  /** The numbers that it may be. */
  get range(): NumberRange {
    const least = this.bound("minimum", Math.max, -Infinity);
    const most = this.bound("maximum", Math.min, Infinity);
    const above = this.bound("exclusiveMinimum", Math.max, -Infinity);
    const below = this.bound("exclusiveMaximum", Math.min, Infinity);
    return {
      min: Math.max(least, above),
      max: Math.min(most, below),
      above: above >= least,
      below: below <= most,
    };
  }

  /** Whether a value of `enum` or `const` is one that all other keywords allow. */
  #allows(value: unknown): boolean {
    const type = typeOf(value);
    if (!this.types.has(type)) return false;
    if (type === "string") {
      const length = [...value as string].length;
      return length >= this.bound("minLength", Math.max, 0) &&
        length <= this.bound("maxLength", Math.min, Infinity) &&
        this.patterns.every(({ source }) => new RegExp(source, "u").test(value as string));
    }
    if (type === "number") {
      const { min, max, above, below } = this.range;
      const number = value as number;
      return (!this.whole || Number.isInteger(number)) &&
        (above ? number > min : number >= min) && (below ? number < max : number <= max) &&
        this.all("multipleOf").every((divisor) => number % (divisor as number) === 0);
    }
    if (type === "array" || type === "object") {
      for (const { path, keywords } of this.parts) {
        const beside = OF_MANY.find((keyword) => keywords[keyword] !== undefined);
        if (beside === undefined) continue;
        throw new SchemaError(
          path,
          `${beside} beside the value ${shown(value)} cannot be enforced`,
        );
      }
    }
    return true;
  }
}

/** The type of a value. */
export function typeOf(value: unknown): Type {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value as Type;
}

/** A text that is the same for equal values. */
export function canonical(value: unknown): string {
  return JSON.stringify(
    value,
    (_, one) =>
      typeOf(one) === "object"
        ? Object.fromEntries(Object.entries(one).sort(([a], [b]) => a < b ? -1 : 1))
        : one,
  );
}
