/**
 * Text in columns.
 *
 * @module
 */
import { pad, textWidth } from "./width.ts";
import { fill, type Piece } from "./wrap.ts";

/** How a column is aligned. */
export type Align = "left" | "right";

/** What stands in a column: a text, or texts two spaces apart, none of which is ever broken. */
export type Cell = string | readonly string[];

const GAP = "  ";

/** What lines of a row that has no room in one begin with. */
const INDENT = "    ";

/**
 * Rows of cells as lines, columns two spaces apart and as wide as their widest cell; no spaces at the ends
 * of lines. `header`, where given, is a first row with a rule under it. Where they do not fit into `columns`, cells of columns to the left go on in the next line: between
 * words, or where words of a name are joined, as in layers.self_attn. Numbers are never broken: where this is not enough, the
 * last columns get lines of their own under the others, in the header as in each row.
 */
export function table(
  rows: readonly (readonly Cell[])[],
  align: readonly Align[],
  header?: readonly string[],
  columns = Infinity,
): string {
  const all = header === undefined ? rows : [header, ...rows];
  const cells = align.map((_, at) => all.map((row) => row[at] ?? ""));
  const bands = bandsOf(cells.map((column, at) => sizeOf(column, align[at])), columns)
    .map((band) => ({ ...band, widths: tight(band, cells) }));
  const lines = all.map((row) => bands.flatMap((band) => bandLines(row, band, align)));
  if (header !== undefined) lines.splice(1, 0, [rule(bands)]);
  return lines.flat().map((text) => `${text}\n`).join("");
}

/** How wide a column is by itself, and how narrow it can be. */
interface Size {
  readonly natural: number;
  readonly least: number;
}

/** Columns that stand beside one another. */
interface Band {
  readonly indent: string;
  readonly first: number;
  readonly widths: readonly number[];
}

function sizeOf(cells: readonly Cell[], side: Align): Size {
  const natural = Math.max(0, ...cells.map((cell) => textWidth(joined(cell))));
  if (side === "right") return { natural, least: natural };
  const widest = (cell: Cell) =>
    Math.max(0, ...piecesOf(cell, 0).map(({ text }) => leading(cell).length + textWidth(text)));
  return { natural, least: Math.max(0, ...cells.map(widest)) };
}

const sum = (widths: readonly number[]) =>
  widths.reduce((total, width) => total + width, GAP.length * (widths.length - 1));

/** All columns in one band where they can be made to fit, else as many as fit in each. */
function bandsOf(sizes: readonly Size[], columns: number): Band[] {
  const bands: Band[] = [];
  for (let first = 0; first < sizes.length;) {
    const indent = first === 0 ? "" : INDENT;
    const room = columns - indent.length;
    const rest = sizes.slice(first);
    let count = rest.length;
    while (count > 1 && sum(rest.slice(0, count).map(({ least }) => least)) > room) count--;
    bands.push({ indent, first, widths: narrowed(rest.slice(0, count), room) });
    first += count;
  }
  return bands;
}

/** Widths that fit into `room` where they can: the widest gives way first. */
function narrowed(sizes: readonly Size[], room: number): number[] {
  const widths = sizes.map(({ natural }) => natural);
  while (sum(widths) > room) {
    let widest = -1;
    for (const [at, { least }] of sizes.entries()) {
      if (widths[at] > least && (widest < 0 || widths[at] > widths[widest])) widest = at;
    }
    if (widest < 0) break;
    widths[widest]--;
  }
  return widths;
}

/** The widths that lines of broken cells come to. */
function tight({ first, widths }: Band, cells: readonly (readonly Cell[])[]): number[] {
  return widths.map((width, at) =>
    Math.max(0, ...cells[first + at].flatMap((cell) => cellLines(cell, width).map(textWidth)))
  );
}

function bandLines(row: readonly Cell[], band: Band, align: readonly Align[]): string[] {
  const { indent, first, widths } = band;
  const cells = widths.map((width, at) => cellLines(row[first + at] ?? "", width));
  if (first > 0 && cells.every(([text]) => text === "")) return [];
  const height = Math.max(1, ...cells.map((lines) => lines.length));
  return Array.from({ length: height }, (_, line) => {
    const texts = cells.map((lines, at) => pad(lines[line] ?? "", widths[at], align[first + at]));
    return (indent + texts.join(GAP)).trimEnd();
  });
}

function rule(bands: readonly Band[]): string {
  if (bands.length === 1) return bands[0].widths.map((width) => "-".repeat(width)).join(GAP);
  return "-".repeat(Math.max(...bands.map(({ indent, widths }) => indent.length + sum(widths))));
}

function cellLines(cell: Cell, width: number): string[] {
  const whole = joined(cell);
  if (textWidth(whole) <= width) return [whole];
  const indent = leading(cell);
  const room = width - indent.length;
  return fill(piecesOf(cell, room), room).map((line) => indent + line);
}

function joined(cell: Cell): string {
  return typeof cell === "string" ? cell : cell.join(GAP);
}

/** The spaces that a cell begins with, in each of its lines. */
function leading(cell: Cell): string {
  return typeof cell === "string" ? /^ */.exec(cell)![0] : "";
}

/** Behind the dots and slashes of a name, and within its parts where these are too long. */
const BREAKS = [/(?<=[./])(?=[A-Za-z])/, /(?<=_)(?=[A-Za-z])/];

/** What a cell can be broken into to be `width` wide: words, and the parts of names that are too long. */
function piecesOf(cell: Cell, width: number): Piece[] {
  if (typeof cell !== "string") return cell.map((text) => ({ text, glue: GAP }));
  return cell.trim().split(" ").flatMap((word) => {
    let parts = [word];
    for (const place of BREAKS) {
      parts = parts.flatMap((part) => textWidth(part) > width ? part.split(place) : [part]);
    }
    return parts.map((text, i) => ({ text, glue: i === 0 ? " " : "" }));
  });
}
