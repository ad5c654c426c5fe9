/**
 * The registered schemes, and how a model gets its linear layers from them.
 *
 * @module
 */
import { CheckpointError } from "../base/errors.ts";
import { columns, type Tensor } from "../device/mod.ts";
import type { Epilogue } from "../ops/mod.ts";
import { f16 } from "./f16.ts";
import type { WeightLoader } from "./loader.ts";
import type { Linear, LinearPart, Scheme, StoredWeights } from "./scheme.ts";
import { w4a16 } from "./w4a16.ts";

/** Every scheme, the most particular first: the first that matches a layer's tensors is taken. */
export const SCHEMES: readonly Scheme[] = [w4a16, f16];

/** The scheme that the layer at `prefix` is stored in; throws `CheckpointError` where none fits. */
export function schemeOf(weights: StoredWeights, prefix: string): Scheme {
  const scheme = SCHEMES.find((candidate) => candidate.matches(weights, prefix));
  if (scheme === undefined) {
    throw new CheckpointError(
      weights.source.file,
      `no tensors of the linear layer "${prefix}" are there, expected "${prefix}.weight" ` +
        `or the tensors of a quantization scheme (${SCHEMES.map((s) => s.name).join(", ")})`,
      `${prefix}.weight`,
    );
  }
  return scheme;
}

/** Checks layers that read the same input; returns their bytes on a device. Reads no weights. */
export function checkLinear(weights: StoredWeights, parts: readonly LinearPart[]): number {
  return parts.reduce(
    (sum, part) => sum + schemeOf(weights, part.prefix).check(weights, part),
    0,
  );
}

/** Loads layers that read the same input as one: their outputs lie behind one another. */
export function loadLinear(loader: WeightLoader, parts: readonly LinearPart[]): Linear {
  const schemes = parts.map((part) => schemeOf(loader.weights, part.prefix));
  if (schemes.every((scheme) => scheme === schemes[0])) {
    const fused = schemes[0].load(loader, parts);
    if (fused !== undefined) return fused;
  }
  return joined(parts.map((part, i) => {
    const linear = schemes[i].load(loader, [part]);
    if (linear === undefined) {
      throw new Error(`${schemes[i].name} cannot load ${part.prefix} alone`);
    }
    return linear;
  }));
}

/** Layers that share an input but not a packed weight: each writes its own columns. */
function joined(parts: readonly Linear[]): Linear {
  return {
    n: parts.reduce((sum, part) => sum + part.n, 0),
    k: parts[0].k,
    bytes: parts.reduce((sum, part) => sum + part.bytes, 0),
    scratch: Math.max(...parts.map((part) => part.scratch)),
    queue(y: Tensor, x: Tensor, epilogue: Epilogue, scratch?: Tensor): void {
      let at = 0;
      for (const part of parts) {
        part.queue(columns(y, at, at + part.n), x, epilogue, scratch);
        at += part.n;
      }
    },
  };
}
