/**
 * Events: points in a device's queue, and the time between two of them.
 *
 * @module
 */

import { ArgumentError } from "../base/errors.ts";
import { type EventHandle, SMQ_OK } from "../ffi/symbols.ts";
import type { Device } from "./device.ts";
import { unwatch, watch } from "./leaks.ts";
import { disposedError } from "./lifetime.ts";
import { takeHandle } from "./pointer.ts";

const milliseconds = new Float32Array(1);

/** A point in a device's queue. */
export class DeviceEvent implements Disposable {
  readonly #device: Device;
  #handle: EventHandle | null;

  /** An event of `device`, not yet recorded. */
  constructor(device: Device) {
    const native = device.native;
    this.#device = device;
    this.#handle = takeHandle<EventHandle>(
      "smq_event_create",
      (out) => native.check(native.symbols.smq_event_create(native.ctx, out), "smq_event_create"),
    );
    watch(this, "an event");
  }

  /** Queues the point. */
  record(): void {
    const native = this.#device.native;
    const status = native.symbols.smq_event_record(native.ctx, this.#live());
    if (status !== SMQ_OK) native.check(status, "smq_event_record");
  }

  /** Waits until the device has passed the point, which must have been recorded. */
  wait(): void {
    DeviceEvent.elapsed(this, this);
  }

  /** Milliseconds from `start` to `stop`, both recorded on one device; waits for `stop`. */
  static elapsed(start: DeviceEvent, stop: DeviceEvent): number {
    if (start.#device !== stop.#device) {
      throw new ArgumentError("start", "Cannot time events: they are of two devices, expected one");
    }
    const native = stop.#device.native;
    const status = native.symbols.smq_event_elapsed(
      native.ctx,
      start.#live(),
      stop.#live(),
      milliseconds,
    );
    if (status !== SMQ_OK) native.check(status, "smq_event_elapsed");
    return milliseconds[0];
  }

  /** Destroys the event. */
  [Symbol.dispose](): void {
    const handle = this.#handle;
    if (handle === null) return;
    this.#handle = null;
    unwatch(this);
    if (this.#device.disposed) return;
    const native = this.#device.native;
    native.check(native.symbols.smq_event_destroy(native.ctx, handle), "smq_event_destroy");
  }

  #live(): EventHandle {
    if (this.#handle !== null) return this.#handle;
    throw disposedError("use the event");
  }
}
