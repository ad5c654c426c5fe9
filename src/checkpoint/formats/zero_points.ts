/**
 * Zero points of 4 bits, eight to a word.
 *
 * @module
 */

/** The zero point of symmetric weights. */
const MIDDLE = 8;

/** The place of each nibble's column among its eight, where they are in order. */
const IN_ORDER: readonly number[] = [0, 1, 2, 3, 4, 5, 6, 7];

/**
 * Zero points u8 [groups, n] from words [groups, ceil(n/8)]: nibble p of a word is column `columns[p]` of its
 * eight, and `add` is added to it modulo 16 (GPTQ v1 stores a zero point of 0 as 15). Undefined where all of
 * them are 8.
 */
export function unpackZeros(
  words: Uint32Array,
  groups: number,
  n: number,
  add = 0,
  columns: readonly number[] = IN_ORDER,
): Uint8Array<ArrayBuffer> | undefined {
  const width = Math.ceil(n / 8);
  const zeros = new Uint8Array(groups * n);
  let asymmetric = false;
  for (let g = 0; g < groups; g++) {
    for (let w = 0; w < width; w++) {
      const word = words[g * width + w];
      for (let p = 0; p < 8; p++) {
        const column = 8 * w + columns[p];
        if (column >= n) continue;
        const zero = ((word >>> (4 * p)) + add) & 15;
        if (zero !== MIDDLE) asymmetric = true;
        zeros[g * n + column] = zero;
      }
    }
  }
  return asymmetric ? zeros : undefined;
}
