import { assert, assertThrows } from "@std/assert";
import { ABI_HASH } from "../../src/ffi/symbols.ts";
import { BuildError, root } from "../native/run.ts";
import { checkLibrary } from "./libraries.ts";
import { PREBUILT } from "./prebuilt.ts";

const x64 = PREBUILT[0];
const built = `${root}build/libspecmquant_cpu.so`;

/** Checks the library as it is with some of its bytes, all that are `from`, replaced. */
function checkChanged(from: Uint8Array, to: Uint8Array): void {
  const bytes = Deno.readFileSync(built);
  let changed = 0;
  for (let at = 0; at + from.length <= bytes.length; at++) {
    if (!from.every((byte, i) => bytes[at + i] === byte)) continue;
    bytes.set(to, at);
    changed++;
  }
  assert(changed > 0);
  const path = Deno.makeTempFileSync();
  try {
    Deno.writeFileSync(path, bytes);
    checkLibrary(path, x64);
  } finally {
    Deno.removeSync(path);
  }
}

/** Words of a library's, and others in their place. */
function checkWords(from: string, to: string): void {
  const [a, b] = [from, to].map((text) => new TextEncoder().encode(text));
  checkChanged(a, b);
}

Deno.test({
  name: "a library that its users' machines cannot run is not packaged",
  ignore: Deno.build.arch !== "x86_64",
  fn() {
    checkLibrary(built, x64);
    checkWords("GLIBC_2.14\0", "GLIBC_2.36\0");
    const refused = (what: string, body: () => void) => assertThrows(body, BuildError, what);
    refused(
      "needs GLIBC_2.37, expected at most 2.36, that of Debian 12",
      () => checkWords("GLIBC_2.14\0", "GLIBC_2.37\0"),
    );
    refused("expected ELF machine 183 (arm64)", () => checkLibrary(built, PREBUILT[1]));
    const hash = new Uint8Array(BigUint64Array.of(ABI_HASH).buffer);
    refused("is of another ABI", () => checkChanged(hash, hash.map((byte) => byte ^ 1)));
    refused("expected a library", () => checkLibrary("/nowhere/libspecmquant_cpu.so", x64));
  },
});
