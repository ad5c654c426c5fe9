/**
 * Which options of the command are of use together: what a table measures, and on what.
 *
 * @module
 */
import { isGiven } from "../../options/needs.ts";
import type { AnyValues, Need } from "../../options/option.ts";
import { wordList } from "../../options/word_list.ts";
import type { BenchTable } from "./bench.ts";
import { TABLES } from "./registry.ts";

const flags = (names: readonly string[]) => wordList(names.map((name) => `--${name}`));

/** Whether a table has something to measure on. */
function hasModels({ models }: BenchTable, values: AnyValues): boolean {
  return models === undefined || models.some((name) => isGiven(values[name]));
}

/** Needs models for each table that is asked for by name. */
export function needsItsModels(values: AnyValues): string | undefined {
  const named = (values.tables ?? []) as readonly string[];
  const lacking = TABLES.find((one) => named.includes(one.name) && !hasModels(one, values));
  return lacking && `needs ${flags(lacking.models!)} for ${lacking.name}`;
}

/** Needs a table that the option `name` changes, with models to measure it on. */
export function needsTableOf(name: string): Need {
  const users = TABLES.filter(({ uses = [] }) => uses.includes(name));
  return (values) => {
    const named = values.tables as readonly string[] | undefined;
    const asked = users.filter((one) => named === undefined || named.includes(one.name));
    if (asked.some((one) => hasModels(one, values))) return undefined;
    const models = [...new Set(users.flatMap((one) => one.models ?? []))];
    return asked.length === 0
      ? `needs --tables with ${wordList(users.map((one) => one.name))}`
      : `needs ${flags(models)}`;
  };
}

/** Does nothing beside synthetic models in a scheme other than `scheme`. */
export function needsScheme(scheme: string): Need {
  return ({ scheme: found }) =>
    found === undefined || (found as readonly string[]).every((one) => one === scheme)
      ? undefined
      : `needs --scheme ${scheme}`;
}
