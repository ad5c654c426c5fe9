/**
 * Grids as other threads can have them.
 *
 * @module
 */
import { AffineGrid } from "./affine_grid.ts";
import { FloatGrid } from "./float_grid.ts";
import type { Grid } from "./grid.ts";
import type { GridParts } from "./grid_parts.ts";
import { TwoLevelGrid } from "./two_level_grid.ts";

/** A grid on its way to other threads; one that cannot go there stays what it is. */
export type PortableGrid = GridParts | Grid;

/** What `grid` is on its way. */
export function portable(grid: Grid): PortableGrid {
  return grid.parts ?? grid;
}

/** The grid where it has arrived: what is chosen in one holds in all that have its numbers. */
export function arrived(grid: PortableGrid): Grid {
  if (!("kind" in grid)) return grid;
  const { n, k } = grid;
  switch (grid.kind) {
    case "affine":
      return new AffineGrid(n, k, grid.options, grid.numbers);
    case "two-level":
      return new TwoLevelGrid(n, k, grid.options, grid.numbers);
    case "float":
      return new FloatGrid(n, k, grid.numbers);
  }
}

/** Gives `grid` what has been chosen in a copy of it. */
export function adopt(grid: Grid, copy: PortableGrid): void {
  if (!("kind" in copy)) return;
  const chosen: Readonly<Record<string, ArrayLike<number>>> = { ...copy.numbers };
  for (const [name, numbers] of Object.entries(grid.parts!.numbers)) numbers.set(chosen[name]);
}
