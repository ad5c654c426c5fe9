/**
 * One decoder layer at work on a residual stream, whose rows may be of several sequences, each with its own caches.
 *
 * @module
 */
import type { ModelConfig } from "../checkpoint/config/config.ts";
import type { Device, Tensor } from "../device/mod.ts";
import {
  attention,
  convert,
  type Epilogue,
  quantizeRows,
  rmsNorm,
  rmsNormQuantized,
  ropeKv,
  siluMul,
  siluMulQuantized,
} from "../ops/mod.ts";
import { type Activations, type Linear, quantizedRowsIn } from "../quant/mod.ts";
import type { Layer } from "./layer.ts";
import type { Step } from "./step.ts";
import { cut, type Workspace } from "./workspace.ts";

/** What a layer shares with the other layers of a forward. */
export interface LayerContext {
  /** The device. */
  readonly device: Device;
  /** Shapes. */
  readonly config: ModelConfig;
  /** Buffers, cut to the rows of the step. */
  readonly space: Workspace;
  /** The table of `ropeTable`, on the device. */
  readonly rope: Tensor<"f32">;
}

/** The rows of one sequence in a forward. */
export interface SequenceRows {
  /** Where they stand. */
  readonly step: Step;
  /** Keys of the layer, activation dtype [slots, kvHeads, headDim]. */
  readonly keys: Tensor;
  /** Values of the layer, likewise. */
  readonly values: Tensor;
}

/** Calls `queue` for each of `sequences`, whose rows lie one behind another, with the buffers cut to its rows. */
function eachOf(
  { space }: LayerContext,
  sequences: readonly SequenceRows[],
  queue: (space: Workspace, sequence: SequenceRows) => void,
): void {
  if (sequences.length === 1) return queue(space, sequences[0]);
  let first = 0;
  for (const sequence of sequences) {
    queue(cut(space, sequence.step.rows, first), sequence);
    first += sequence.step.rows;
  }
}

/** Queues a linear layer with the scratch that it needs. */
export function queueLinear(
  { scratch }: Workspace,
  linear: Linear,
  y: Tensor,
  x: Activations,
  epilogue: Epilogue,
): void {
  linear.queue(y, x, epilogue, scratch);
}

/** Queues what `reader` reads of the residual stream: normalised, where there is a weight. */
function queueNorm(
  { device, config, space }: LayerContext,
  reader: Linear,
  weight?: Tensor,
): Activations {
  const { normed, normedQuantized: memory, residual, rows: count } = space;
  const { hiddenSize, rmsNormEps: eps } = config;
  const form = reader.activationForm;
  if (form === "rows" || weight === undefined) {
    if (weight) rmsNorm(device, normed, residual, weight, eps);
    else convert(device, normed, residual);
    if (form === "rows") return normed;
  }
  const quantized = quantizedRowsIn(memory!, form, count, hiddenSize);
  if (weight) rmsNormQuantized(device, quantized, residual, weight, eps);
  else quantizeRows(device, quantized, normed);
  return quantized;
}

/** Queues the gated product, in the form that `reader` reads. */
function queueGate({ device, config, space }: LayerContext, reader: Linear): Activations {
  const form = reader.activationForm;
  if (form === "rows") {
    siluMul(device, space.activated!, space.gateUp);
    return space.activated!;
  }
  const memory = space.activatedQuantized!;
  const quantized = quantizedRowsIn(memory, form, space.rows, config.intermediateSize);
  siluMulQuantized(device, quantized, space.gateUp);
  return quantized;
}

/** Queues the rotation of the queries and keys of a sequence; keys and values go to its caches. */
function queueRotation(
  { device, config: { heads, kvHeads, headDim, rmsNormEps: eps }, rope }: LayerContext,
  layer: Layer,
  { step, keys, values }: SequenceRows,
  qkv: Tensor,
): void {
  ropeKv(device, qkv, {
    table: rope,
    cacheLength: step.cacheLength,
    depths: step.depths,
    positionOffset: step.positionOffset,
    slotOffset: step.slotOffset,
    qNorm: layer.qNorm,
    kNorm: layer.kNorm,
    eps,
    kCache: keys,
    vCache: values,
    heads,
    kvHeads,
    headDim,
  });
}

/** Queues the queries, keys and values of `input`: queries stay in `qkv`, keys and values go to the caches of `sequence`. */
export function queueKeys(
  context: LayerContext,
  layer: Layer,
  sequence: SequenceRows,
  input: Activations,
): void {
  const { space } = context;
  queueLinear(space, layer.qkv, space.qkv, input, "store");
  queueRotation(context, layer, sequence, space.qkv);
}

/**
 * Queues one layer on the residual stream of `sequences`, whose rows lie one behind another; keys and values go to the caches
 * of each. Attention reads `pairs`, activation dtype [rows, 2 hidden], where the layer does.
 */
export function queueLayer(
  context: LayerContext,
  layer: Layer,
  sequences: readonly SequenceRows[],
  pairs?: Tensor,
): void {
  const { device, config, space } = context;
  const { heads, kvHeads, headDim } = config;
  const run = (linear: Linear, y: Tensor, x: Activations, epilogue: Epilogue): void =>
    queueLinear(space, linear, y, x, epilogue);

  run(layer.qkv, space.qkv, pairs ?? queueNorm(context, layer.qkv, layer.inputNorm), "store");
  // Attention right behind the rotation of the same caches begins early on a GPU (decision 20).
  eachOf(context, sequences, ({ attended, qkv }, sequence) => {
    const { step, keys, values } = sequence;
    queueRotation(context, layer, sequence, qkv);
    attention(device, attended, qkv, {
      kCache: keys,
      vCache: values,
      cacheLength: step.cacheLength,
      mask: step.mask,
      slotOffset: step.slotOffset,
      window: config.slidingWindow,
      scale: 1 / Math.sqrt(headDim),
      heads,
      kvHeads,
      headDim,
      workspace: space.attention,
    });
  });
  run(layer.output, space.residual, space.attended, "residual");
  run(layer.gateUp, space.gateUp, queueNorm(context, layer.gateUp, layer.mlpNorm), "store");
  run(layer.down, space.residual, queueGate(context, layer.down), "residual");
}
