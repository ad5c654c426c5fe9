/**
 * Work on rows that do not depend on each other, so that threads can share them.
 *
 * @module
 */

/** Does one call's work for rows `from` to `to` - 1. */
export type RowFunction<C> = (call: C, from: number, to: number) => void;

/**
 * A kind of work on rows. What it is given is a plain object of typed arrays, values and plain objects, so that
 * every thread can have it. A row's result depends on nothing that the same call writes for other rows, and
 * stays as it is when the row is done twice: then neither the number of threads nor their pace can be seen in it.
 */
export interface RowWork<G, C> {
  /** Its name in `row_worker.ts`. */
  readonly name: string;
  /** The work on what is given, for one thread. */
  begin(given: G): RowFunction<C>;
}
