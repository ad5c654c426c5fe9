/**
 * Shapes: lists of sizes, outermost first.
 *
 * @module
 */

/** Sizes of a tensor's dimensions, outermost first; empty for a scalar. */
export type Shape = readonly number[];

/** The number of elements. */
export function elements(shape: Shape): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Whether two shapes are the same. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((size, i) => size === b[i]);
}

/** A shape as people read it: `[2, 3]`. */
export function showShape(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}
