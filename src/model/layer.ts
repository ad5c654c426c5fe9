/**
 * One decoder layer: attention and a gated MLP on a residual stream.
 *
 * @module
 */
import type { ModelConfig } from "../checkpoint/config.ts";
import { type Device, reshape, rows, type Tensor } from "../device/mod.ts";
import { attention, convert, type Epilogue, rmsNorm, ropeKv, siluMul } from "../ops/mod.ts";
import {
  checkFloat,
  checkLinear,
  type Linear,
  type LinearPart,
  loadLinear,
  type StoredWeights,
  type WeightLoader,
} from "../quant/mod.ts";
import type { Step } from "./step.ts";
import type { Workspace } from "./workspace.ts";

/** The weights of a layer. */
export interface Layer {
  /** Weight of the norm before attention, [hidden]; an EAGLE-2 head has none. */
  readonly inputNorm?: Tensor;
  /** Weight of the norm before the MLP, [hidden]. */
  readonly mlpNorm: Tensor;
  /** Weights of the norms of each query and key head, [headDim] (Qwen3). */
  readonly qNorm?: Tensor;
  /** See `qNorm`. */
  readonly kNorm?: Tensor;
  /** hidden -> (heads + 2 kvHeads) headDim. */
  readonly qkv: Linear;
  /** heads headDim -> hidden. */
  readonly output: Linear;
  /** hidden -> 2 intermediate. */
  readonly gateUp: Linear;
  /** intermediate -> hidden. */
  readonly down: Linear;
}

/** What a layer of `config` stores under `prefix`. */
interface LayerTensors {
  readonly linears: readonly (readonly LinearPart[])[];
  readonly norms: readonly { readonly name: string; readonly size: number }[];
}

function tensorsOf(config: ModelConfig, prefix: string, inputNorm: boolean): LayerTensors {
  const { hiddenSize: hidden, intermediateSize: inter, heads, kvHeads, headDim } = config;
  const attn = `${prefix}.self_attn`;
  const part = (name: string, n: number, k: number, bias: boolean): LinearPart => ({
    prefix: name,
    n,
    k,
    bias,
  });
  return {
    linears: [
      [
        part(`${attn}.q_proj`, heads * headDim, hidden, config.qkvBias),
        part(`${attn}.k_proj`, kvHeads * headDim, hidden, config.qkvBias),
        part(`${attn}.v_proj`, kvHeads * headDim, hidden, config.qkvBias),
      ],
      [part(`${attn}.o_proj`, hidden, heads * headDim, config.outputBias)],
      [
        part(`${prefix}.mlp.gate_proj`, inter, hidden, config.mlpBias),
        part(`${prefix}.mlp.up_proj`, inter, hidden, config.mlpBias),
      ],
      [part(`${prefix}.mlp.down_proj`, hidden, inter, config.mlpBias)],
    ],
    norms: [
      { name: `${prefix}.post_attention_layernorm.weight`, size: hidden },
      ...(inputNorm ? [{ name: `${prefix}.input_layernorm.weight`, size: hidden }] : []),
      ...(config.qkNorm
        ? [
          { name: `${attn}.q_norm.weight`, size: headDim },
          { name: `${attn}.k_norm.weight`, size: headDim },
        ]
        : []),
    ],
  };
}

/** Checks the tensors of a layer; returns their bytes on a device. Reads no weights. */
export function checkLayer(
  weights: StoredWeights,
  config: ModelConfig,
  prefix: string,
  inputNorm = true,
): number {
  const { linears, norms } = tensorsOf(config, prefix, inputNorm);
  for (const { name, size } of norms) checkFloat(weights, name, [size]);
  return linears.reduce((sum, parts) => sum + checkLinear(weights, parts), 0) +
    norms.reduce((sum, { size }) => sum + size * 2, 0);
}

/** Loads the layer whose tensors begin with `prefix`. */
export function loadLayer(
  loader: WeightLoader,
  config: ModelConfig,
  prefix: string,
  inputNorm = true,
): Layer {
  const { linears } = tensorsOf(config, prefix, inputNorm);
  const norm = (name: string, size: number): Tensor =>
    loader.float(`${prefix}.${name}.weight`, [size]);
  const [qkv, output, gateUp, down] = linears.map((parts) => loadLinear(loader, parts));
  return {
    inputNorm: inputNorm ? norm("input_layernorm", config.hiddenSize) : undefined,
    mlpNorm: norm("post_attention_layernorm", config.hiddenSize),
    qNorm: config.qkNorm ? norm("self_attn.q_norm", config.headDim) : undefined,
    kNorm: config.qkNorm ? norm("self_attn.k_norm", config.headDim) : undefined,
    qkv,
    output,
    gateUp,
    down,
  };
}

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
  /** Where the rows stand. */
  readonly step: Step;
}

/** Queues a linear layer with the scratch that it needs. */
export function queueLinear(
  space: Workspace,
  linear: Linear,
  y: Tensor,
  x: Tensor,
  epilogue: Epilogue,
): void {
  const scratch = linear.scratch > 0
    ? reshape(rows(space.scratch!, 0, space.rows * linear.scratch), [space.rows, linear.scratch])
    : undefined;
  linear.queue(y, x, epilogue, scratch);
}

/** Queues one layer on the residual stream; keys and values go to the caches. */
export function queueLayer(
  context: LayerContext,
  layer: Layer,
  keys: Tensor,
  values: Tensor,
): void {
  const { device, config, space, rope, step } = context;
  const { heads, kvHeads, headDim, rmsNormEps: eps } = config;
  const run = (linear: Linear, y: Tensor, x: Tensor, epilogue: Epilogue): void =>
    queueLinear(space, linear, y, x, epilogue);

  if (layer.inputNorm) rmsNorm(device, space.normed, space.residual, layer.inputNorm, eps);
  else convert(device, space.normed, space.residual);
  run(layer.qkv, space.qkv, space.normed, "store");
  ropeKv(device, space.qkv, {
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
  attention(device, space.attended, space.qkv, {
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
  run(layer.output, space.residual, space.attended, "residual");
  rmsNorm(device, space.normed, space.residual, layer.mlpNorm, eps);
  run(layer.gateUp, space.gateUp, space.normed, "store");
  siluMul(device, space.activated, space.gateUp);
  run(layer.down, space.residual, space.activated, "residual");
}
