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

const single = new Float32Array(1);
const bits = new Uint32Array(single.buffer);

/** 2^-(e - 3) of the exponents -6 to 8 of the codes, from index 0 on. */
const INVERSE_STEPS = Float64Array.from({ length: 15 }, (_, i) => 2 ** (9 - i));

/** The code nearest to a number, ties to even; beyond 448 it saturates, NaN stays NaN. */
export function toE4m3(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 128 : 0;
  const size = Math.abs(value);
  if (Number.isNaN(size)) return 127;
  if (size >= E4M3_MAX) return sign | 126;
  // As f32 the size may round up to the next exponent, which then has the same code: a carry.
  single[0] = size;
  const exponent = Math.max(-6, (bits[0] >>> 23) - 127);
  const steps = size * INVERSE_STEPS[exponent + 6];
  let whole = Math.floor(steps);
  const rest = steps - whole;
  if (rest > 0.5 || (rest === 0.5 && whole % 2 === 1)) whole++;
  // A carry into the next exponent gives the right code by itself.
  return sign | (whole < 8 ? whole : ((exponent + 7) << 3) + (whole - 8));
}
