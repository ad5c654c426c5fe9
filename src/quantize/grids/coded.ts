/**
 * What choosing numbers of a grid gives.
 *
 * @module
 */

/** A weight as codes. */
export interface Coded {
  /** u8 [n, k]. */
  readonly codes: Uint8Array<ArrayBuffer>;
  /** The group of each input, i32 [k]; absent where groups are runs of inputs. */
  readonly groupOf?: Int32Array<ArrayBuffer>;
}
