/**
 * The keys and values of committed tokens, and the rows of forwards under way behind them.
 *
 * @module
 */
import type { ActivationDType, DType, KvCacheDType } from "../base/dtype.ts";
import { UnsupportedModelError } from "../base/errors.ts";
import type { ModelConfig } from "../checkpoint/config/config.ts";
import {
  addressOf,
  type Arena,
  type Device,
  type Growable,
  rows,
  type Tensor,
} from "../device/mod.ts";
import { cacheRow, copy } from "../ops/mod.ts";

/** Keys and values of every layer. Slots are reserved at once and backed by memory as texts need them. */
export class KvCache {
  /** Slots reserved. */
  readonly slots: number;
  /** Keys of each layer, activation dtype [slots, kvHeads, headDim], or i8 [slots, `cacheRow`]. */
  readonly keys: readonly Tensor[];
  /** Values of each layer, likewise. */
  readonly values: readonly Tensor[];
  /** Addresses of all keys, then of all values: u64 [2 layers]. */
  readonly table: Tensor<"u64">;
  /** Bytes of one slot in one of the caches. */
  readonly rowBytes: number;
  readonly #arena: Arena;
  readonly #growables: readonly Growable[];
  #grown = 0;

  /** Reserves `slots` slots for the layers of `config` in `arena`, kept as `kind` says. */
  constructor(
    arena: Arena,
    config: ModelConfig,
    dtype: ActivationDType,
    slots: number,
    kind: KvCacheDType = "f16",
  ) {
    checkKvCache(config, kind);
    this.#arena = arena;
    const { kvHeads, headDim } = config;
    const stored = storedAs(kind, dtype);
    const shape = [slots, ...(stored === "i8" ? [cacheRow(config, stored)] : [kvHeads, headDim])];
    const reserve = (name: string): Growable[] =>
      Array.from({ length: config.layers }, (_, i) => arena.reserve(stored, shape, `${name} ${i}`));
    const keys = reserve("keys");
    const values = reserve("values");
    this.#growables = [...keys, ...values];
    this.keys = keys.map((one) => one.tensor);
    this.values = values.map((one) => one.tensor);
    this.slots = slots;
    this.rowBytes = rowBytes(config, kind);
    const addresses = BigUint64Array.from(this.#growables, (one) => addressOf(one.tensor));
    this.table = arena.fromHost("u64", [addresses.length], addresses);
  }

  /** Backs at least the first `slots` slots with memory; costs nothing where they are. */
  ensure(slots: number): void {
    this.#arena.life.expect("make room in a cache");
    if (slots <= this.#grown) return;
    for (const one of this.#growables) one.grow(slots);
    this.#grown = slots;
  }

  /** Queues the copy of slots `from` to `end - 1` of `other`, of the same model and kind; there is room for them. */
  queueCopy(device: Device, other: KvCache, from: number, end: number): void {
    for (const name of ["keys", "values"] as const) {
      for (const [i, tensor] of this[name].entries()) {
        copy(device, rows(tensor, from, end), rows(other[name][i], from, end));
      }
    }
  }
}

/** The dtype of the tensors of caches, where activations have `dtype`. */
export function storedAs(kind: KvCacheDType, dtype: ActivationDType = "f16"): DType {
  return kind === "int8" ? "i8" : dtype;
}

/** Bytes of a slot of one cache. */
function rowBytes(config: ModelConfig, kind: KvCacheDType): number {
  return cacheRow(config, storedAs(kind)) * (kind === "int8" ? 1 : 2);
}

/** Bytes of a cache of `slots` slots. */
export function kvCacheBytes(
  config: ModelConfig,
  slots: number,
  kind: KvCacheDType = "f16",
): number {
  return 2 * config.layers * slots * rowBytes(config, kind);
}

/** Throws an `UnsupportedModelError` where heads of `config` cannot be kept as `kind` says. */
export function checkKvCache({ headDim }: ModelConfig, kind: KvCacheDType): void {
  if (kind !== "int8" || headDim % 16 === 0) return;
  throw new UnsupportedModelError(
    `a KV cache in ${kind}`,
    `heads have ${headDim} elements, expected a multiple of 16`,
  );
}
