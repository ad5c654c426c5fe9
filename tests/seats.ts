/**
 * Several texts of one plan side by side, as a session with slots has them: what tests of company share.
 *
 * @module
 */
import type { KvCacheDType } from "../src/base/dtype.ts";
import { Arena, Graph, SharedScratch } from "../src/device/mod.ts";
import { type Model, ModelState } from "../src/model/mod.ts";
import { Company, type DrafterPlan, Round, sequenceMemory } from "../src/speculation/mod.ts";

/** The longest text where nothing else is said. */
export const CONTEXT = 360;

/** Several rounds of one plan, each in its seat. */
export class Seats implements Disposable {
  /** The rounds, by their seats. */
  readonly rounds: readonly Round[];
  /** What has them run side by side. */
  readonly company: Company;
  readonly #cleanup: DisposableStack;

  /** Rounds of `target` in `count` seats, with what `plan` has propose. */
  constructor(
    target: Model,
    count: number,
    plan?: DrafterPlan,
    context = CONTEXT,
    kvCache?: KvCacheDType,
  ) {
    using cleanup = new DisposableStack();
    const { device } = target;
    const arena = cleanup.use(new Arena(device, "seats"));
    const scratch = new SharedScratch(arena);
    this.rounds = Array.from({ length: count }, (_, index) => {
      scratch.rewind();
      const seat = { index, of: count, scratch };
      const memory = sequenceMemory(device, arena, context, plan, { kvCache, seat });
      return cleanup.use(new Round(target, memory, plan));
    });
    this.company = cleanup.use(new Company(this.rounds));
    this.#cleanup = cleanup.move();
  }

  /** Frees all but the models. */
  [Symbol.dispose](): void {
    this.#cleanup.dispose();
  }
}

/** Counts launches of captured forwards by their model, of graphs captured from here on, until it is disposed. */
export class Forwards implements Disposable {
  readonly #counts = new Map<Model, number>();
  readonly #cleanup: DisposableStack;

  /** Begins to count. */
  constructor() {
    using cleanup = new DisposableStack();
    const { capture, prototype: { launch } } = Graph;
    const { queueTogether } = ModelState;
    const models = new WeakMap<Graph, readonly Model[]>();
    const counts = this.#counts;
    let queued: Model[] = [];
    Graph.capture = (device, queue) => {
      queued = [];
      const graph = capture.call(Graph, device, queue);
      models.set(graph, queued);
      // What is queued without a capture is of no graph.
      queued = [];
      return graph;
    };
    ModelState.queueTogether = (parts, first) => {
      queued.push(parts[0].state.model);
      queueTogether.call(ModelState, parts, first);
    };
    Graph.prototype.launch = function () {
      for (const model of models.get(this) ?? []) counts.set(model, (counts.get(model) ?? 0) + 1);
      launch.call(this);
    };
    cleanup.defer(() => {
      Object.assign(Graph, { capture });
      Object.assign(Graph.prototype, { launch });
      Object.assign(ModelState, { queueTogether });
    });
    this.#cleanup = cleanup.move();
  }

  /** Forwards of `model` that `body` launched. */
  of(model: Model, body: () => void): number {
    const before = this.#counts.get(model) ?? 0;
    body();
    return (this.#counts.get(model) ?? 0) - before;
  }

  /** Counts no longer. */
  [Symbol.dispose](): void {
    this.#cleanup.dispose();
  }
}
