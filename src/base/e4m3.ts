/**
 * The 8-bit float of 4 exponent and 3 fraction bits, without infinities: 448 is its largest number.
 *
 * @module
 */

/** The largest number. */
export const E4M3_MAX = 448;

/** The number of each of the 256 codes; 127 and 255 are NaN. */
export const E4M3_VALUES: Float32Array = Float32Array.from({ length: 256 }, (_, code) => {
  const [exponent, fraction] = [(code >> 3) & 15, code & 7];
  const size = exponent === 0 ? fraction * 2 ** -9 : (1 + fraction / 8) * 2 ** (exponent - 7);
  return (code & 127) === 127 ? NaN : code < 128 ? size : -size;
});

/** The code nearest to a number, ties to even; beyond 448 it saturates, NaN stays NaN. */
export function toE4m3(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 128 : 0;
  const size = Math.abs(value);
  if (Number.isNaN(size)) return 127;
  if (size >= E4M3_MAX) return sign | 126;
  const exponent = Math.max(-6, Math.floor(Math.log2(size)));
  const steps = size / 2 ** (exponent - 3);
  let whole = Math.floor(steps);
  const rest = steps - whole;
  if (rest > 0.5 || (rest === 0.5 && whole % 2 === 1)) whole++;
  // A carry into the next exponent gives the right code by itself.
  return sign | (whole < 8 ? whole : ((exponent + 7) << 3) + (whole - 8));
}
