/**
 * An evaluation as text.
 *
 * @module
 */
import { factsOf, type Summary, tablesOf } from "../../../eval/mod.ts";
import { table } from "../../terminal/table.ts";

/** The tables of `summary` in at most `columns` columns where they can be. */
export function evalText(summary: Summary, columns: number): string {
  const facts = factsOf(summary).map(([name, value]) => [name, value]);
  const tables = tablesOf(summary).map(({ title, columns: heads, rows }) =>
    `\n${title}\n` +
    table(rows, heads.map(({ align }) => align), heads.map(({ name }) => name), columns)
  );
  return table(facts, ["left", "left"], undefined, columns) + tables.join("");
}
