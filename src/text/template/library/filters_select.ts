/**
 * Filters that apply other filters, or tests, to each item.
 *
 * @module
 */

import { truth } from "../values/compare.ts";
import { fail } from "../values/errors.ts";
import { attributeGetter } from "./filters_sequence.ts";
import type { Apply, Filter, Filters } from "./filter.ts";
import { each } from "../values/iterate.ts";
import { type Args, Iter, type Value } from "../values/value.ts";

const without = (args: Args, count: number): Args => ({
  positional: args.positional.slice(count),
  named: args.named,
});

/** What `map` does to an item. */
function mapping(args: Args, filter: Apply): (item: Value) => Value {
  const attribute = args.named.get("attribute");
  if (args.positional.length === 0 && attribute !== undefined) {
    const other = [...args.named.keys()].find((name) => name !== "attribute" && name !== "default");
    if (other !== undefined) fail("FilterArgumentError", `map has no argument "${other}"`);
    const otherwise = args.named.get("default");
    return attributeGetter(attribute, otherwise === undefined ? null : otherwise);
  }
  if (args.positional.length === 0) fail("FilterArgumentError", "map is given no filter");
  const [name] = args.positional;
  const rest = without(args, 1);
  return (item) => filter(name, { ...rest, positional: [item, ...rest.positional] });
}

/** Whether `select` and the like take an item as it is. */
function choosing(args: Args, byAttribute: boolean, test: Apply): (item: Value) => boolean {
  let get = (item: Value) => item;
  if (byAttribute) {
    if (args.positional.length === 0) fail("FilterArgumentError", "no attribute is given");
    get = attributeGetter(args.positional[0]);
    args = without(args, 1);
  }
  if (args.positional.length === 0) return (item) => truth(get(item));
  const [name] = args.positional;
  const rest = without(args, 1);
  return (item) => truth(test(name, { ...rest, positional: [get(item), ...rest.positional] }));
}

/** The value of a filter, and its arguments. */
function split(args: Args): [value: Value, rest: Args] {
  if (args.positional.length === 0) fail("TypeError", "a filter is not given its value");
  return [args.positional[0], without(args, 1)];
}

/** The filters `map`, `select`, `reject`, `selectattr` and `rejectattr`, on filters and tests by name. */
export function selectingFilters(filter: Apply, test: Apply): Filters {
  const map: Filter = (all) => {
    const [value, args] = split(all);
    return new Iter((function* () {
      if (!truth(value)) return;
      const change = mapping(args, filter);
      for (const item of each(value)) yield change(item);
    })());
  };
  const select = (wanted: boolean, byAttribute: boolean): Filter => (all) => {
    const [value, args] = split(all);
    return new Iter((function* () {
      if (!truth(value)) return;
      const takes = choosing(args, byAttribute, test);
      for (const item of each(value)) if (takes(item) === wanted) yield item;
    })());
  };
  return [
    ["map", map],
    ["select", select(true, false)],
    ["reject", select(false, false)],
    ["selectattr", select(true, true)],
    ["rejectattr", select(false, true)],
  ];
}
