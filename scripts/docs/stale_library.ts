/**
 * Writes a copy of the CPU library that says it was built from another header, for the page on troubles:
 *
 *     deno run -A scripts/docs/stale_library.ts FILE
 *
 * @module
 */
import { EXPECTED_ABI } from "../../src/ffi/library.ts";
import { root } from "../native/run.ts";

/** The hash of a header that there never was. */
const OTHER = 0x0123456789abcdefn;

if (import.meta.main) {
  const bytes = Deno.readFileSync(`${root}build/libspecmquant_cpu.so`);
  const view = new DataView(bytes.buffer);
  const expected = BigInt(EXPECTED_ABI);
  let found = 0;
  for (let at = 0; at + 8 <= bytes.length; at++) {
    if (view.getBigUint64(at, true) !== expected) continue;
    view.setBigUint64(at, OTHER, true);
    found++;
  }
  if (found !== 1) {
    console.error(`Cannot change the ABI's hash: it is there ${found} times, expected once`);
    Deno.exit(1);
  }
  Deno.writeFileSync(Deno.args[0], bytes);
}
