/**
 * A model's state with text in its cache, as it is in the middle of a generation.
 *
 * @module
 */
import type { KvCacheDType } from "../../../base/dtype.ts";
import { Arena, type Tensor } from "../../../device/mod.ts";
import { type Model, ModelState } from "../../../model/mod.ts";
import { advance } from "../../../ops/mod.ts";
import { Choice, PREFILL_ROWS } from "../../../speculation/mod.ts";

/** `count` token ids, the same each time, spread over a vocabulary of `vocabulary`. */
export function someTokens(count: number, vocabulary: number): Int32Array<ArrayBuffer> {
  const tokens = new Int32Array(count);
  for (let i = 0, at = 1; i < count; i++, at = (at * 48271) % 0x7fffffff) {
    tokens[i] = at % vocabulary;
  }
  return tokens;
}

/** Caches and buffers of one sequence, `context` tokens committed. */
export class FilledState implements Disposable {
  /** The state; forwards of up to the rows asked for fit behind its tokens. */
  readonly state: ModelState;
  /** The token at each position, i32; those behind the committed ones are set, too. */
  readonly history: Tensor<"i32">;
  /** How tokens are chosen: greedily, until set. */
  readonly choice: Choice;
  readonly #cleanup: DisposableStack;

  /**
   * Reads `context` tokens, 0 or more, into the caches of `model`, with room for `rows` rows behind, or for
   * `slots` tokens in all, kept as `kvCache` says.
   */
  constructor(
    model: Model,
    context: number,
    rows: number,
    slots = context + rows,
    kvCache?: KvCacheDType,
  ) {
    const { device, config } = model;
    using cleanup = new DisposableStack();
    const chunk = PREFILL_ROWS[device.backend];
    const arena = cleanup.use(new Arena(device, "bench"));
    this.history = arena.fromHost("i32", [slots + 1], someTokens(slots + 1, config.vocabSize));
    this.choice = new Choice(device, arena);
    this.state = cleanup.use(
      new ModelState(model, {
        context: slots,
        slots,
        kvCache,
        rows: Math.max(rows, Math.min(chunk, Math.max(context, 1))),
        logitsRows: Math.min(rows, 64),
      }),
    );
    const { cache, cacheLength } = this.state;
    cache.ensure(slots);
    for (let at = 0; at < context;) {
      const count = Math.min(chunk, context - at);
      this.queueForward(count);
      advance(device, cacheLength, count);
      at += count;
    }
    device.synchronize();
    this.state.length = context;
    this.#cleanup = cleanup.move();
  }

  /** Queues a causal forward of the next `count` tokens, without committing them. */
  queueForward(count: number): void {
    const { cacheLength } = this.state;
    this.state.queueForward(
      { rows: count, cacheLength },
      { tokens: this.history, start: cacheLength },
    );
  }

  /** Queues what a verification needs: a forward of `count` rows, their logits and the choice of tokens. */
  queueVerification(count: number): void {
    this.queueForward(count);
    this.state.queueLogits(count);
    this.queueChoice(count);
  }

  /** Queues the choice behind the first `count` rows of the logits, from what `allowed` allows them. */
  queueChoice(count: number, allowed?: Tensor<"i32">): void {
    this.state.queueChoice(count, this.choice, { history: this.history, allowed });
  }

  /** Frees caches and buffers. */
  [Symbol.dispose](): void {
    this.#cleanup.dispose();
  }
}
