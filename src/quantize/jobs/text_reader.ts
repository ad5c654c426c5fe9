/**
 * Runs texts through a model and gives its hidden states.
 *
 * @module
 */
import { Arena, rows, type Tensor } from "../../device/mod.ts";
import { type Model, ModelState } from "../../model/mod.ts";
import { PREFILL_ROWS } from "../../speculation/mod.ts";

/** Rows of logits that a state has room for. */
const LOGITS_ROWS = 64;

/** The hidden states of one text, bytes of the activations' dtype. */
export interface ReadStates {
  /** Behind the final norm, [tokens, hidden]. */
  readonly hidden: Uint8Array;
  /** The taps side by side, [tokens, taps hidden]; empty without taps. */
  readonly taps: Uint8Array;
}

/** A model that reads one text after the other. */
export class TextReader implements Disposable {
  /** The state that it reads in. */
  readonly state: ModelState;
  readonly #taps: number;
  readonly #history: Tensor<"i32">;
  readonly #cleanup: DisposableStack;

  /** For texts of at most `context` tokens; `taps` by how many layers have run. */
  constructor(model: Model, context: number, taps: readonly number[]) {
    using cleanup = new DisposableStack();
    const { device } = model;
    const most = Math.min(PREFILL_ROWS[device.backend], context);
    const sizes = { context, slots: context, rows: Math.max(most, LOGITS_ROWS) };
    this.state = cleanup.use(new ModelState(model, { ...sizes, logitsRows: LOGITS_ROWS, taps }));
    const arena = cleanup.use(new Arena(device, "texts"));
    this.#history = arena.fromHost("i32", [context], new Int32Array(context));
    this.state.cache.ensure(context);
    this.#taps = taps.length;
    this.#cleanup = cleanup.move();
  }

  /** Reads a text. */
  read(ids: readonly number[]): ReadStates {
    const { state } = this;
    const { device, cacheLength } = state;
    device.upload(rows(this.#history, 0, ids.length), Int32Array.from(ids));
    const hidden: Uint8Array[] = [];
    const taps: Uint8Array[] = [];
    for (let at = 0; at < ids.length; at += state.rows) {
      const count = Math.min(state.rows, ids.length - at);
      state.setLength(at);
      state.queueForward({ rows: count, cacheLength }, {
        tokens: this.#history,
        start: cacheLength,
      });
      hidden.push(device.download(rows(state.hidden, 0, count)));
      if (this.#taps > 0) taps.push(device.download(rows(state.tapped, 0, count)));
    }
    return { hidden: joined(hidden), taps: joined(taps) };
  }

  /** Frees caches and buffers. */
  [Symbol.dispose](): void {
    this.#cleanup.dispose();
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0];
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
