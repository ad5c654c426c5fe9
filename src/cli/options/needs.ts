/**
 * What options need beside them: one that would do nothing is refused.
 *
 * @module
 */
import type { AnyValues, Need, Option } from "./option.ts";
import { UsageError } from "./usage_error.ts";
import { wordList } from "./word_list.ts";

/** Whether a value says anything: a flag that is off and an empty list do not. */
export function isGiven(value: unknown): boolean {
  return Array.isArray(value) ? value.length > 0 : value !== undefined && value !== false;
}

/** Needs one of the options of these names. */
export function needsOption(...names: readonly string[]): Need {
  const words = `needs ${wordList(names.map((name) => `--${name}`))}`;
  return (values) => names.some((name) => isGiven(values[name])) ? undefined : words;
}

/** Needs one of `allowed` for the value of the option `name`, where that is given. */
export function needsValue(name: string, ...allowed: readonly string[]): Need {
  const words = `needs --${name} ${wordList(allowed)}`;
  return ({ [name]: value }) =>
    value === undefined || allowed.some((one) => one === value) ? undefined : words;
}

/** Does nothing where the option `name` is given, or where its value is `value`. */
export function idleBeside(name: string, value?: string): Need {
  const words = `does nothing with --${name}${value === undefined ? "" : ` ${value}`}`;
  return ({ [name]: found }) =>
    (value === undefined ? isGiven(found) : found === value) ? words : undefined;
}

/** Refuses the options of `given` that would do nothing beside `values`. */
export function checkNeeds(
  options: readonly Option[],
  given: ReadonlySet<string>,
  values: AnyValues,
): void {
  for (const { name, needs = [] } of options) {
    if (!given.has(name)) continue;
    for (const need of needs) {
      const words = need(values);
      if (words !== undefined) throw new UsageError(`Cannot use --${name}: it ${words}`);
    }
  }
}
