/**
 * Captured graphs: ops recorded once and launched with one call.
 *
 * @module
 */

import { type GraphHandle, SMQ_OK } from "../ffi/symbols.ts";
import type { Device } from "./device.ts";
import { unwatch, watch } from "./leaks.ts";
import { disposedError, type Lifetime, meeting } from "./lifetime.ts";
import { takeHandle } from "./pointer.ts";

/** Recorded ops; addresses and scalars are those of the capture, device memory is read anew. */
export class Graph implements Disposable {
  readonly #device: Device;
  /** What its ops read and write. */
  readonly #needs: readonly Lifetime[];
  #handle: GraphHandle | null;

  private constructor(device: Device, handle: GraphHandle, needs: readonly Lifetime[]) {
    this.#device = device;
    this.#handle = handle;
    this.#needs = needs;
    watch(this, "a graph");
  }

  /**
   * Records the ops that `queue` calls, without running them. Where `queue` throws, the capture is
   * thrown away and the error goes on. A capture within a capture is a `NativeError`.
   */
  static capture(device: Device, queue: () => void): Graph {
    const begun = device.native;
    begun.check(begun.symbols.smq_graph_begin(begun.ctx), "smq_graph_begin");
    let needs: readonly Lifetime[];
    try {
      needs = meeting(queue);
    } catch (error) {
      if (!device.disposed) begun.symbols.smq_graph_abort(begun.ctx);
      throw error;
    }
    // `queue` may have disposed the device.
    const { native } = device;
    const handle = takeHandle<GraphHandle>(
      "smq_graph_end",
      (out) => native.check(native.symbols.smq_graph_end(native.ctx, out), "smq_graph_end"),
    );
    return new Graph(device, handle, needs);
  }

  /** Throws code `"disposed"` where it, its device or memory that its ops use has been disposed. */
  expectLive(): void {
    this.#live();
  }

  /** Queues the recorded ops. Throws as `expectLive`. */
  launch(): void {
    const native = this.#device.native;
    const handle = this.#live();
    const status = native.symbols.smq_graph_launch(native.ctx, handle);
    if (status !== SMQ_OK) native.check(status, "smq_graph_launch");
  }

  /** Destroys the graph. */
  [Symbol.dispose](): void {
    const handle = this.#handle;
    if (handle === null) return;
    this.#handle = null;
    unwatch(this);
    if (this.#device.disposed) return;
    const native = this.#device.native;
    native.check(native.symbols.smq_graph_destroy(native.ctx, handle), "smq_graph_destroy");
  }

  #live(): GraphHandle {
    if (this.#handle === null) throw disposedError("launch the graph");
    for (const life of this.#needs) life.expect("launch the graph");
    return this.#handle;
  }
}
