/**
 * The keys and values of committed tokens, and the rows of forwards under way behind them.
 *
 * @module
 */
import type { ActivationDType } from "../base/dtype.ts";
import type { ModelConfig } from "../checkpoint/config/config.ts";
import { addressOf, type Arena, type Growable, type Tensor } from "../device/mod.ts";

/** Keys and values of every layer. Slots are reserved at once and backed by memory as texts need them. */
export class KvCache {
  /** Slots reserved. */
  readonly slots: number;
  /** Keys of each layer, activation dtype [slots, kvHeads, headDim]. */
  readonly keys: readonly Tensor[];
  /** Values of each layer, activation dtype [slots, kvHeads, headDim]. */
  readonly values: readonly Tensor[];
  /** Addresses of all keys, then of all values: u64 [2 layers]. */
  readonly table: Tensor<"u64">;
  /** Bytes of one slot in one of the caches. */
  readonly rowBytes: number;
  readonly #arena: Arena;
  readonly #growables: readonly Growable[];
  #grown = 0;

  /** Reserves `slots` slots for the layers of `config` in `arena`. */
  constructor(arena: Arena, config: ModelConfig, dtype: ActivationDType, slots: number) {
    this.#arena = arena;
    const shape = [slots, config.kvHeads, config.headDim];
    const reserve = (kind: string): Growable[] =>
      Array.from({ length: config.layers }, (_, i) => arena.reserve(dtype, shape, `${kind} ${i}`));
    const keys = reserve("keys");
    const values = reserve("values");
    this.#growables = [...keys, ...values];
    this.keys = keys.map((one) => one.tensor);
    this.values = values.map((one) => one.tensor);
    this.slots = slots;
    this.rowBytes = config.kvHeads * config.headDim * 2;
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
}

/** Bytes of a cache of `slots` slots. */
export function kvCacheBytes(config: ModelConfig, slots: number): number {
  return 2 * config.layers * slots * config.kvHeads * config.headDim * 2;
}
