/**
 * Quantizes the linear layers of one decoder layer.
 *
 * @module
 */
import { ArgumentError, CheckpointError } from "../../base/errors.ts";
import type { TensorToWrite } from "../../checkpoint/safetensors_writer.ts";
import {
  type Coded,
  gptq,
  type GptqInputs,
  gptqInputs,
  type GptqOptions,
} from "../../quant/quantizers/gptq.ts";
import { valuesOf } from "../../quant/quantizers/grid.ts";
import type { Method } from "../../quant/quantizers/method.ts";
import type { Quantizer } from "../../quant/quantizers/quantizer.ts";
import { roundToNearest } from "../../quant/quantizers/rtn.ts";
import { READERS } from "./layer_plan.ts";
import type { LayerInput } from "./layer_runner.ts";
import type { InputStatistics } from "./statistics.ts";
import { type Floats, floatToWrite } from "./tensors.ts";

/** How to quantize. */
export interface LayerOptions {
  /** The scheme. */
  readonly quantizer: Quantizer;
  /** How codes are chosen. */
  readonly method: Method;
  /** For GPTQ. */
  readonly gptq: GptqOptions;
}

/**
 * Quantizes the linear layers of layer `prefix` of `floats`, whose weights become the values of their codes.
 * Yields after each linear layer; returns the tensors to write, all others of the layer as they are.
 * `file` is for messages.
 */
export function* quantizeLayer(
  floats: Floats,
  prefix: string,
  statistics: ReadonlyMap<LayerInput, InputStatistics>,
  options: LayerOptions,
  file: string,
): Generator<void, TensorToWrite[]> {
  const { quantizer, method } = options;
  const out = new Map<string, TensorToWrite[]>();
  for (const { input, linears } of READERS) {
    const known = statistics.get(input);
    const inputs = method.gptq ? gptqInputs(known!.hessian, known!.k, options.gptq) : undefined;
    for (const linear of linears) {
      const name = `${prefix}.${linear}.weight`;
      const weight = floats.get(name)!;
      const draft = quantizer.draft(weight.shape[0], weight.shape[1]);
      const coded = named(file, name, () => choose(weight.values, draft, inputs, known?.squares));
      weight.values.set(valuesOf(draft.grid, coded.codes, coded.groupOf));
      out.set(name, draft.tensors(name.slice(0, -".weight".length), coded));
      yield;
    }
  }
  return [...floats].flatMap(([name, tensor]) => out.get(name) ?? [floatToWrite(name, tensor)]);
}

function choose(
  weight: Float32Array,
  { grid }: ReturnType<Quantizer["draft"]>,
  inputs: GptqInputs | undefined,
  importance: Float32Array | undefined,
): Coded {
  return inputs === undefined
    ? { codes: roundToNearest(weight, grid, importance) }
    : gptq(weight, grid, inputs);
}

/** Runs `work`; what it finds wrong is said of the tensor. */
function named<T>(file: string, tensor: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (!(cause instanceof ArgumentError)) throw cause;
    throw new CheckpointError(file, cause.message, tensor, { cause });
  }
}
