/**
 * Symmetric 4-bit quantization by rounding to nearest, each group clipped where its squared error is least.
 *
 * @module
 */
import { ArgumentError } from "../../base/errors.ts";
import type { GptqTensors, LinearShape, Quantizer } from "./quantizer.ts";

/** The zero point: q runs from 0 to 15, so w from -8 s to 7 s. */
const ZERO = 8;

/**
 * Scales are tried from absmax / 7 (nothing is clipped) down to this share of it: clipping the few largest
 * weights pays where it makes the steps of all others finer.
 */
const SMALLEST_SHARE = 0.6;

/** Scales tried a group. Four times as many lower the error of normal weights by a thousandth only. */
const STEPS = 25;

/** The smallest positive f16, for groups whose scale would round to zero. */
const TINY = 2 ** -24;

/** Round-to-nearest W4A16 with groups of 128. */
export const rtnW4A16G128: Quantizer = {
  scheme: "w4a16-g128",
  summary: "4-bit weights, groups of 128, round to nearest with clipping searched a group",
  group: 128,
  quantize: quantizeRows,
};

/** Quantizes a whole weight f32 [n, k], row-major. Deterministic. */
export function rtn(weight: Float32Array, shape: LinearShape): GptqTensors {
  return quantizeRows([weight], shape);
}

function quantizeRows(pieces: Iterable<Float32Array>, { n, k, group }: LinearShape): GptqTensors {
  checkShape(n, k, group);
  const groups = Math.ceil(k / group);
  const qweight = new Uint32Array((k / 8) * n);
  const scales = new Float16Array(groups * n);
  let row = 0;
  for (const piece of pieces) {
    if (piece.length % k !== 0 || row + piece.length / k > n) {
      throw new ArgumentError(
        "weight",
        `Cannot quantize a weight [${n}, ${k}]: after ${row} rows come ${piece.length} values, ` +
          `expected whole rows of ${k}, at most ${n - row} of them`,
      );
    }
    for (let at = 0; at < piece.length; at += k, row++) {
      for (let g = 0; g < groups; g++) {
        const start = g * group;
        const end = Math.min(start + group, k);
        const scale = bestScale(piece, at + start, at + end);
        scales[g * n + row] = scale;
        for (let j = start; j < end; j++) {
          const q = Math.min(15, Math.max(0, Math.floor(piece[at + j] / scale + 0.5) + ZERO));
          qweight[(j >> 3) * n + row] |= q << (4 * (j & 7));
        }
      }
    }
  }
  if (row !== n) {
    throw new ArgumentError("weight", `Cannot quantize ${row} rows, expected ${n}`);
  }
  return {
    qweight,
    scales,
    qzeros: new Uint32Array(groups * Math.ceil(n / 8)).fill(0x77777777),
    g_idx: Int32Array.from({ length: k }, (_, j) => Math.floor(j / group)),
  };
}

/** The f16 scale of least squared error for values start..end-1; the larger of equals. */
function bestScale(values: Float32Array, start: number, end: number): number {
  let absmax = 0;
  for (let i = start; i < end; i++) {
    const size = Math.abs(values[i]);
    if (!(size < Infinity)) {
      throw new ArgumentError("weight", `Cannot quantize a weight: it holds ${values[i]}`);
    }
    if (size > absmax) absmax = size;
  }
  if (absmax === 0) return 1;
  const widest = absmax / 7;
  let best = NaN;
  let least = Infinity;
  let previous = NaN;
  for (let step = 0; step < STEPS; step++) {
    const share = 1 - (step * (1 - SMALLEST_SHARE)) / (STEPS - 1);
    // The error is that of the scale as it will be stored; f16 overflow saturates.
    const scale = Math.min(65504, Math.max(TINY, Math.f16round(widest * share)));
    if (scale === previous) continue;
    previous = scale;
    const error = squaredError(values, start, end, scale, least);
    if (error < least) {
      least = error;
      best = scale;
    }
  }
  return best;
}

/** The squared error of rounding with `scale`, or some value of at least `limit` once it passes that. */
function squaredError(
  values: Float32Array,
  start: number,
  end: number,
  scale: number,
  limit: number,
): number {
  const inverse = 1 / scale;
  let error = 0;
  for (let i = start; i < end; i++) {
    const exact = values[i] * inverse;
    let q = Math.floor(exact + 0.5);
    if (q > 7) q = 7;
    else if (q < -8) q = -8;
    const difference = exact - q;
    error += difference * difference;
    if ((i & 31) === 31 && error * scale * scale >= limit) break;
  }
  return error * scale * scale;
}

function checkShape(n: number, k: number, group: number): void {
  for (const [name, value] of Object.entries({ n, k, group })) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new ArgumentError(name, `Cannot quantize: ${name} is ${value}, expected at least 1`);
    }
  }
  if (k % 8 !== 0) {
    throw new ArgumentError("k", `Cannot quantize: k is ${k}, expected a multiple of 8`);
  }
}
