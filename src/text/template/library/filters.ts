/**
 * All filters and tests by name.
 *
 * @module
 */

import { truth } from "../values/compare.ts";
import { keyOf } from "../values/dict.ts";
import { fail } from "../values/errors.ts";
import { type Apply, type Filter, filter } from "./filter.ts";
import { NUMBER_FILTERS } from "./filters_number.ts";
import { selectingFilters } from "./filters_select.ts";
import { SEQUENCE_FILTERS } from "./filters_sequence.ts";
import { TEXT_FILTERS } from "./filters_text.ts";
import { VALUE_TESTS } from "./value_tests.ts";
import { isText, textOf, Undefined, type Value } from "../values/value.ts";

/** Filters of Jinja2 that are not here: random, or made for HTML pages and debugging. */
export const UNSUPPORTED_FILTERS: ReadonlySet<string> = new Set([
  "pprint",
  "random",
  "urlize",
  "wordwrap",
  "xmlattr",
]);

const byDefault: Filter = filter("default", "value default_value? boolean?", (bound) => {
  const value = bound.get("value");
  const absent = value instanceof Undefined ||
    (truth(bound.get("boolean", false)) && !truth(value));
  return absent ? bound.get("default_value", "") : value;
})[1];

function applying(kind: string, all: () => ReadonlyMap<string, Filter>): Apply {
  return (name, args) => {
    if (name instanceof Undefined) {
      fail("TemplateRuntimeError", `no ${kind} is named: ${name.message}`);
    }
    const found = isText(name) ? all().get(textOf(name)) : undefined;
    if (found) return found(args);
    if (isText(name) && kind === "filter" && UNSUPPORTED_FILTERS.has(textOf(name))) {
      fail("Unsupported", `the filter "${textOf(name)}"`);
    }
    return fail("TemplateRuntimeError", `there is no such ${kind}`);
  };
}

/** The filters. */
export const FILTERS: ReadonlyMap<string, Filter> = new Map<string, Filter>([
  ...TEXT_FILTERS,
  ...NUMBER_FILTERS,
  ...SEQUENCE_FILTERS,
  ...selectingFilters(applying("filter", () => FILTERS), applying("test", () => TESTS)),
  ["default", byDefault],
  ["d", byDefault],
]);

const known = (name: string, has: (value: string) => boolean) =>
  filter(name, "value", (bound) => {
    const value: Value = bound.get("value");
    keyOf(value);
    return isText(value) && has(textOf(value));
  });

/** The tests. */
export const TESTS: ReadonlyMap<string, Filter> = new Map<string, Filter>([
  ...VALUE_TESTS,
  known("filter", (name) => FILTERS.has(name) || UNSUPPORTED_FILTERS.has(name)),
  known("test", (name) => TESTS.has(name)),
]);
