/**
 * Ctrl-C, for work that can end in good order.
 *
 * @module
 */

/** What a command exits with that Ctrl-C ended: 128 and the number of SIGINT, as shells have it. */
export const INTERRUPTED = 130;

/**
 * Runs `work` with a signal that the first Ctrl-C aborts. From then on Ctrl-C does what it does by default,
 * so a second one ends the process at once, even inside a native call.
 */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  let listening = true;
  const quit = () => {
    if (listening) Deno.removeSignalListener("SIGINT", interrupt);
    listening = false;
  };
  const interrupt = () => {
    quit();
    controller.abort(new DOMException("interrupted", "AbortError"));
  };
  Deno.addSignalListener("SIGINT", interrupt);
  try {
    return await work(controller.signal);
  } finally {
    quit();
  }
}
