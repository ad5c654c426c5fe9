/**
 * Schemas that refer and choose, as the shapes that are left when all is chosen.
 *
 * @module
 */
import { propertyNames, sourcesOf } from "./objects.ts";
import { below, keywordsOf, SchemaError, type Source } from "./keywords.ts";
import { canonical, Shape, typeOf } from "./shape.ts";

/** Shapes that one value may have. */
const MOST_SHAPES = 256;

/** Steps into values that are taken to tell two schemas apart. */
const MOST_STEPS = 4;

/** What can be chosen in a schema. */
export class Alternatives {
  readonly #root: unknown;

  /** Reads references in the schema `root`. */
  constructor(root: unknown) {
    this.#root = root;
  }

  /** The shapes of which a value must have one for all of some schemas to allow it. */
  of(sources: readonly Source[]): Shape[] {
    const shapes = this.#expand(sources, []).map((parts) => new Shape(parts));
    return shapes.filter(({ values, types }) => types.size > 0 && values?.length !== 0);
  }

  /** Lists of schemas without choices, of which one must be met; `plain` are those found before. */
  #expand(sources: readonly Source[], plain: readonly Source[]): Source[][] {
    const found = [...plain];
    const choices: Source[][] = [];
    const paths = new Set(found.map(({ path }) => path));
    const queue = [...sources];
    for (const source of queue) {
      const { schema, path } = source;
      if (schema === true) continue;
      if (schema === false) return [];
      for (let from = source.from; from !== undefined; from = from.from) {
        if (from.path === path) {
          throw new SchemaError(path, "a schema refers to itself without a step into a value");
        }
      }
      if (paths.has(path)) continue;
      paths.add(path);
      const keywords = keywordsOf(source);
      found.push(source);
      const children = (keyword: string) =>
        (keywords[keyword] as readonly unknown[]).map((schema, i) => ({
          schema,
          path: below(path, keyword, i),
          from: source,
        }));
      if (keywords.$ref !== undefined) {
        queue.push({ ...this.#target(keywords.$ref as string, path), from: source });
      }
      if (keywords.allOf !== undefined) queue.push(...children("allOf"));
      if (keywords.anyOf !== undefined) choices.push(children("anyOf"));
      if (keywords.oneOf !== undefined) {
        const options = children("oneOf");
        this.#checkApart(options, path);
        choices.push(options);
      }
    }
    let lists: Source[][] = [[]];
    for (const options of choices) {
      lists = lists.flatMap((list) => options.map((option) => [...list, option]));
      this.#checkCount(lists, sources);
    }
    if (choices.length === 0) return [found];
    const expanded = lists.flatMap((list) => this.#expand(list, found));
    this.#checkCount(expanded, sources);
    return expanded;
  }

  #checkCount(lists: readonly unknown[], sources: readonly Source[]): void {
    if (lists.length <= MOST_SHAPES) return;
    throw new SchemaError(
      sources[0].path,
      `there are ${lists.length} ways to choose, expected up to ${MOST_SHAPES}`,
    );
  }

  /** The schema that a reference names. */
  #target(reference: string, path: string): Source {
    const pointer = /^#(?:\/.*)?$/s.test(reference)
      ? decodeURIComponent(reference.slice(1))
      : undefined;
    if (pointer === undefined) {
      throw new SchemaError(path, `$ref is "${reference}", expected # or #/ and a path`);
    }
    let schema = this.#root;
    let target = "#";
    for (const step of pointer.split("/").slice(1)) {
      const name = step.replaceAll("~1", "/").replaceAll("~0", "~");
      if (typeof schema !== "object" || schema === null || !Object.hasOwn(schema, name)) {
        throw new SchemaError(path, `$ref is "${reference}", and ${target} has no "${name}"`);
      }
      schema = (schema as Record<string, unknown>)[name];
      target = below(target, name);
    }
    return { schema, path: target };
  }

  /** Throws where a value could be of two options: `oneOf` refuses such a value, and a grammar would not. */
  #checkApart(options: readonly Source[], path: string): void {
    options.forEach((option, i) => {
      for (let j = 0; j < i; j++) {
        if (this.#areApart([option], [options[j]], MOST_STEPS)) continue;
        throw new SchemaError(
          path,
          `oneOf cannot be enforced: a value may be both option ${j} and option ${i}, expected ` +
            "other types, other values, or a required property that tells them apart; or anyOf",
        );
      }
    });
  }

  /** Whether it is certain that no value meets both lists of schemas. */
  #areApart(left: readonly Source[], right: readonly Source[], steps: number): boolean {
    const [ours, theirs] = [this.of(left), this.of(right)];
    return ours.every((a) => theirs.every((b) => this.#shapesApart(a, b, steps)));
  }

  #shapesApart(a: Shape, b: Shape, steps: number): boolean {
    if (a.values !== undefined && b.values !== undefined) {
      const others = b.values.map(canonical);
      return !a.values.some((value) => others.includes(canonical(value)));
    }
    const typesOf = ({ values, types }: Shape) =>
      values === undefined ? types : new Set(values.map(typeOf));
    const common = typesOf(a).intersection(typesOf(b));
    if (common.size === 0) return true;
    if (common.size > 1 || !common.has("object") || steps === 0) return false;
    const required = (shape: Shape) => new Set(shape.all("required").flat() as string[]);
    for (const name of propertyNames(a)) {
      if (!required(a).has(name) || !required(b).has(name)) continue;
      if (this.#areApart(sourcesOf(a, name), sourcesOf(b, name), steps - 1)) return true;
    }
    return false;
  }
}
