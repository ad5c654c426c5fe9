/**
 * Shapes of well-known models, for models that are made up.
 *
 * @module
 */
import { ArgumentError } from "../../base/errors.ts";
import type { ModelConfig } from "../config/config.ts";

const LLAMA3: Omit<ModelConfig, "hiddenSize" | "intermediateSize" | "layers" | "heads"> = {
  architecture: "llama",
  vocabSize: 128256,
  kvHeads: 8,
  headDim: 128,
  rmsNormEps: 1e-5,
  ropeTheta: 500000,
  maxPositions: 8192,
  tiedEmbeddings: false,
  qkvBias: false,
  outputBias: false,
  mlpBias: false,
  qkNorm: false,
  torchDtype: "float16",
  bosTokenId: 128000,
  eosTokenIds: [128001],
};

const LLAMA32: typeof LLAMA3 = {
  ...LLAMA3,
  tiedEmbeddings: true,
  ropeScaling: {
    type: "llama3",
    factor: 32,
    lowFreqFactor: 1,
    highFreqFactor: 4,
    originalMaxPositions: 8192,
  },
};

const LLAMA3_8B: ModelConfig = {
  ...LLAMA3,
  hiddenSize: 4096,
  intermediateSize: 14336,
  layers: 32,
  heads: 32,
};

const LLAMA3_70B: ModelConfig = {
  ...LLAMA3,
  hiddenSize: 8192,
  intermediateSize: 28672,
  layers: 80,
  heads: 64,
};

/** Models by the names of their families and sizes, at a context of 8192. */
export const MODEL_SHAPES: Readonly<Record<string, ModelConfig>> = {
  "llama-3-8b": LLAMA3_8B,
  "llama-3-70b": LLAMA3_70B,
  "llama-3.2-1b": {
    ...LLAMA32,
    hiddenSize: 2048,
    intermediateSize: 8192,
    layers: 16,
    heads: 32,
    headDim: 64,
  },
  "llama-3.2-3b": {
    ...LLAMA32,
    hiddenSize: 3072,
    intermediateSize: 8192,
    layers: 28,
    heads: 24,
  },
  "qwen2.5-7b": {
    ...LLAMA3,
    architecture: "qwen2",
    vocabSize: 152064,
    hiddenSize: 3584,
    intermediateSize: 18944,
    layers: 28,
    heads: 28,
    kvHeads: 4,
    rmsNormEps: 1e-6,
    ropeTheta: 1000000,
    qkvBias: true,
    bosTokenId: 151643,
    eosTokenIds: [151645, 151643],
  },
  "qwen3-8b": {
    ...LLAMA3,
    architecture: "qwen3",
    vocabSize: 151936,
    hiddenSize: 4096,
    intermediateSize: 12288,
    layers: 36,
    heads: 32,
    rmsNormEps: 1e-6,
    ropeTheta: 1000000,
    qkNorm: true,
    bosTokenId: 151643,
    eosTokenIds: [151645, 151643],
  },
};

/** The shape called `name`; an ArgumentError lists the names where there is none. */
export function modelShape(name: string): ModelConfig {
  if (Object.hasOwn(MODEL_SHAPES, name)) return MODEL_SHAPES[name];
  const known = Object.keys(MODEL_SHAPES).join(", ");
  throw new ArgumentError(
    "shape",
    `Cannot make up a model: the shape is "${name}", expected ${known}`,
  );
}
