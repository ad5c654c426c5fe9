/**
 * Runs a layer over calibration text and gathers what its linear layers read.
 *
 * @module
 */
import type { ActivationDType } from "../../base/dtype.ts";
import type { TensorSource } from "../../checkpoint/containers/source.ts";
import type { Device } from "../../device/mod.ts";
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
  yield* runner.run(source, prefix, lengths, rows, false, (input, x) => known.get(input)!.add(x));
  return new Map([...known].map(([input, observer]) => [input, observer.finish()]));
}

/** Inputs of the linear layers that read `input`. */
function widthOf(source: TensorSource, prefix: string, input: LayerInput): number {
  const { linears } = READERS.find((readers) => readers.input === input)!;
  return source.info(`${prefix}.${linears[0]}.weight`).shape[1];
}
