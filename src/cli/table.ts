/**
 * Text in columns.
 *
 * @module
 */

/** How a column is aligned. */
export type Align = "left" | "right";

/**
 * Rows of cells as lines, columns two spaces apart and as wide as their widest cell; no spaces at the ends
 * of lines. `header`, where given, is a first row with a rule under it.
 */
export function table(
  rows: readonly (readonly string[])[],
  align: readonly Align[],
  header?: readonly string[],
): string {
  const all = header === undefined ? rows : [header, ...rows];
  const widths = align.map((_, column) =>
    all.reduce((width, row) => Math.max(width, length(row[column] ?? "")), 0)
  );
  const lines = all.map((row) => line(row, widths, align));
  if (header !== undefined) lines.splice(1, 0, widths.map((w) => "-".repeat(w)).join("  "));
  return lines.map((text) => `${text}\n`).join("");
}

function line(row: readonly string[], widths: readonly number[], align: readonly Align[]): string {
  const cells = widths.map((width, column) => {
    const cell = row[column] ?? "";
    const space = " ".repeat(width - length(cell));
    return align[column] === "right" ? space + cell : cell + space;
  });
  return cells.join("  ").trimEnd();
}

// deno-lint-ignore no-control-regex
const PAINT = /\x1b\[\d+m/g;

/** Signs of a cell, colours not counted. */
function length(cell: string): number {
  return [...cell.replaceAll(PAINT, "")].length;
}
