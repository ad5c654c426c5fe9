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

/** Shades of those who propose several tokens in a row, by how deep they are in a round: of the terminal's 256 colours. */
const SHADES: Readonly<Record<string, readonly number[]>> = {
  head: [120, 77, 34],
  draft: [123, 80, 37],
  suffix: [219, 176, 133],
};

/** Where shades begin: the first tokens of a round, the fourth and the seventh. */
const DEPTHS = [1, 4, 7];

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

/** `text` in the colour of who proposed it, the darker the deeper in its round: its first token is at depth 1. */
export function paintByDepth(by: string, depth: number, text: string): string {
  if (!Object.hasOwn(SHADES, by)) return paint(proposerColor(by), text);
  const shade = SHADES[by][DEPTHS.findLastIndex((first) => depth >= first)];
  return text === "" ? "" : `\x1b[38;5;${shade}m${text}\x1b[0m`;
}

/** Names of proposers, each with its shades and where they begin, in one line. */
export function depthLegend(names: readonly string[]): string {
  return names.map((name) =>
    Object.hasOwn(SHADES, name)
      ? DEPTHS.map((first, at) => paintByDepth(name, first, at === 0 ? `${name} 1` : `${first}`))
        .join(" ")
      : paintByDepth(name, 1, name)
  ).join(", ");
}
