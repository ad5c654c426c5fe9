/**
 * How a model and its drafter read text that they have not made: prompts, and what another level has chosen.
 *
 * @module
 */
import { type Arena, Graph, rows, type Tensor } from "../../device/mod.ts";
import { advance, ringWrite } from "../../ops/mod.ts";
import { ByLength } from "./by_length.ts";
import type { Drafter } from "../sequence/drafter.ts";
import type { RoundOps } from "./round_ops.ts";
import { firstRow } from "../sequence/seats.ts";

/** Rows of a forward that reads many tokens which others have chosen; few enough that hidden states of all are kept. */
export const CATCH_UP_ROWS = 32;

/** Reads the tokens of the history behind what is in the caches. */
export class Reader implements Disposable {
  readonly #ops: RoundOps;
  readonly #drafter?: Drafter;
  readonly #inOrder: Tensor<"i32">;
  readonly #many: Tensor<"i32">;
  readonly #zero: Tensor<"i32">;
  readonly #one: Tensor<"i32">;
  readonly #position: Tensor<"i32">;
  /** Forwards of the next tokens, of many and of one. */
  readonly #catchUps: readonly { readonly rows: number; readonly graphs: ByLength<Graph> }[];
  /** Takes in the next token behind a forward of several sequences, where there are several. */
  readonly #take?: Graph;
  /** Reads the next token and decodes plainly behind it, where there is one sequence. */
  readonly #readAndDecode?: ByLength<Graph>;
  readonly #cleanup: DisposableStack;

  /** Reads with `ops` and `drafter`; where it `catchesUp`, others choose tokens of the text, else nothing but prompts is read. */
  constructor(ops: RoundOps, arena: Arena, drafter: Drafter | undefined, catchesUp: boolean) {
    this.#ops = ops;
    this.#drafter = drafter;
    using cleanup = new DisposableStack();
    const { seat, memory: { device, slots, prefillRows } } = ops;
    const many = catchesUp ? Math.min(CATCH_UP_ROWS, prefillRows) : 1;
    this.#inOrder = arena.fromHost(
      "i32",
      [many],
      Int32Array.from({ length: many }, (_, i) => i),
    );
    const word = (value: number) => arena.fromHost("i32", [1], Int32Array.of(value));
    this.#many = word(many);
    this.#zero = word(0);
    this.#one = word(1);
    this.#position = word(0);
    this.#catchUps = [...new Set([many, 1])].map((count) => ({
      rows: count,
      graphs: new ByLength(
        count,
        slots,
        (slots) => cleanup.use(Graph.capture(device, () => this.#queueNext(count, slots))),
      ),
    }));
    if (seat && catchesUp) {
      this.#take = cleanup.use(Graph.capture(device, () => this.#queueTake(1, firstRow(seat, 1))));
    }
    if (catchesUp && seat === undefined) {
      this.#readAndDecode = new ByLength(
        2,
        slots,
        (slots) => cleanup.use(Graph.capture(device, () => this.#queueReadAndDecode(slots))),
      );
    }
    this.#cleanup = cleanup.move();
  }

  #queueNext(count: number, slots?: number): void {
    const { state, memory: { history } } = this.#ops;
    const { cacheLength } = state;
    state.queueForward(
      { rows: count, cacheLength, slots },
      { tokens: history, start: cacheLength },
    );
    this.#queueTake(count, 0);
  }

  /** One forward of two rows, of which the first is of the next token of the history, and the other of what comes behind. */
  #queueReadAndDecode(slots?: number): void {
    const { state, memory: { history } } = this.#ops;
    const { cacheLength } = state;
    state.queueForward({ rows: 2, cacheLength, slots }, { tokens: history, start: cacheLength });
    this.#queueTake(1, 0);
    state.queueLogits(1, 1);
    this.#ops.queueChoice({ rows: 1 });
    this.#ops.queueCommit(1, undefined, 1);
    this.#drafter?.queueObserve();
    this.#ops.queueReadBack();
  }

  /** Behind a forward, in which its rows begin at `first`. */
  #queueTake(count: number, first: number): void {
    const { state: { cacheLength, tapped }, memory: { device }, taps } = this.#ops;
    if (taps) {
      ringWrite(device, taps.ring, rows(tapped, first, first + count), {
        start: cacheLength,
        path: rows(this.#inOrder, 0, count),
        count: count === 1 ? this.#one : this.#many,
      });
    }
    advance(device, cacheLength, count);
  }

  /** See `Round.prefill`. */
  prefill(count: number): void {
    const { state, memory: { device, history }, taps } = this.#ops;
    const { cacheLength } = state;
    state.queueForward({ rows: count, cacheLength }, { tokens: history, start: cacheLength });
    this.#drafter?.prefill(count);
    advance(device, cacheLength, count);
    state.length += count;
    if (taps) {
      device.upload(this.#position, Int32Array.of(state.length - 1));
      ringWrite(device, taps.ring, rows(state.tapped, count - 1, count), {
        start: this.#position,
        path: this.#zero,
        count: this.#one,
      });
    }
  }

  /**
   * Reads a prompt behind the first `kept` tokens of it, which the caches have; before each chunk `before` may put more of it
   * there. Yields the tokens read after each chunk.
   */
  *read(prompt: readonly number[], kept: number, before: () => void): Generator<number, void> {
    const { state, memory: { device, history, text, prefillRows } } = this.#ops;
    text.set(prompt.slice(kept), kept);
    device.upload(rows(history, kept, prompt.length), Int32Array.from(prompt.slice(kept)));
    const count = prompt.length - 1;
    while (state.length < count) {
      before();
      this.prefill(Math.min(prefillRows, count - state.length));
      yield state.length;
    }
    if (count === 0) return;
    this.#drafter?.queueObserve();
    this.#drafter?.observe(false);
  }

  /** Queues forwards of the history up to `length` tokens; gives how many there were. */
  catchUp(length: number): number {
    const { state } = this.#ops;
    let forwards = 0;
    for (; state.length < length; forwards++) {
      const { rows, graphs } = this.#catchUps.find(({ rows }) => rows <= length - state.length)!;
      graphs.at(state.length).launch();
      state.length += rows;
      // Taps do not reach back for ever.
      if (rows > 1) this.#drafter?.follow();
    }
    return forwards;
  }

  /** Queues what follows a forward of several sequences that has read the next token; there is a seat, and others choose tokens. */
  take(): void {
    this.#take!.launch();
    this.#ops.state.length++;
  }

  /** Whether one forward may read a token and decode behind it. */
  get readsAndDecodes(): boolean {
    return this.#readAndDecode !== undefined;
  }

  /** Queues a forward that reads the next token and decodes plainly behind it; only where it `readsAndDecodes`. */
  readAndDecode(): void {
    this.#readAndDecode!.at(this.#ops.state.length).launch();
    this.#ops.state.length += 2;
  }

  /** Throws code `"disposed"` where anything that its graphs need has been disposed. */
  expectLive(): void {
    this.#take?.expectLive();
    for (const graphs of [...this.#catchUps.map(({ graphs }) => graphs), this.#readAndDecode]) {
      for (const graph of graphs?.all ?? []) graph.expectLive();
    }
  }

  /** Destroys its graphs. */
  [Symbol.dispose](): void {
    this.#cleanup.dispose();
  }
}
