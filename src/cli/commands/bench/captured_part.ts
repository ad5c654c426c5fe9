/**
 * Captures with some of the ops left out, to see what the others cost.
 *
 * @module
 */
import { type Device, Graph } from "../../../device/mod.ts";

/** The functions of a native library, by name. */
type Functions = Record<string, (...args: never[]) => number>;

/** Functions that answer at once and queue nothing. */
const QUERY = /_bytes$/;

/**
 * What `queue` queues, captured, with only those ops of which `keep` approves; `seen` hears the name of
 * every op that `queue` calls, e.g. `smq_attention`. The ops left out are not run, so results mean nothing.
 */
export function capturePart(
  device: Device,
  keep: (op: string) => boolean,
  queue: () => void,
  seen?: (op: string) => void,
): Graph {
  return Graph.capture(device, () => {
    // Ops take their functions from here each time. This keeps the model's own code, whatever it becomes,
    // the only place that knows which ops a forward has.
    const native = device.native as unknown as { symbols: Functions };
    const all = native.symbols;
    native.symbols = new Proxy(all, {
      get(target, property: string) {
        if (QUERY.test(property)) return target[property];
        seen?.(property);
        return keep(property) ? target[property] : () => 0;
      },
    });
    try {
      queue();
    } finally {
      native.symbols = all;
    }
  });
}
