/**
 * Numbers of bytes for people.
 *
 * @module
 */

/** Bytes for people, in units of 1000. */
export function megabytes(bytes: number): string {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(2)} GB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
