/**
 * Writes src/ffi/symbols.ts from cuda/include/specmquant.h, so that the C ABI has one source.
 *
 *     deno run -A scripts/symbols/symbols.ts            # write
 *     deno run -A scripts/symbols/symbols.ts --check    # exit 1 where the committed file is stale
 *
 * @module
 */

import { abiHash } from "./abi_hash.ts";
import { parseHeader } from "./symbols_parse.ts";
import { renderSymbols } from "./symbols_render.ts";

const HEADER = new URL("../../cuda/include/specmquant.h", import.meta.url);
const OUTPUT = new URL("../../src/ffi/symbols.ts", import.meta.url);

/** The text of src/ffi/symbols.ts for the header `text`; throws an error naming the bad line. */
export function generate(text: string): string {
  return renderSymbols(parseHeader(text), abiHash(text));
}

/**
 * The first lines in which `committed` and `generated` differ, as a diff shows them, or `null`
 * where they are the same.
 */
export function difference(committed: string, generated: string): string | null {
  if (committed === generated) return null;
  const before = committed.split("\n");
  const after = generated.split("\n");
  let start = 0;
  while (before[start] === after[start]) start++;
  let tail = 0;
  while (
    tail < Math.min(before.length, after.length) - start &&
    before[before.length - 1 - tail] === after[after.length - 1 - tail]
  ) tail++;
  const show = (lines: string[], sign: string) => {
    const changed = lines.slice(start, lines.length - tail);
    const shown = changed.slice(0, 10).map((line) => `${sign} ${line}`);
    return changed.length > 10 ? [...shown, `${sign} (${changed.length - 10} more)`] : shown;
  };
  return [`@@ line ${start + 1} @@`, ...show(before, "-"), ...show(after, "+")].join("\n");
}

function readIfThere(url: URL): string {
  try {
    return Deno.readTextFileSync(url);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}

function main(args: string[]): number {
  const unknown = args.find((arg) => arg !== "--check");
  if (unknown !== undefined) {
    console.error(`Cannot generate symbols: the flag is ${unknown}, expected --check or none`);
    return 2;
  }
  const generated = generate(Deno.readTextFileSync(HEADER));
  const changes = difference(readIfThere(OUTPUT), generated);
  if (changes === null) return 0;
  if (args.includes("--check")) {
    console.error(
      `src/ffi/symbols.ts is stale; run "deno run -A scripts/symbols/symbols.ts"\n` +
        `--- src/ffi/symbols.ts\n+++ generated from cuda/include/specmquant.h\n${changes}`,
    );
    return 1;
  }
  Deno.writeTextFileSync(OUTPUT, generated);
  return 0;
}

if (import.meta.main) Deno.exit(main(Deno.args));
