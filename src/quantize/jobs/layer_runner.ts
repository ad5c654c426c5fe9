/**
 * Runs one decoder layer after the other over calibration text, each loaded from memory.
 *
 * @module
 */
import type { ActivationDType } from "../../base/dtype.ts";
import type { ModelConfig } from "../../checkpoint/config/config.ts";
import type { TensorSource } from "../../checkpoint/containers/source.ts";
import { Arena, type Device, rows, type Tensor } from "../../device/mod.ts";
import { checkLayer, type Layer, loadLayer } from "../../model/layer.ts";
import { queueLayer } from "../../model/queue_layer.ts";
import { ropeTensor } from "../../model/rope.ts";
import { cut, type Workspace, workspace } from "../../model/workspace.ts";
import { asRows } from "../../quant/activation.ts";
import { type Linear, WeightLoader } from "../../quant/mod.ts";

/** The four places of a layer where linear layers read. */
export const INPUTS = ["qkv", "output", "gateUp", "down"] as const;

/** One of them. */
export type LayerInput = typeof INPUTS[number];

/**
 * Hears the input of linear layers, activation dtype [rows, k], and where what they give is added to the residual
 * stream the stream behind that, f32 [rows, hidden]. Both are valid during the call.
 */
export type Observer = (input: LayerInput, x: Tensor, stream?: Tensor) => void;

/** What layers without quantization need. */
const NEEDS = {
  normedQuantized: false,
  activatedRows: true,
  activatedQuantized: false,
  scratch: 0,
  logitsScratch: 0,
};

/** Buffers for one layer at a time. */
export class LayerRunner implements Disposable {
  readonly #device: Device;
  readonly #config: ModelConfig;
  readonly #dtype: ActivationDType;
  readonly #arena: Arena;
  readonly #space: Workspace;
  readonly #keys: Tensor;
  readonly #values: Tensor;
  readonly #rope: Tensor<"f32">;
  readonly #start: Tensor<"i32">;

  /** Allocates for texts of up to `longest` tokens. */
  constructor(device: Device, config: ModelConfig, dtype: ActivationDType, longest: number) {
    this.#device = device;
    this.#config = config;
    this.#dtype = dtype;
    const arena = new Arena(device, "calibration");
    this.#arena = arena;
    try {
      const sizes = { rows: longest, logitsRows: 0, slots: longest };
      this.#space = workspace(device, arena, config, dtype, sizes, NEEDS);
      const cache = [longest, config.kvHeads, config.headDim];
      this.#keys = arena.allocate(dtype, cache, "keys");
      this.#values = arena.allocate(dtype, cache, "values");
      this.#rope = ropeTensor(arena, config, longest, longest);
      this.#start = arena.fromHost("i32", [1], new Int32Array(1));
    } catch (error) {
      arena[Symbol.dispose]();
      throw error;
    }
  }

  /**
   * Runs the layer whose float tensors of `source` begin with `prefix` over texts of `lengths` tokens, whose
   * rows lie behind one another in `hidden` f32 [tokens, hidden]: what comes out replaces them where
   * `replace` says so. Yields after each text: the tokens done.
   */
  *run(
    source: TensorSource,
    prefix: string,
    lengths: readonly number[],
    hidden: Float32Array,
    replace: boolean,
    observer?: Observer,
  ): Generator<number> {
    const device = this.#device;
    const weights = { source };
    const { bytes } = checkLayer(weights, this.#config, prefix);
    using arena = new Arena(device, prefix);
    using loader = new WeightLoader(device, arena, weights, this.#dtype, bytes);
    const loaded = loadLayer(loader, this.#config, prefix);
    const layer = observer === undefined ? loaded : observed(loaded, observer);
    loader.finish();
    const width = this.#config.hiddenSize;
    let done = 0;
    for (const length of lengths) {
      const space = cut(this.#space, length);
      const own = hidden.subarray(done * width, (done + length) * width);
      device.upload(rows(space.residual, 0, length), own);
      const step = { rows: length, cacheLength: this.#start };
      const context = { device, config: this.#config, space, rope: this.#rope };
      queueLayer(context, layer, [{ step, keys: this.#keys, values: this.#values }]);
      if (replace) device.downloadInto(own, space.residual);
      done += length;
      yield done;
    }
    device.synchronize();
  }

  /** Frees the buffers. */
  [Symbol.dispose](): void {
    this.#arena[Symbol.dispose]();
  }
}

/** The same layer, which tells what its linear layers read. */
function observed(layer: Layer, observer: Observer): Layer {
  const watch = (linear: Linear, input: LayerInput): Linear => ({
    ...linear,
    queue(y, x, epilogue, scratch) {
      linear.queue(y, x, epilogue, scratch);
      observer(input, asRows(x), epilogue === "residual" ? y : undefined);
    },
  });
  return {
    ...layer,
    qkv: watch(layer.qkv, "qkv"),
    output: watch(layer.output, "output"),
    gateUp: watch(layer.gateUp, "gateUp"),
    down: watch(layer.down, "down"),
  };
}
