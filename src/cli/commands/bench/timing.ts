/**
 * How long queued work takes on a device.
 *
 * @module
 */
import { type Device, DeviceEvent, Graph } from "../../../device/mod.ts";
import { type Samples, summarize } from "./samples.ts";

/** Milliseconds of warm-up at least: clocks rise, pages are touched. */
const WARM_MS = 50;
/** Launches of warm-up at least. */
const WARM_RUNS = 3;

/**
 * Milliseconds on the device of each of `runs` calls of `queue`, after a warm-up. The calls are queued
 * without a wait between them, so that the device does not idle while the host queues.
 */
export function timeQueued(device: Device, runs: number, queue: () => void): Samples {
  using stack = new DisposableStack();
  const events = Array.from({ length: runs + 1 }, () => stack.use(new DeviceEvent(device)));
  const started = performance.now();
  for (let i = 0; i < WARM_RUNS || performance.now() - started < WARM_MS; i++) {
    queue();
    device.synchronize();
  }
  // Work that is under way when the first event is queued hides what the host takes for it.
  queue();
  events[0].record();
  for (let i = 0; i < runs; i++) {
    queue();
    events[i + 1].record();
  }
  device.synchronize();
  return summarize(
    events.slice(1).map((event, i) => DeviceEvent.elapsed(events[i], event)),
  );
}

/** `timeQueued` of a graph that holds what `queue` queues. */
export function timeCaptured(device: Device, runs: number, queue: () => void): Samples {
  using graph = Graph.capture(device, queue);
  return timeQueued(device, runs, () => graph.launch());
}
