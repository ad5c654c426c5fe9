/**
 * Runs a layer over calibration text and gathers what its linear layers read.
 *
 * @module
 */
import type { ActivationDType } from "../../base/dtype.ts";
import type { TensorSource } from "../../checkpoint/containers/source.ts";
import type { Device, Tensor } from "../../device/mod.ts";
import type { LoadedStates } from "./hidden_states.ts";
import { READERS } from "./layer_plan.ts";
import { INPUTS, type LayerInput, type LayerRunner } from "./layer_runner.ts";
import { InputObserver, type InputStatistics } from "./statistics.ts";

/** Yields the tokens done; returns the statistics of each input of layer `prefix` of `source`. */
export function* observeLayer(
  device: Device,
  runner: LayerRunner,
  source: TensorSource,
  prefix: string,
  dtype: ActivationDType,
  hidden: LoadedStates,
): Generator<number, Map<LayerInput, InputStatistics>> {
  using observers = new DisposableStack();
  const known = new Map(INPUTS.map((input) => {
    const observer = new InputObserver(
      device,
      dtype,
      widthOf(source, prefix, input),
      hidden.tokens,
    );
    return [input, observers.use(observer)] as const;
  }));
  const { lengths, rows } = hidden;
  yield* runner.run(source, prefix, lengths, rows, false, (input, x, stream) => {
    known.get(input)!.add(x, stream && sizesOf(device, stream));
  });
  return new Map([...known].map(([input, observer]) => [input, observer.finish()]));
}

/** Inputs of the linear layers that read `input`. */
function widthOf(source: TensorSource, prefix: string, input: LayerInput): number {
  const { linears } = READERS.find((readers) => readers.input === input)!;
  return source.info(`${prefix}.${linears[0]}.weight`).shape[1];
}

/** The root mean square of each row of a residual stream, f32 [rows, hidden]. */
export function sizesOf(device: Device, stream: Tensor): Float64Array {
  const values = new Float32Array(device.download(stream).buffer);
  const [count, width] = stream.shape;
  return Float64Array.from({ length: count }, (_, row) => {
    let sum = 0;
    for (let i = row * width; i < (row + 1) * width; i++) sum += values[i] * values[i];
    return Math.sqrt(sum / width);
  });
}
