/**
 * Runs a head over text as drafting does: over all that the target has read, and from some places on over what it makes of its
 * own outputs, which are nearly all that it does while it drafts. The text itself says which tokens come.
 *
 * @module
 */
import { Arena, rows, type Tensor } from "../../device/mod.ts";
import { blockRows, BlockState, HeadState, type HeadWeights } from "../../model/mod.ts";
import { copy, ringRead } from "../../ops/mod.ts";
import { PREFILL_ROWS } from "../../speculation/mod.ts";
import type { SeenText } from "./head_states.ts";

/** A head at work on texts. */
export interface HeadRunner extends Disposable {
  /** Runs it over a text. */
  run(text: SeenText): void;
}

/** Places where drafting begins lie this many tokens apart, at least. */
const APART = { steps: 4, blocks: 8 };

/** Most such places of all texts together. */
const MOST_PLACES = 4096;

/** Tokens that are drafted there: as deep as trees are by default, and as long as blocks are. */
const DRAFTED = { steps: 6, blocks: 7 };

/** Rows of logits that are asked for at once. */
const LOGITS_ROWS = 16;

/** A runner of `head` for texts of up to `longest` tokens, `tokens` in all. */
export function headRunner(head: HeadWeights, longest: number, tokens: number): HeadRunner {
  const { kind } = head.description;
  return kind === "eagle2" || kind === "eagle3"
    ? new StepRunner(head, longest, tokens)
    : new BlockRunner(head, longest, tokens);
}

function apart(least: number, tokens: number): number {
  return Math.max(least, Math.ceil(tokens / MOST_PLACES));
}

/** Heads that draft token by token. */
class StepRunner implements HeadRunner {
  readonly #state: HeadState;
  readonly #history: Tensor<"i32">;
  /** What the target gives of the tokens of one forward. */
  readonly #given: Tensor;
  /** What the head predicts where drafting begins. */
  readonly #roots: Tensor;
  readonly #zero: Tensor<"i32">;
  readonly #apart: number;
  readonly #cleanup: DisposableStack;

  constructor(head: HeadWeights, longest: number, tokens: number) {
    const { verifier: { device, dtype } } = head;
    const most = Math.min(PREFILL_ROWS[device.backend], longest);
    const slots = longest + DRAFTED.steps;
    this.#apart = apart(APART.steps, tokens);
    using cleanup = new DisposableStack();
    const sizes = { context: slots, slots, rows: Math.max(most, LOGITS_ROWS) };
    this.#state = cleanup.use(new HeadState(head, { ...sizes, logitsRows: LOGITS_ROWS }));
    this.#state.cache.ensure(slots);
    const { input, hidden } = this.#state;
    const arena = cleanup.use(new Arena(device, "calibration"));
    this.#history = arena.fromHost("i32", [longest], new Int32Array(longest));
    this.#given = arena.allocate(dtype, [most, input.shape[1]], "states");
    const places = Math.ceil(longest / this.#apart);
    this.#roots = arena.allocate(hidden.dtype, [places, hidden.shape[1]], "roots");
    this.#zero = arena.fromHost("i32", [1], new Int32Array(1));
    this.#cleanup = cleanup.move();
  }

  run({ ids, states }: SeenText): void {
    const state = this.#state;
    const { device, cacheLength } = state;
    const [history, given, zero, every] = [this.#history, this.#given, this.#zero, this.#apart];
    device.upload(rows(history, 0, ids.length), Int32Array.from(ids));
    const next = { tokens: history, start: cacheLength, shift: 1 };
    // A pair is a token and what the target gave of the one before.
    const pairs = ids.length - 1;
    const bytes = states.length / ids.length;
    for (let at = 0, count; at < pairs; at += count) {
      count = Math.min(given.shape[0], pairs - at);
      device.upload(rows(given, 0, count), states.subarray(at * bytes, (at + count) * bytes));
      ringRead(device, rows(state.input, 0, count), rows(given, 0, count), zero);
      state.setLength(at);
      state.queueForward({ rows: count, cacheLength }, next);
      for (let row = 0; row < count; row += LOGITS_ROWS) {
        state.queueLogits(rows(state.hidden, row, Math.min(count, row + LOGITS_ROWS)));
      }
      for (let root = Math.ceil(at / every); root * every < at + count; root++) {
        const row = root * every - at;
        copy(device, rows(this.#roots, root, root + 1), rows(state.hidden, row, row + 1));
      }
    }
    // From the last place on, as what is drafted takes the slots of what lies behind it.
    const last = Math.floor((pairs - DRAFTED.steps) / every);
    for (let root = last; root >= 0; root--) {
      let from = rows(this.#roots, root, root + 1);
      for (let step = 1; step < DRAFTED.steps; step++) {
        state.setLength(root * every + step);
        state.queueContinue({ rows: 1, cacheLength }, next, from, zero);
        from = rows(state.hidden, 0, 1);
        state.queueLogits(from);
      }
    }
  }

  [Symbol.dispose](): void {
    this.#cleanup.dispose();
  }
}

/** Heads that draft blocks. */
class BlockRunner implements HeadRunner {
  readonly #state: BlockState;
  readonly #history: Tensor<"i32">;
  readonly #drafted: number;
  readonly #apart: number;
  readonly #cleanup: DisposableStack;

  constructor(head: HeadWeights, longest: number, tokens: number) {
    const { verifier: { device }, description } = head;
    if (!("blockSize" in description)) throw new Error(`${description.kind} drafts no blocks`);
    const most = Math.min(PREFILL_ROWS[device.backend], longest);
    this.#drafted = Math.min(DRAFTED.blocks, description.blockSize - blockRows(head, 0));
    const slots = longest + blockRows(head, this.#drafted);
    using cleanup = new DisposableStack();
    const sizes = { context: slots, slots, rows: most, drafted: this.#drafted, branches: 1 };
    this.#state = cleanup.use(new BlockState(head, sizes));
    this.#state.cache.ensure(slots);
    const arena = cleanup.use(new Arena(device, "calibration"));
    this.#history = arena.fromHost("i32", [longest], new Int32Array(longest));
    this.#apart = apart(APART.blocks, tokens);
    this.#cleanup = cleanup.move();
  }

  run({ ids, states }: SeenText): void {
    const state = this.#state;
    const { device, cacheLength, head: { markov } } = state;
    const history = this.#history;
    device.upload(rows(history, 0, ids.length), Int32Array.from(ids));
    const bytes = states.length / ids.length;
    for (let at = 0, count; at < ids.length; at += count) {
      count = Math.min(state.input.shape[0], ids.length - at);
      device.upload(rows(state.input, 0, count), states.subarray(at * bytes, (at + count) * bytes));
      state.setLength(at);
      state.queueContext(count);
    }
    // From the last place on, as a block takes the slots of what lies behind it.
    const last = Math.floor((ids.length - 1 - this.#drafted) / this.#apart);
    for (let place = last; place >= 1; place--) {
      state.setLength(place * this.#apart);
      state.queueBlock(history);
      for (let i = 0; markov !== undefined && i < this.#drafted; i++) {
        state.queueFollowed(i, { tokens: history, start: cacheLength, shift: i }, 1);
      }
    }
  }

  [Symbol.dispose](): void {
    this.#cleanup.dispose();
  }
}
