/**
 * The scheme without quantization: weights in the activation dtype, from f16, bf16 or f32 files.
 *
 * @module
 */
import type { StoredFloat } from "../checkpoint/formats/stored_linear.ts";
import { rows, type Tensor } from "../device/mod.ts";
import { gatherRows, gemmF16 } from "../ops/mod.ts";
import { asRows } from "./activation.ts";
import type { WeightLoader } from "./loader.ts";
import type { Linear, Scheme, StoredPart } from "./scheme.ts";

/** Makes a linear layer of a weight [n, k] that is on the device already. */
export function f16Linear(loader: WeightLoader, weight: Tensor, bias?: Tensor): Linear {
  const [n, k] = weight.shape;
  const { device } = loader;
  return {
    n,
    k,
    bytes: n * k * 2,
    activationForm: "rows",
    scratch: 0,
    queue(y, x, epilogue): void {
      gemmF16(device, y, asRows(x), weight, { bias, epilogue });
    },
    queueWeights: (out, index) => gatherRows(device, out, weight, index),
  };
}

/** Outputs of layers that read the same input. */
export function outputsOf(parts: readonly StoredPart[]): number {
  return parts.reduce((sum, { stored }) => sum + stored.n, 0);
}

/** Loads the biases of `parts` behind one another, zeros where a part has none; undefined if all have none. */
export function loadBias(loader: WeightLoader, parts: readonly StoredPart[]): Tensor | undefined {
  if (!parts.some((part) => part.bias)) return undefined;
  const n = outputsOf(parts);
  const bias = loader.arena.fromHost(loader.dtype, [n], new Uint8Array(n * 2));
  let at = 0;
  for (const { stored, bias: has } of parts) {
    if (has) loader.floatInto(rows(bias, at, at + stored.n), `${stored.prefix}.bias`, [stored.n]);
    at += stored.n;
  }
  return bias;
}

/** The scheme F16. */
export const f16: Scheme<StoredFloat> = {
  kind: "f16",
  activationForm: "rows",
  bytes: ({ n, k }) => n * k * 2,
  scratch: () => 0,
  describe: ({ dtype }) => dtype,
  load(loader, parts) {
    const [{ stored: { prefix, k } }] = parts;
    const weight = loader.arena.allocate(loader.dtype, [outputsOf(parts), k], prefix);
    let at = 0;
    for (const { stored: { prefix, n } } of parts) {
      loader.floatInto(rows(weight, at, at + n), `${prefix}.weight`, [n, k]);
      at += n;
    }
    return f16Linear(loader, weight, loadBias(loader, parts));
  },
};
