/**
 * The scheme without quantization: weights in the activation dtype, from f16, bf16 or f32 files.
 *
 * @module
 */
import { rows, type Tensor } from "../device/mod.ts";
import { type Epilogue, gemmF16 } from "../ops/mod.ts";
import { checkFloat, type WeightLoader } from "./loader.ts";
import type { Linear, LinearPart, Scheme } from "./scheme.ts";

/** Makes a linear layer of a weight [n, k] that is on the device already. */
export function f16Linear(loader: WeightLoader, weight: Tensor, bias?: Tensor): Linear {
  const [n, k] = weight.shape;
  const { device } = loader;
  return {
    n,
    k,
    bytes: n * k * 2,
    scratch: 0,
    queue(y: Tensor, x: Tensor, epilogue: Epilogue): void {
      gemmF16(device, y, x, weight, { bias, epilogue });
    },
  };
}

/** Loads the biases of `parts` behind one another, zeros where a part has none; undefined if all have none. */
export function loadBias(loader: WeightLoader, parts: readonly LinearPart[]): Tensor | undefined {
  if (!parts.some((part) => part.bias)) return undefined;
  const n = parts.reduce((sum, part) => sum + part.n, 0);
  const bias = loader.arena.fromHost(loader.dtype, [n], new Uint8Array(n * 2));
  let at = 0;
  for (const part of parts) {
    if (part.bias) loader.floatInto(rows(bias, at, at + part.n), `${part.prefix}.bias`, [part.n]);
    at += part.n;
  }
  return bias;
}

/** The scheme F16. */
export const f16: Scheme = {
  name: "f16",
  activationForm: "rows",
  matches: (weights, prefix) => weights.source.find(`${prefix}.weight`) !== undefined,
  check(weights, part) {
    checkFloat(weights, `${part.prefix}.weight`, [part.n, part.k]);
    if (part.bias) checkFloat(weights, `${part.prefix}.bias`, [part.n]);
    return (part.n * part.k + (part.bias ? part.n : 0)) * 2;
  },
  describe: (weights, part) => weights.source.info(`${part.prefix}.weight`).dtype,
  load(loader, parts) {
    const n = parts.reduce((sum, part) => sum + part.n, 0);
    const k = parts[0].k;
    const weight = loader.arena.allocate(loader.dtype, [n, k], parts[0].prefix);
    let at = 0;
    for (const part of parts) {
      const slice = rows(weight, at, at + part.n);
      loader.floatInto(slice, `${part.prefix}.weight`, [part.n, k]);
      at += part.n;
    }
    return f16Linear(loader, weight, loadBias(loader, parts));
  },
};
