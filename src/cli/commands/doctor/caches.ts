/**
 * What this project keeps in the user's cache.
 *
 * @module
 */
import { onFile } from "../../../base/system_error.ts";
import { exists } from "../../../checkpoint/containers/json.ts";
import { cacheDirectory, COSTS_FOLDER, mayRead } from "../tune/cache.ts";

/** A cache. */
export interface CacheReport {
  /** `models` that were fetched, or the costs that `tune` has measured. */
  readonly what: "models" | "tune";
  /** Its directory; null where no home is known. */
  readonly path: string | null;
  /** How many files it has; null where they may not be read. */
  readonly files: number | null;
  /** Bytes of all of them. */
  readonly bytes: number | null;
}

/** Both caches. */
export function cacheReports(): CacheReport[] {
  const root = cacheDirectory();
  const costs = root && `${root}/${COSTS_FOLDER}`;
  return [report("models", root, costs), report("tune", costs)];
}

function report(what: CacheReport["what"], path: string | undefined, but?: string): CacheReport {
  if (path === undefined) return { what, path: null, files: null, bytes: null };
  if (!mayRead(path)) return { what, path, files: null, bytes: null };
  const sizes = exists(path) ? [...sizesIn(path, but)] : [];
  return { what, path, files: sizes.length, bytes: sizes.reduce((sum, one) => sum + one, 0) };
}

/** The sizes of all files in a directory but those of one directory in it. */
function* sizesIn(dir: string, but?: string): Generator<number> {
  for (
    const { name, isDirectory, isFile } of onFile("read", dir, () => [...Deno.readDirSync(dir)])
  ) {
    const path = `${dir}/${name}`;
    if (isDirectory && path !== but) yield* sizesIn(path);
    if (isFile) yield onFile("read", path, () => Deno.statSync(path)).size;
  }
}
