/**
 * What tests of rotation and attention of a row vary.
 *
 * @module
 */

/** Options of a row, as the two ops have them. */
export interface RowOptions {
  /** Slots behind the length that the row's keys and values go to. */
  readonly slotOffset?: number;
  /** Pairs that it sees; all where absent. */
  readonly window?: number;
  /** Of bits behind the length. */
  readonly mask?: readonly bigint[];
  /** Of scores. */
  readonly scale?: number;
  /** Norms of q and k, a depth of the row, and a bias where there is a product. */
  readonly dressed?: boolean;
}
