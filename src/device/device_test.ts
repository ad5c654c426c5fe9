import { assert, assertEquals, assertThrows } from "@std/assert";
import { ArgumentError, LibraryError } from "../base/errors.ts";
import { findLibrary, LIBRARY_VARIABLE } from "../ffi/library.ts";
import { Device } from "./device.ts";

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

Deno.test("asking for CUDA where it is absent says why, and never gives the twin", () => {
  withVariable("/nowhere/libspecmquant.so", () => {
    assertThrows(
      () => Device.open({ backend: "cuda" }),
      LibraryError,
      "Cannot find the cuda library: tried SPECMQUANT_LIBRARY=/nowhere/libspecmquant.so",
    );
    assertThrows(() => Device.open(), LibraryError, "Cannot find the cuda library");
  });
});

Deno.test("auto opens what there is, and says why", () => {
  withVariable(undefined, () => {
    using device = Device.open({ threads: 1 });
    assert(device.why.startsWith(`${device.backend}, because `), device.why);
    if (findLibrary("cuda").path === null) {
      assertEquals(device.why, "cpu, because there is no CUDA library");
    }
  });
});

Deno.test("a library that was named is opened, as the variable or as the option", () => {
  const { path } = findLibrary("cpu");
  assert(path !== null);
  withVariable(path, () => {
    using device = Device.open({ threads: 1 });
    assertEquals(device.why, `cpu, because the library is set to ${path}`);
  });
  using device = Device.open({ library: path, threads: 1 });
  assertEquals(device.backend, "cpu");
  assertThrows(
    () => Device.open({ library: path, backend: "cuda" }),
    LibraryError,
    `Cannot use ${path}: it is the cpu library, expected cuda`,
  );
});

Deno.test("an unknown backend is refused", () => {
  assertThrows(
    () => Device.open({ backend: "tpu" as never }),
    ArgumentError,
    'Cannot open a device: backend is "tpu", expected auto, cpu or cuda',
  );
});

Deno.test("SPECMQUANT_LEAKS=1 reports what was never disposed", async () => {
  const module = new URL("./mod.ts", import.meta.url);
  const program = `
    import { Arena, Device } from ${JSON.stringify(module.href)};
    using device = Device.open({ backend: "cpu", threads: 1 });
    (() => { new Arena(device, "forgotten").allocate("u8", [1]); })();
    (() => { using arena = new Arena(device, "kept in hand"); arena.allocate("u8", [1]); })();
    for (let i = 0; i < 5; i++) { gc(); await new Promise((done) => setTimeout(done, 10)); }
  `;
  const run = async (leaks: string) => {
    const { stderr, success } = await new Deno.Command(Deno.execPath(), {
      args: ["eval", "--v8-flags=--expose-gc", "--ext=ts", program],
      env: { SPECMQUANT_LEAKS: leaks, NO_COLOR: "1" },
    }).output();
    assert(success, new TextDecoder().decode(stderr));
    return new TextDecoder().decode(stderr).split("\n").filter((line) => line.startsWith("specm"));
  };
  assertEquals(await run("1"), [`specmquant: the arena "forgotten" was never disposed`]);
  assertEquals(await run("0"), []);
});
