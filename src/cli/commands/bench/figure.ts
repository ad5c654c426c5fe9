/**
 * What a bench gives: figures, each with its unit and spread, in sections.
 *
 * @module
 */
import type { Samples } from "./samples.ts";

/** Units of figures. A `share` is a part of 1; a `ratio` is a figure over another. */
export type Unit = "ms" | "GB/s" | "TFLOP/s" | "tokens/s" | "tokens" | "rounds" | "share" | "ratio";

/** One measured number. */
export interface Figure {
  /** What it is, within its section, e.g. `rows=4`; never changes, so that runs can be compared. */
  readonly name: string;
  /** The median, where it was measured more than once. */
  readonly value: number;
  /** Of `value`, `p10` and `p90`. */
  readonly unit: Unit;
  /** Which values are good. */
  readonly better: "lower" | "higher";
  /** What a tenth of the samples stay below. */
  readonly p10?: number;
  /** What nine tenths of the samples stay below. */
  readonly p90?: number;
  /** Samples. */
  readonly runs?: number;
  /** Bytes that must be moved for it. */
  readonly bytes?: number;
  /** Those bytes over the median time, in 10^9 a second. */
  readonly gbPerSecond?: number;
  /** Of the read ceiling of the same run, or of the whole that the section divides. */
  readonly share?: number;
  /** Times the first figure of its section. */
  readonly relative?: number;
}

/** Figures that belong together. */
export interface Section {
  /** The table that they are a part of, e.g. `forward`. */
  readonly table: string;
  /** What was measured, e.g. `llama-3-8b/w4a16-g128`. */
  readonly subject: string;
  /** What a reader must know, a sentence each. */
  readonly notes: readonly string[];
  /** The figures, in the order of printing. */
  readonly figures: readonly Figure[];
}

/** The name of a figure across runs: table, subject and name. */
export function figureId(section: Pick<Section, "table" | "subject">, figure: Figure): string {
  return `${section.table}/${section.subject}/${figure.name}`;
}

/** A time in milliseconds, with its spread. */
export function time(name: string, samples: Samples, more: Partial<Figure> = {}): Figure {
  const { median, p10, p90, runs } = samples;
  return { name, value: median, unit: "ms", better: "lower", p10, p90, runs, ...more };
}

/** A time in milliseconds to read `bytes`, with its share of `ceiling` bytes a second. */
export function readTime(
  name: string,
  samples: Samples,
  bytes: number,
  ceiling: number,
  more: Partial<Figure> = {},
): Figure {
  const perSecond = bytes / (samples.median / 1000);
  const share = perSecond / ceiling;
  return time(name, samples, { bytes, gbPerSecond: perSecond / 1e9, share, ...more });
}

/** Work of `amount` units (bytes, operations) over a time, in 10^9 (or `scale`) a second. */
export function rate(
  name: string,
  samples: Samples,
  amount: number,
  unit: Unit,
  scale = 1e9,
): Figure {
  const per = (ms: number) => amount / (ms / 1000) / scale;
  const { median, p10, p90, runs } = samples;
  // A long time is a low rate: the tenth percentiles change places.
  return { name, value: per(median), unit, better: "higher", p10: per(p90), p90: per(p10), runs };
}
