/**
 * The registered schemes, and how a model gets its linear layers from them.
 *
 * @module
 */
import { joinedPrefix } from "../checkpoint/formats/joined.ts";
import { findLinear } from "../checkpoint/formats/quantization.ts";
import type { StoredLinear } from "../checkpoint/formats/stored_linear.ts";
import { columns, type Device } from "../device/mod.ts";
import { factsOfRows, readingRows } from "./activation.ts";
import { blocks } from "./blocks.ts";
import { f16 } from "./f16.ts";
import { fp8 } from "./fp8.ts";
import { checkFloat, type WeightLoader } from "./loader.ts";
import type { Linear, LinearFacts, LinearPart, Scheme, StoredPart } from "./scheme.ts";
import type { StoredWeights } from "./stored_weights.ts";
import { w4a16 } from "./w4a16.ts";
import { w4a8 } from "./w4a8.ts";
import { w8a16 } from "./w8a16.ts";
import { w8a8 } from "./w8a8.ts";

/** Every scheme. A new one is one file and one line here. */
export const SCHEMES: readonly Scheme[] = [f16, w4a16, w8a16, w8a8, fp8, w4a8, blocks] as Scheme[];

function schemeOf(kind: StoredLinear["kind"]): Scheme {
  const scheme = SCHEMES.find((candidate) => candidate.kind === kind);
  if (scheme === undefined) throw new Error(`there is no scheme for layers stored as ${kind}`);
  return scheme;
}

/** Looks up layers that read the same input; one where they are stored as one. */
function storedParts(weights: StoredWeights, parts: readonly LinearPart[]): StoredPart[] {
  const { source, quantization } = weights;
  const joined = joinedPrefix(source, parts.map(({ prefix }) => prefix));
  const wanted = joined === undefined ? parts : [{
    prefix: joined,
    n: parts.reduce((sum, { n }) => sum + n, 0),
    k: parts[0].k,
    bias: parts.some(({ bias }) => bias),
  }];
  return wanted.map(({ prefix, n, k, bias }) => ({
    stored: findLinear(source, quantization, { prefix, n, k }),
    bias,
  }));
}

/** One stored layer and its scheme, for people. */
export interface DescribedLinear {
  /** Prefix of its tensors. */
  readonly prefix: string;
  /** E.g. `w4a16-g128`. */
  readonly scheme: string;
}

/** What is known of layers that read the same input. */
export interface LinearSummary extends LinearFacts {
  /** Each of them as it is stored. */
  readonly layers: readonly DescribedLinear[];
}

/** Checks layers that read the same input, reading no weights. */
export function checkLinear(
  weights: StoredWeights,
  parts: readonly LinearPart[],
): LinearSummary {
  const found = storedParts(weights, parts).map(({ stored, bias }) => {
    const scheme = schemeOf(stored.kind);
    const { prefix, n } = stored;
    if (bias) checkFloat(weights, `${prefix}.bias`, [n]);
    return {
      activationForm: scheme.activationForm,
      scratch: scheme.scratch(stored),
      bytes: scheme.bytes(stored) + (bias ? 2 * n : 0),
      layer: { prefix, scheme: scheme.describe(stored) },
    };
  });
  const facts = inOneForm(found, (one) => factsOfRows(one, parts[0].k));
  return { ...together(facts), layers: found.map(({ layer }) => layer) };
}

/** Loads layers that read the same input as one: their outputs lie behind one another. */
export function loadLinear(loader: WeightLoader, parts: readonly LinearPart[]): Linear {
  const stored = storedParts(loader.weights, parts);
  const linears: Linear[] = [];
  for (let at = 0; at < stored.length;) {
    const { linear, count } = loadSome(loader, stored.slice(at));
    linears.push(linear);
    at += count;
  }
  return linears.length === 1 ? linears[0] : joined(loader.device, linears);
}

/** Loads as many of `parts`, first to last, as share a weight; one at least. */
function loadSome(
  loader: WeightLoader,
  parts: readonly StoredPart[],
): { readonly linear: Linear; readonly count: number } {
  const { kind, prefix } = parts[0].stored;
  const others = parts.findIndex(({ stored }) => stored.kind !== kind);
  for (let count = others < 0 ? parts.length : others; count > 0; count--) {
    const linear = schemeOf(kind).load(loader, parts.slice(0, count));
    if (linear !== undefined) return { linear, count };
  }
  throw new Error(`${prefix} cannot be loaded alone`);
}

/** The same layers where all read one form; where they do not, each is made to read rows. */
function inOneForm<F extends LinearFacts>(parts: readonly F[], toRows: (part: F) => F): F[] {
  const [{ activationForm }] = parts;
  const same = parts.every((part) => part.activationForm === activationForm);
  return same ? [...parts] : parts.map(toRows);
}

/** What is known of layers that read one form, one run after the other. */
function together(parts: readonly LinearFacts[]): LinearFacts {
  return {
    bytes: parts.reduce((sum, { bytes }) => sum + bytes, 0),
    activationForm: parts[0].activationForm,
    scratch: Math.max(...parts.map(({ scratch }) => scratch)),
  };
}

/** Layers that share an input but not a packed weight: each writes its own columns. */
function joined(device: Device, linears: readonly Linear[]): Linear {
  const parts = inOneForm(linears, (linear) => readingRows(device, linear));
  return {
    ...together(parts),
    n: parts.reduce((sum, { n }) => sum + n, 0),
    k: parts[0].k,
    queue(y, x, epilogue, scratch): void {
      let at = 0;
      for (const part of parts) {
        part.queue(columns(y, at, at + part.n), x, epilogue, scratch);
        at += part.n;
      }
    },
  };
}
