/**
 * Reports of what was never disposed, on stderr where `SPECMQUANT_LEAKS=1`. Nothing is freed here:
 * lifetime is by `using`.
 *
 * @module
 */

import { environmentVariable } from "../base/environment.ts";

let registry: FinalizationRegistry<string> | null | undefined;

function leakRegistry(): FinalizationRegistry<string> | null {
  if (registry !== undefined) return registry;
  registry = environmentVariable("SPECMQUANT_LEAKS") === "1"
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
