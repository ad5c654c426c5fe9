import { assert, assertEquals, assertThrows } from "@std/assert";
import { AbiMismatchError, LibraryError } from "../base/errors.ts";
import {
  findAndOpen,
  findLibrary,
  LIBRARY_VARIABLE,
  libraryKind,
  openLibrary,
  prebuiltPackages,
} from "./library.ts";
import { ABI_HASH } from "./symbols.ts";

/** Runs `body` with `SPECMQUANT_LIBRARY` set to `value`, or unset. */
function withVariable(value: string | undefined, body: () => void): void {
  const before = Deno.env.get(LIBRARY_VARIABLE);
  const set = (to: string | undefined) =>
    to === undefined ? Deno.env.delete(LIBRARY_VARIABLE) : Deno.env.set(LIBRARY_VARIABLE, to);
  set(value);
  try {
    body();
  } finally {
    set(before);
  }
}

/** A file of the temporary directory with `bytes`, gone after `body`. */
function withFile(bytes: Uint8Array, body: (path: string) => void): void {
  const path = Deno.makeTempFileSync({ prefix: "libspecmquant_cpu", suffix: ".so" });
  try {
    Deno.writeFileSync(path, bytes);
    body(path);
  } finally {
    Deno.removeSync(path);
  }
}

function builtPath(): string {
  let path: string | null = null;
  withVariable(undefined, () => path = findLibrary("cpu").path);
  assert(path !== null, 'no library; run "deno task build"');
  return path;
}

Deno.test("a library's kind is told by its file name", () => {
  assertEquals(libraryKind("/cpu/libspecmquant.so"), "cuda");
  assertEquals(libraryKind("libspecmquant_cpu.so"), "cpu");
});

Deno.test("the library is looked for at the option, the variable, then build/", () => {
  const built = builtPath();
  assertEquals(built.endsWith("/build/libspecmquant_cpu.so"), true);
  withVariable("/nowhere/libspecmquant_cpu.so", () => {
    assertEquals(findLibrary("cpu", built), { path: built, tried: [built] });
    const { path, tried } = findLibrary("cpu");
    assertEquals([path, tried], [null, [`${LIBRARY_VARIABLE}=/nowhere/libspecmquant_cpu.so`]]);
    // A variable that names the other kind does not hide build/.
    const cuda = findLibrary("cuda").tried;
    assertEquals(cuda[0], `${LIBRARY_VARIABLE}=/nowhere/libspecmquant_cpu.so (a cpu library)`);
    assert(cuda[1].endsWith("/build/libspecmquant.so"));
  });
  withVariable(built, () => assertEquals(findLibrary("cpu").path, built));
});

Deno.test("packages with prebuilt libraries are looked for last, and named where they are missing", () => {
  const system = `linux-${Deno.build.arch === "x86_64" ? "x64" : "arm64"}`;
  assertEquals(prebuiltPackages("cpu"), [`@specmquant/${system}-cpu`]);
  withVariable(undefined, () => {
    const { path, tried } = findLibrary("cuda");
    if (path !== null) return; // it is built here, before them
    assertEquals(tried.slice(-2), [
      `@specmquant/${system}-cuda (not installed)`,
      `@specmquant/${system}-cuda-sm90 (not installed)`,
    ]);
  });
});

Deno.test("where there is no library, every place tried is named", () => {
  withVariable("/nowhere/libspecmquant.so", () => {
    assertThrows(
      () => findAndOpen("cuda"),
      LibraryError,
      "Cannot find the cuda library: tried SPECMQUANT_LIBRARY=/nowhere/libspecmquant.so; " +
        'build it with "deno task build:cuda"',
    );
  });
});

Deno.test("a library is opened once", () => {
  const path = builtPath();
  assert(openLibrary(path) === openLibrary(path));
});

Deno.test("a library that was built from another header is refused", () => {
  const bytes = Deno.readFileSync(builtPath());
  const hash = new Uint8Array(BigUint64Array.of(ABI_HASH).buffer);
  let changed = 0;
  for (let i = 0; i + 8 <= bytes.length; i++) {
    if (hash.every((byte, j) => bytes[i + j] === byte)) {
      bytes[i] ^= 1;
      changed++;
    }
  }
  assert(changed > 0, "the hash is not in the library");
  withFile(bytes, (path) => {
    const expected = `0x${ABI_HASH.toString(16).padStart(16, "0")}`;
    const found = `0x${(ABI_HASH ^ 1n).toString(16).padStart(16, "0")}`;
    assertThrows(
      () => openLibrary(path),
      AbiMismatchError,
      `Cannot use ${path}: its ABI is ${found}, expected ${expected}`,
    );
  });
});

Deno.test("a file that is no library is refused with the loader's reason", () => {
  withFile(new TextEncoder().encode("no library"), (path) => {
    assertThrows(() => openLibrary(path), LibraryError, `Cannot open ${path}: `);
  });
});

Deno.test({
  name: "without --allow-ffi the error says so",
  permissions: { ffi: false, read: true, env: true },
  fn() {
    assertThrows(
      () => openLibrary("/nowhere/libspecmquant_cpu.so"),
      LibraryError,
      "native code is not permitted; run Deno with --allow-ffi",
    );
  },
});

Deno.test({
  name: "without --allow-read the error says so",
  permissions: { ffi: true, read: false, env: false },
  fn() {
    assertThrows(() => findLibrary("cpu"), LibraryError, "run Deno with --allow-read");
  },
});
