/**
 * Smooths a decoder layer: what its linear layers read shrinks where it is large, and their weights grow.
 *
 * @module
 */
import { toF32 } from "../../base/half.ts";
import type { ModelConfig } from "../../checkpoint/config/config.ts";
import type { Quantizer } from "../quantizers/quantizer.ts";
import type { RowPool } from "../rows/row_pool.ts";
import { smoothingFactors } from "../methods/smooth.ts";
import { READERS } from "./layer_plan.ts";
import { INPUTS, type LayerInput } from "./layer_runner.ts";
import type { InputStatistics } from "./statistics.ts";
import { encodeFloats, type Floats } from "./tensors.ts";

/**
 * Smooths the tensors of layer `prefix` for `quantizer`, and returns the statistics of its inputs as they
 * are then; the Hessians of the given ones are used up. The layer's function stays as it is. Inputs that are not among
 * `inputs`, as no one tensor makes them, stay as they are.
 */
export function smoothLayer(
  floats: Floats,
  prefix: string,
  config: ModelConfig,
  statistics: ReadonlyMap<LayerInput, InputStatistics>,
  quantizer: Quantizer,
  pool?: RowPool,
  inputs: readonly LayerInput[] = INPUTS,
): Map<LayerInput, InputStatistics> {
  const smoothed = new Map(statistics);
  for (const { input, linears, maker } of READERS) {
    if (!inputs.includes(input)) continue;
    const known = statistics.get(input)!;
    const weights = linears.map((name) => floats.get(`${prefix}.${name}.weight`)!.values);
    const shared = input === "output" ? valueChannels(config) : undefined;
    const wanted = smoothingFactors({ ...known, weights, shared }, quantizer, pool);
    // Values are made once for several heads; other inputs are made one by one.
    const made = shared === undefined ? wanted : firstOfEach(wanted, shared);
    const factors = shrink(floats, `${prefix}.${maker}`, made);
    const each = shared === undefined ? factors : wanted.map((_, j) => factors[shared[j]]);
    for (const weight of weights) {
      for (let i = 0; i < weight.length; i++) weight[i] *= each[i % known.k];
    }
    smoothed.set(input, scaled(known, each));
  }
  return smoothed;
}

/** Which value channel each input of the output projection is made of. */
function valueChannels({ heads, kvHeads, headDim }: ModelConfig): Int32Array {
  return Int32Array.from({ length: heads * headDim }, (_, j) => {
    const head = Math.floor(Math.floor(j / headDim) / (heads / kvHeads));
    return head * headDim + (j % headDim);
  });
}

function firstOfEach(factors: Float32Array, shared: Int32Array): Float32Array {
  const out = new Float32Array(shared.reduce((most, to) => Math.max(most, to), 0) + 1);
  shared.forEach((to, j) => out[to] = factors[j]);
  return out;
}

/**
 * Divides what makes an input by `factors`; returns the factors that it took once rounded to its dtype, which
 * the readers must then be multiplied with.
 */
function shrink(floats: Floats, maker: string, factors: Float32Array): Float32Array {
  const { values, dtype, shape } = floats.get(`${maker}.weight`)!;
  if (shape.length === 1) {
    return factors.map((factor, j) => {
      const [rounded] = toF32(encodeFloats(Float32Array.of(values[j] / factor), dtype), dtype);
      if (rounded === 0 || !Number.isFinite(rounded)) return 1;
      const taken = values[j] / rounded;
      values[j] = rounded;
      return taken;
    });
  }
  const bias = floats.get(`${maker}.bias`)?.values;
  factors.forEach((factor, row) => {
    for (let j = row * shape[1]; j < (row + 1) * shape[1]; j++) values[j] /= factor;
    if (bias !== undefined) bias[row] /= factor;
  });
  return factors;
}

/** The statistics of inputs that are divided by `factors`; the Hessian, too large for two, is changed in place. */
function scaled(known: InputStatistics, factors: Float32Array): InputStatistics {
  const { k, hessian } = known;
  for (let i = 0, at = 0; i < k; i++) {
    for (let j = 0; j < k; j++, at++) hessian[at] /= factors[i] * factors[j];
  }
  return {
    k,
    hessian,
    squares: known.squares.map((value, j) => value / (factors[j] * factors[j])),
    absmax: known.absmax.map((value, j) => value / factors[j]),
    sample: known.sample.map((value, at) => value / factors[at % k]),
  };
}
