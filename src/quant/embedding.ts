/**
 * Tables of token embeddings, as they are stored and looked up: floats, or GGUF's blocks in 8 bits.
 *
 * @module
 */
import type { ActivationDType } from "../base/dtype.ts";
import { findBlocks } from "../checkpoint/formats/gguf.ts";
import type { LinearShape } from "../checkpoint/formats/stored_linear.ts";
import type { Device, Tensor } from "../device/mod.ts";
import { embed, type EmbedOptions, embedW8Group, gemmW8A16Group } from "../ops/mod.ts";
import { asRows } from "./activation.ts";
import { blockTableBytes, loadBlockTable } from "./blocks.ts";
import { f16Linear } from "./f16.ts";
import { checkFloat, type WeightLoader } from "./loader.ts";
import type { Linear } from "./scheme.ts";
import type { StoredWeights } from "./stored_weights.ts";

/** What is known of a table before a byte of it is read. */
export interface EmbeddingSummary {
  /** Bytes on a device. */
  readonly bytes: number;
  /** How it is stored, for people: a dtype or a type of blocks. */
  readonly scheme: string;
  /** The dtype of activations that suits it. */
  readonly activations: ActivationDType;
}

/** A table of `n` tokens, `k` numbers wide, on a device. */
export interface Embedding extends EmbeddingSummary {
  /** The same memory as a linear layer, k -> n: the output projection of a model that ties both. Reads rows. */
  readonly linear: Linear;
  /** The table itself, activation dtype [n, k], where its rows lie there as they are looked up. */
  readonly table?: Tensor;
  /**
   * Queues the rows of tokens, those outside the table as zeros. `out`: f16, bf16 or f32 [m, k], rows may have gaps;
   * `tokens`: i32, read from where `options` say.
   */
  queue(out: Tensor, tokens: Tensor<"i32">, options?: EmbedOptions): void;
}

/** Checks the table `shape.prefix`.weight, of `shape.n` tokens and `shape.k` dimensions; throws `CheckpointError`. */
export function checkEmbedding(weights: StoredWeights, shape: LinearShape): EmbeddingSummary {
  const stored = findBlocks(weights.source, shape);
  if (stored !== undefined) {
    return { bytes: blockTableBytes(stored), scheme: stored.type, activations: "f16" };
  }
  const { prefix, n, k } = shape;
  const { dtype } = checkFloat(weights, `${prefix}.weight`, [n, k]);
  return { bytes: n * k * 2, scheme: dtype, activations: dtype === "bf16" ? "bf16" : "f16" };
}

/** Loads a table. */
export function loadEmbedding(loader: WeightLoader, shape: LinearShape): Embedding {
  const { device, weights } = loader;
  const summary = checkEmbedding(weights, shape);
  const { prefix, n, k } = shape;
  const stored = findBlocks(weights.source, shape);
  if (stored === undefined) {
    const table = loader.float(`${prefix}.weight`, [n, k]);
    return {
      ...summary,
      linear: f16Linear(loader, table),
      table,
      queue: (out, tokens, options) => embed(device, out, table, tokens, options),
    };
  }
  const { weight, size } = loadBlockTable(loader, stored);
  return {
    ...summary,
    linear: blockTableLinear(device, weight, size, summary.bytes),
    queue: (out, tokens, options) =>
      embedW8Group(device, out, weight, tokens, { ...size, ...options }),
  };
}

function blockTableLinear(
  device: Device,
  weight: Tensor<"u8">,
  size: Parameters<typeof embedW8Group>[4],
  bytes: number,
): Linear {
  return {
    n: size.n,
    k: size.k,
    bytes,
    activationForm: "rows",
    scratch: 0,
    queue(y, x, epilogue): void {
      gemmW8A16Group(device, y, asRows(x), weight, { ...size, epilogue });
    },
    queueWeights: (out, index) => embedW8Group(device, out, weight, index, size),
  };
}
