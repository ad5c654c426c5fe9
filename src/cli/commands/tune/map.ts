/**
 * The map of methods: which is the fastest by how often tokens of the head and of the draft model are accepted, as SVG.
 *
 * @module
 */
import {
  type Costs,
  CostTable,
  depthOf,
  expected,
  PLAIN,
  type Setting,
} from "../../../speculation/mod.ts";

/** What a cell may be won by. */
export type Winner = "plain" | "suffix" | "tree" | "draft" | "hierarchy";

/** Their colours. */
const COLOURS: Readonly<Record<Winner, string>> = {
  plain: "#9aa0a6",
  suffix: "#c58af9",
  tree: "#1a73e8",
  draft: "#f29900",
  hierarchy: "#188038",
};

/** One pair of accept rates. */
export interface Cell {
  /** The share of a head's tokens that is accepted behind accepted ones. */
  readonly head: number;
  /** That of the draft model's. */
  readonly draft: number;
  /** The fastest method. */
  readonly winner: Winner;
  /** Its speed over plain decoding's. */
  readonly gain: number;
  /** Its speed over that of the next best method. */
  readonly lead: number;
}

const SIZE = 34;
const LEFT = 64;
const TOP = 56;

/** Accept rates along an axis. */
const RATES = Array.from({ length: 17 }, (_, i) => 0.3 + i * 0.04);

/** The method of a setting. */
export function methodOf(setting: Setting): Winner {
  if (setting.kind !== "draft") return setting.kind;
  return setting.inner.kind === "plain" ? "draft" : "hierarchy";
}

/** The cells of a map of `settings` at `context` tokens: rates of heads and of draft models alone; suffixes have none. */
export function cellsOf(settings: readonly Setting[], costs: Costs, context: number): Cell[] {
  const table = new CostTable(costs, context);
  const known = settings.filter((one) =>
    one.kind !== "suffix" && (one.kind !== "draft" || one.inner.kind !== "suffix")
  );
  return RATES.flatMap((draft) =>
    RATES.map((head): Cell => {
      const speeds = new Map<Winner, number>();
      for (const setting of known) {
        const { tokens, ms } = expected(setting, (_, of) => {
          const rate = of.kind === "draft" ? draft : head;
          return { chances: Array.from({ length: depthOf(of) }, (_, d) => rate ** (d + 1)) };
        }, table);
        const method = methodOf(setting);
        speeds.set(method, Math.max(speeds.get(method) ?? 0, tokens / ms));
      }
      const sorted = [...speeds].sort(([, a], [, b]) => b - a);
      const [[winner, best], next] = sorted;
      const plain = expected(PLAIN, () => ({ chances: [] }), table);
      return {
        head,
        draft,
        winner,
        gain: best / (plain.tokens / plain.ms),
        lead: next === undefined ? 1 : best / next[1],
      };
    })
  );
}

/** A map as one SVG document that stands alone. */
export function mapSvg(title: string, cells: readonly Cell[]): string {
  const across = RATES.length * SIZE;
  const x = (rate: number) => LEFT + RATES.indexOf(rate) * SIZE;
  const y = (rate: number) => TOP + (RATES.length - 1 - RATES.indexOf(rate)) * SIZE;
  const squares = cells.map(({ head, draft, winner, gain, lead }) => {
    // The further ahead, the fuller the colour.
    const opacity = Math.min(1, 0.25 + (lead - 1) * 2).toFixed(2);
    const [left, top] = [x(head), y(draft)];
    return `<g><title>head ${head.toFixed(2)}, draft model ${draft.toFixed(2)}: ${winner}, ` +
      `${gain.toFixed(2)} times plain, ${lead.toFixed(2)} times the next</title>` +
      `<rect x="${left}" y="${top}" width="${SIZE}" height="${SIZE}" fill="${
        COLOURS[winner]
      }" fill-opacity="${opacity}"/>` +
      `<text x="${left + SIZE / 2}" y="${top + SIZE / 2 + 4}" text-anchor="middle">${
        gain.toFixed(1)
      }</text></g>`;
  });
  const ticks = RATES.filter((_, i) => i % 2 === 0).flatMap((rate) => [
    `<text x="${x(rate) + SIZE / 2}" y="${TOP + across + 16}" text-anchor="middle">${
      rate.toFixed(2)
    }</text>`,
    `<text x="${LEFT - 6}" y="${y(rate) + SIZE / 2 + 4}" text-anchor="end">${
      rate.toFixed(2)
    }</text>`,
  ]);
  const winners = [...new Set(cells.map(({ winner }) => winner))];
  const legend = winners.map((winner, i) => {
    const left = LEFT + i * 110;
    return `<rect x="${left}" y="${TOP - 24}" width="12" height="12" fill="${COLOURS[winner]}"/>` +
      `<text x="${left + 17}" y="${TOP - 14}">${winner}</text>`;
  });
  const [width, height] = [LEFT + across + 16, TOP + across + 44];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" ` +
    `font-family="sans-serif" font-size="11">`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    `<text x="${LEFT}" y="18" font-size="14">${escaped(title)}</text>`,
    ...legend,
    ...squares,
    ...ticks,
    `<text x="${LEFT + across / 2}" y="${
      height - 8
    }" text-anchor="middle">share of a head's tokens that is accepted</text>`,
    `<text x="14" y="${TOP + across / 2}" text-anchor="middle" transform="rotate(-90 14 ${
      TOP + across / 2
    })">share of the draft model's tokens that is accepted</text>`,
    "</svg>",
    "",
  ].join("\n");
}

function escaped(text: string): string {
  return text.replace(/[&<>]/g, (one) => `&#${one.charCodeAt(0)};`);
}
