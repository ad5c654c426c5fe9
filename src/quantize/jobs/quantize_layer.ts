/**
 * Quantizes the linear layers of one decoder layer.
 *
 * @module
 */
import { ArgumentError, CheckpointError } from "../../base/errors.ts";
import type { TensorToWrite } from "../../checkpoint/containers/safetensors_writer.ts";
import type { Device } from "../../device/mod.ts";
import type { Coded } from "../grids/coded.ts";
import { gptq, type GptqInputs, gptqInputs, type GptqOptions } from "../methods/gptq.ts";
import type { Method } from "../methods/method.ts";
import type { Quantizer } from "../quantizers/quantizer.ts";
import type { RowPool } from "../rows/row_pool.ts";
import { roundToNearest } from "../methods/rtn.ts";
import { READERS } from "./layer_plan.ts";
import type { LayerInput } from "./layer_runner.ts";
import type { InputStatistics } from "./statistics.ts";
import { type Floats, floatToWrite } from "./tensors.ts";

/** How to quantize. */
export interface LayerOptions {
  /** The scheme. */
  readonly quantizer: Pick<Quantizer, "draft">;
  /** How codes are chosen. */
  readonly method: Method;
  /** For GPTQ. */
  readonly gptq: GptqOptions;
  /** Where GPTQ's products run; only it needs one. */
  readonly device?: Device;
  /** The threads that share the rows of a weight. */
  readonly pool: RowPool;
}

/**
 * Quantizes the linear layers of layer `prefix` of `floats`, whose weights become the values of their codes.
 * Yields after each linear layer; returns the tensors to write, all others of the layer as they are.
 * `statistics` are taken out one by one, as a Hessian may be too large to keep. `file` is for messages.
 */
export function* quantizeLayer(
  floats: Floats,
  prefix: string,
  statistics: Map<LayerInput, InputStatistics>,
  options: LayerOptions,
  file: string,
): Generator<void, TensorToWrite[]> {
  const out = new Map<string, TensorToWrite[]>();
  for (const { input, linears } of READERS) {
    const prefixes = linears.map((linear) => `${prefix}.${linear}`);
    const known = statistics.get(input);
    statistics.delete(input);
    for (const [name, tensors] of quantizeReaders(floats, prefixes, known, options, file)) {
      out.set(name, tensors);
      yield;
    }
  }
  return [...floats].flatMap(([name, tensor]) => out.get(name) ?? [floatToWrite(name, tensor)]);
}

/**
 * Quantizes the linear layers called `prefixes`, which read one input, of which `statistics` are known; their weights in
 * `floats` become the values of their codes. Yields the name of each weight with the tensors that take its place.
 */
export function* quantizeReaders(
  floats: Floats,
  prefixes: readonly string[],
  statistics: InputStatistics | undefined,
  options: LayerOptions,
  file: string,
): Generator<readonly [name: string, tensors: TensorToWrite[]]> {
  using known = learn(statistics, options);
  for (const prefix of prefixes) {
    const name = `${prefix}.weight`;
    const weight = floats.get(name)!;
    const draft = options.quantizer.draft(weight.shape[0], weight.shape[1]);
    const coded = named(file, name, () => choose(weight.values, draft, known, options.pool));
    yield [name, draft.tensors(prefix, coded)];
  }
}

/** What is known of an input once its Hessian is gone. */
interface Known extends Disposable {
  readonly inputs?: GptqInputs;
  readonly importance?: Float32Array;
}

/** Makes of statistics what the method needs. */
function learn(
  found: InputStatistics | undefined,
  { method, gptq, device }: LayerOptions,
): Known {
  const inputs = method.gptq ? gptqInputs(device!, found!.hessian, found!.k, gptq) : undefined;
  return { inputs, importance: found?.squares, [Symbol.dispose]: () => inputs?.[Symbol.dispose]() };
}

/** Codes of a weight, whose values take its place. */
function choose(
  weight: Float32Array,
  { grid }: ReturnType<Quantizer["draft"]>,
  { inputs, importance }: Known,
  pool: RowPool,
): Coded {
  const options = { pool, values: weight };
  return inputs === undefined
    ? { codes: roundToNearest(weight, grid, { ...options, importance }) }
    : gptq(weight, grid, inputs, options);
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
