/**
 * Colours on a terminal, and which one stands for whom.
 *
 * @module
 */

/** A colour or weight. */
export type Color = "green" | "yellow" | "blue" | "magenta" | "cyan" | "bold" | "dim";

/** Their ANSI codes. */
const CODES: Readonly<Record<Color, number>> = {
  green: 32,
  yellow: 33,
  blue: 34,
  magenta: 35,
  cyan: 36,
  bold: 1,
  dim: 2,
};

/** The colours of those who propose tokens; other names get one of `OTHERS`. */
const PROPOSERS: Readonly<Record<string, Color>> = {
  head: "green",
  draft: "cyan",
  suffix: "magenta",
  target: "yellow",
  grammar: "blue",
};

const OTHERS: readonly Color[] = ["magenta", "blue"];

/** `text` in a colour. Whether colours are wanted is for the caller to know. */
export function paint(color: Color, text: string): string {
  return text === "" ? "" : `\x1b[${CODES[color]}m${text}\x1b[0m`;
}

/** The colour of who proposed a token; the same for the same name. */
export function proposerColor(by: string): Color {
  if (Object.hasOwn(PROPOSERS, by)) return PROPOSERS[by];
  return OTHERS[[...by].reduce((sum, sign) => sum + sign.codePointAt(0)!, 0) % OTHERS.length];
}

/** Names of proposers, each in its colour, in one line. */
export function legend(names: readonly string[]): string {
  return names.map((name) => paint(proposerColor(name), name)).join(" ");
}
