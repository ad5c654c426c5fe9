/**
 * Ratios to an earlier run, or to someone else's figures.
 *
 * @module
 */
import { figureId } from "./figure.ts";
import type { Report } from "./report.ts";

/** One figure in two runs. */
export interface ComparedFigure {
  /** Table, subject and name. */
  readonly id: string;
  /** The value of this run. */
  readonly now: number;
  /** The value of the earlier one. */
  readonly then: number;
  /** Of both. */
  readonly unit: string;
  /** How many times as good this run is: above 1 is better, whatever the unit. */
  readonly ratio: number;
}

/** Two runs side by side. */
export interface Comparison {
  /** What the earlier run was. */
  readonly earlier: string;
  /** Figures that both have, in the order of this run. */
  readonly rows: readonly ComparedFigure[];
  /** What a reader must know, a sentence each. */
  readonly notes: readonly string[];
}

/** Compares the figures that both runs have, by their ids. Zeros have no ratio and are left out. */
export function compareReports(now: Report, then: Report): Comparison {
  const earlier = new Map(
    then.sections.flatMap((section) =>
      section.figures.map((figure) => [figureId(section, figure), figure] as const)
    ),
  );
  let met = 0;
  const rows = now.sections.flatMap((section) =>
    section.figures.flatMap((figure): ComparedFigure[] => {
      const id = figureId(section, figure);
      const other = earlier.get(id);
      if (other === undefined) return [];
      met++;
      if (other.unit !== figure.unit || !(figure.value > 0) || !(other.value > 0)) return [];
      const lower = other.value / figure.value;
      return [{
        id,
        now: figure.value,
        then: other.value,
        unit: figure.unit,
        ratio: figure.better === "lower" ? lower : 1 / lower,
      }];
    })
  );
  const notes = [`${earlier.size - met} figures of the earlier run are not in this one`];
  const same = <T>(what: string, a: T, b: T): void => {
    if (a !== b) notes.push(`${what} differs: ${a} now, ${b} then`);
  };
  same("the context", now.options.context, then.options.context);
  same("the device", now.device.name, then.device.name);
  return { earlier: `${then.source}, ${then.device.name}, ${then.date}`, rows, notes };
}
