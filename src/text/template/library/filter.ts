/**
 * What a filter and a test are.
 *
 * @module
 */

import { bind, type Bound } from "../values/signature.ts";
import type { Args, Value } from "../values/value.ts";

/** A filter, or a test: the value is the first argument. */
export type Filter = (args: Args) => Value;

/** Filters, or tests, by name. */
export type Filters = ReadonlyArray<readonly [name: string, filter: Filter]>;

/** Calls a filter or a test by its name. */
export type Apply = (name: Value, args: Args) => Value;

/** A filter with parameters as for `bind`; the first is the value. */
export function filter(
  name: string,
  spec: string,
  run: (bound: Bound) => Value,
): readonly [string, Filter] {
  return [name, (args) => run(bind(name, spec, args))];
}
