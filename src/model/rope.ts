/**
 * Rotary position embedding: the table of cosines and sines, with every supported scaling.
 *
 * @module
 */
import type { ModelConfig, RopeScaling } from "../checkpoint/config/config.ts";
import type { Scratch, Tensor } from "../device/mod.ts";

/** Frequencies of the head_dim/2 rotated pairs, and the factor that cosines and sines are scaled by. */
interface Frequencies {
  readonly inverse: Float32Array;
  readonly factor: number;
}

/**
 * The table that `ropeKv` reads: f32 [positions, headDim], cosines of headDim/2 frequencies, then their
 * sines. Angles are products of f32 numbers, as in Hugging Face `transformers`. `context` is the
 * longest planned text, which the scaling `dynamic` depends on.
 */
export function ropeTable(
  config: ModelConfig,
  positions: number,
  context: number,
): Float32Array<ArrayBuffer> {
  const half = config.headDim / 2;
  const { inverse, factor } = frequencies(config, context);
  const table = new Float32Array(positions * config.headDim);
  for (let p = 0; p < positions; p++) {
    const row = p * config.headDim;
    for (let j = 0; j < half; j++) {
      const angle = Math.fround(p * inverse[j]);
      table[row + j] = Math.cos(angle) * factor;
      table[row + half + j] = Math.sin(angle) * factor;
    }
  }
  return table;
}

/** That table on a device. */
export function ropeTensor(
  scratch: Scratch,
  config: ModelConfig,
  positions: number,
  context: number,
): Tensor<"f32"> {
  const table = () => ropeTable(config, positions, context);
  return scratch.fromHost("f32", [positions, config.headDim], table);
}

function frequencies(config: ModelConfig, context: number): Frequencies {
  const { headDim, ropeTheta, ropeScaling } = config;
  const plain = inverseFrequencies(headDim, ropeTheta);
  switch (ropeScaling?.type) {
    case undefined:
      return { inverse: plain, factor: 1 };
    case "linear":
      return { inverse: plain.map((f) => f / ropeScaling.factor), factor: 1 };
    case "llama3":
      return { inverse: plain.map((f) => llama3(f, ropeScaling)), factor: 1 };
    case "dynamic": {
      // The base grows with the longest text: here the planned one, so that no position's angle
      // changes while a text grows.
      const { factor, originalMaxPositions } = ropeScaling;
      const length = Math.max(context, originalMaxPositions);
      const stretch = (factor * length) / originalMaxPositions - (factor - 1);
      const theta = ropeTheta * stretch ** (headDim / (headDim - 2));
      return { inverse: inverseFrequencies(headDim, theta), factor: 1 };
    }
    case "factors":
      return { inverse: plain.map((f, j) => f / ropeScaling.factors[j]), factor: 1 };
    case "yarn":
      return yarn(plain, headDim, ropeTheta, ropeScaling);
  }
}

function inverseFrequencies(headDim: number, theta: number): Float32Array {
  return Float32Array.from({ length: headDim / 2 }, (_, j) => 1 / theta ** ((2 * j) / headDim));
}

/** Llama 3.1: low frequencies are divided by `factor`, high ones kept, those between blended. */
function llama3(frequency: number, scaling: RopeScaling & { type: "llama3" }): number {
  const { factor, lowFreqFactor, highFreqFactor, originalMaxPositions } = scaling;
  const wavelength = (2 * Math.PI) / frequency;
  if (wavelength > originalMaxPositions / lowFreqFactor) return frequency / factor;
  if (wavelength < originalMaxPositions / highFreqFactor) return frequency;
  const smooth = (originalMaxPositions / wavelength - lowFreqFactor) /
    (highFreqFactor - lowFreqFactor);
  return ((1 - smooth) * frequency) / factor + smooth * frequency;
}

/** YaRN (arXiv 2309.00071): interpolated and plain frequencies blended by how often a pair turns. */
function yarn(
  plain: Float32Array,
  headDim: number,
  theta: number,
  scaling: RopeScaling & { type: "yarn" },
): Frequencies {
  const { factor, originalMaxPositions, betaFast, betaSlow, truncate } = scaling;
  const pairOf = (turns: number): number =>
    (headDim * Math.log(originalMaxPositions / (turns * 2 * Math.PI))) / (2 * Math.log(theta));
  const [first, last] = [pairOf(betaFast), pairOf(betaSlow)];
  const low = Math.max(truncate ? Math.floor(first) : first, 0);
  let high = Math.min(truncate ? Math.ceil(last) : last, headDim - 1);
  if (low === high) high += 0.001;
  const inverse = plain.map((frequency, j) => {
    const ramp = Math.min(Math.max((j - low) / (high - low), 0), 1);
    return (frequency / factor) * ramp + frequency * (1 - ramp);
  });
  return { inverse, factor: scaling.attentionFactor ?? attentionFactor(scaling) };
}

/** What cosines and sines are scaled by where the configuration does not say; `mscale` counts with its partner only. */
function attentionFactor(
  { factor, mscale, mscaleAllDim }: RopeScaling & { type: "yarn" },
): number {
  const scale = (by: number): number => factor <= 1 ? 1 : 0.1 * by * Math.log(factor) + 1;
  if (mscale === undefined || mscaleAllDim === undefined) return scale(1);
  return scale(mscale) / scale(mscaleAllDim);
}
