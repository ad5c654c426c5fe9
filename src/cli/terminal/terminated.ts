/**
 * SIGTERM and Ctrl-C, for programs that go on until they are told to end.
 *
 * @module
 */

const SIGNALS = ["SIGTERM", "SIGINT"] as const;

/**
 * Runs `work` with a signal that the first SIGTERM or Ctrl-C aborts. From then on both do what they do by default, so that
 * a second one ends the process at once.
 */
export async function terminated<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  let listening = true;
  const quit = () => {
    if (listening) { for (const name of SIGNALS) Deno.removeSignalListener(name, end); }
    listening = false;
  };
  const end = () => {
    quit();
    controller.abort();
  };
  for (const name of SIGNALS) Deno.addSignalListener(name, end);
  try {
    return await work(controller.signal);
  } finally {
    quit();
  }
}
