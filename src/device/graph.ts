/**
 * Captured graphs: ops recorded once and launched with one call.
 *
 * @module
 */

import { SpecMQuantError } from "../base/errors.ts";
import { type GraphHandle, SMQ_OK } from "../ffi/symbols.ts";
import type { Device } from "./device.ts";
import { unwatch, watch } from "./leaks.ts";
import { takeHandle } from "./pointer.ts";

/** Recorded ops; addresses and scalars are those of the capture, device memory is read anew. */
export class Graph implements Disposable {
  readonly #device: Device;
  #handle: GraphHandle | null;

  private constructor(device: Device, handle: GraphHandle) {
    this.#device = device;
    this.#handle = handle;
    watch(this, "a graph");
  }

  /**
   * Records the ops that `queue` calls, without running them. Where `queue` throws, the capture is
   * thrown away and the error goes on. A capture within a capture is a `NativeError`.
   */
  static capture(device: Device, queue: () => void): Graph {
    const { symbols, ctx } = device.native;
    device.native.check(symbols.smq_graph_begin(ctx), "smq_graph_begin");
    try {
      queue();
    } catch (error) {
      symbols.smq_graph_abort(ctx);
      throw error;
    }
    const handle = takeHandle<GraphHandle>(
      "smq_graph_end",
      (out) => device.native.check(symbols.smq_graph_end(ctx, out), "smq_graph_end"),
    );
    return new Graph(device, handle);
  }

  /** Queues the recorded ops. */
  launch(): void {
    const native = this.#device.native;
    const handle = this.#handle;
    if (handle === null) {
      throw new SpecMQuantError("disposed", "Cannot launch the graph: it has been disposed");
    }
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
}
