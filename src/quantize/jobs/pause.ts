/**
 * Pauses in long work.
 *
 * @module
 */

/** Lets what happened meanwhile, as Ctrl-C, be heard; rejects with the signal's reason where it is aborted. */
export async function pause(signal: AbortSignal | undefined): Promise<void> {
  await new Promise((resume) => setTimeout(resume, 0));
  signal?.throwIfAborted();
}
