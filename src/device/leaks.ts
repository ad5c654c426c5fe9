/**
 * Reports of what was never disposed, on stderr where `SPECMQUANT_LEAKS=1`. Nothing is freed here:
 * lifetime is by `using`.
 *
 * @module
 */

let registry: FinalizationRegistry<string> | null | undefined;

function leakRegistry(): FinalizationRegistry<string> | null {
  if (registry !== undefined) return registry;
  let wanted = false;
  try {
    wanted = Deno.env.get("SPECMQUANT_LEAKS") === "1";
  } catch (error) {
    if (!(error instanceof Deno.errors.NotCapable)) throw error;
  }
  registry = wanted
    ? new FinalizationRegistry((what) => console.error(`specmquant: ${what} was never disposed`))
    : null;
  return registry;
}

/** Watches `owner`: a report names `what` where it is collected without `unwatch`. */
export function watch(owner: object, what: string): void {
  leakRegistry()?.register(owner, what, owner);
}

/** Ends the watch of `owner`, which has been disposed. */
export function unwatch(owner: object): void {
  leakRegistry()?.unregister(owner);
}
