/**
 * A head of which some linear layers are quantized: what those behind them are calibrated on.
 *
 * @module
 */
import { Fields } from "../../checkpoint/containers/json.ts";
import { sourceOf, type TensorSource } from "../../checkpoint/containers/source.ts";
import { parseQuantization } from "../../checkpoint/formats/quantization.ts";
import type { Head } from "../../checkpoint/head.ts";

/**
 * `head` with the tensors of `parts` in place of the weights called `replaced`, described by `quantization`, a `quantization_config`
 * as its file will have it. It closes the parts, and not the head.
 */
export function partialHead(
  head: Head,
  parts: readonly TensorSource[],
  replaced: ReadonlySet<string>,
  quantization: Readonly<Record<string, unknown>>,
): Head {
  const tensors = joined(parts, without(head.tensors, replaced));
  return {
    ...head,
    tensors,
    ...(replaced.size > 0 && {
      quantization: parseQuantization(new Fields(head.dir, quantization), tensors),
    }),
    [Symbol.dispose]: () => parts.forEach((part) => part[Symbol.dispose]()),
  };
}

/** The tensors of `source` but those called `names`. */
function without(source: TensorSource, names: ReadonlySet<string>): TensorSource {
  return sourceOf({
    file: source.file,
    names: () => source.names().filter((name) => !names.has(name)),
    find: (name) => names.has(name) ? undefined : source.find(name),
    fill: ({ name }, offset, into) => source.readInto(name, offset, into),
    why: (name) => source.whyAbsent(name),
    close: () => {},
  });
}

/** The tensors of all of `parts`, and of `rest`. */
function joined(parts: readonly TensorSource[], rest: TensorSource): TensorSource {
  const all = [...parts, rest];
  const owner = (name: string) => all.find((one) => one.find(name) !== undefined);
  return sourceOf({
    file: rest.file,
    names: () => all.flatMap((one) => one.names()),
    find: (name) => owner(name)?.find(name),
    fill: ({ name }, offset, into) => owner(name)!.readInto(name, offset, into),
    why: (name) => rest.whyAbsent(name),
    close: () => {},
  });
}
