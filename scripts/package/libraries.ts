/**
 * Checks of a library that goes into a package: who installs it cannot build it again.
 *
 * @module
 */
import { ABI_HASH } from "../../src/ffi/symbols.ts";
import { BuildError } from "../native/run.ts";
import type { Prebuilt } from "./prebuilt.ts";

/** ELF's numbers of processors. */
const MACHINES: Readonly<Record<Prebuilt["cpu"], number>> = { x64: 62, arm64: 183 };

/** The newest versions of the system's libraries that a library may ask for, and where they come from. */
const NEWEST: Readonly<Record<string, readonly [version: string, system: string]>> = {
  GLIBC: ["2.36", "Debian 12"],
  GLIBCXX: ["3.4.30", "GCC 12"],
};

/** Whether version `a` is newer than `b`. */
function newer(a: string, b: string): boolean {
  const [x, y] = [a, b].map((version) => version.split(".").map(Number));
  const at = x.findIndex((part, i) => part !== (y[i] ?? 0));
  return at !== -1 && x[at] > (y[at] ?? 0);
}

/** Whether `bytes` has `part` in it. */
function includes(bytes: Uint8Array, part: Uint8Array): boolean {
  for (let at = bytes.indexOf(part[0]); at !== -1; at = bytes.indexOf(part[0], at + 1)) {
    if (part.every((byte, i) => bytes[at + i] === byte)) return true;
  }
  return false;
}

/**
 * Checks that the library at `path` is for the processor of its package, of this ABI, and needs no newer C and C++
 * libraries than the oldest system that packages are for has.
 *
 * @throws {BuildError} it is not, or is not there
 */
export function checkLibrary(path: string, { name, cpu }: Prebuilt): void {
  let bytes: Uint8Array;
  try {
    bytes = Deno.readFileSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new BuildError(`Cannot package ${name}: there is no ${path}, expected a library`);
  }
  const wrong = (what: string) => new BuildError(`Cannot package ${name}: ${path} ${what}`);
  const elf = bytes.length > 20 && bytes[0] === 0x7f && bytes[1] === 0x45;
  const machine = elf ? bytes[18] | bytes[19] << 8 : undefined;
  if (machine !== MACHINES[cpu]) {
    throw wrong(`is ${machine ?? "no library"}, expected ELF machine ${MACHINES[cpu]} (${cpu})`);
  }
  const hash = new Uint8Array(BigUint64Array.of(ABI_HASH).buffer);
  if (!includes(bytes, hash)) throw wrong("is of another ABI than src/ffi/symbols.ts");
  const text = new TextDecoder("latin1").decode(bytes);
  for (const [symbols, [most, system]] of Object.entries(NEWEST)) {
    for (const [, version] of text.matchAll(new RegExp(`\\b${symbols}_(\\d[\\d.]*)\\0`, "g"))) {
      if (!newer(version, most)) continue;
      throw wrong(`needs ${symbols}_${version}, expected at most ${most}, that of ${system}`);
    }
  }
}
