/**
 * Builds of a checkout in small: in awkward folders, moved, interrupted, killed, two at once.
 *
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { AWKWARD, Build, commandLines, Held, miniature } from "./fixtures_test.ts";

const LIBRARY = "build/libspecmquant_cpu.so";

/** Registers a test with a checkout of its own; each takes 2 to 5 seconds. */
function buildTest(name: string, body: (at: string) => Promise<void>): void {
  Deno.test(name, async () => {
    const parent = await Deno.makeTempDir();
    try {
      miniature(`${parent}/${AWKWARD}`);
      await body(`${parent}/${AWKWARD}`);
    } finally {
      await Deno.remove(parent, { recursive: true });
    }
  });
}

/** Builds to the end, which must be a library; what was said. */
async function built(at: string): Promise<string> {
  await using build = new Build(at);
  assertEquals([await build.code(), build.text.trimEnd().split("\n").at(-1)?.split(":")[0]], [
    0,
    LIBRARY,
  ], build.text);
  assert(Deno.statSync(`${at}/${LIBRARY}`).size > 0);
  return build.text;
}

buildTest(
  "a folder with any signs in its name builds, and so does one that was moved",
  async (at) => {
    const first = await built(at);
    assertMatch(first, /^\[ *\d+%\] compiling cpu\/pool\.cpp$/m);
    assertMatch(await built(at), /^build\/libspecmquant_cpu\.so: .*\n$/); // nothing else is said
    const moved = `${at} moved`;
    Deno.renameSync(at, moved);
    const second = await built(moved);
    assertStringIncludes(second, `from scratch: it was made for ${at}/cuda`);
    assertMatch(second, /^\[ *\d+%\] compiling cpu\/pool\.cpp$/m);
    // A copy beside what it was copied from.
    miniature(at);
    Deno.removeSync(`${moved}/build/cmake`, { recursive: true });
    Deno.renameSync(`${moved}/build`, `${at}/build`);
    await built(at);
  },
);

buildTest("a long compilation is named every few seconds; Ctrl-C ends it and all", async (at) => {
  const held = new Held(`${at}/cuda/cpu/pool.cpp`);
  await using build = new Build(at);
  await build.says(/^\d+ s: \[ *\d+%\] compiling (.*, )?cpu\/pool\.cpp(,.*)?$/m);
  build.kill("SIGINT"); // only the script gets it, as from `kill`
  assertEquals(await build.code(), 130);
  assertStringIncludes(build.text, "Cannot build the native library: interrupted");
  assertEquals(commandLines().filter((line) => line.includes(at)), [], "compilers are left");
  assertEquals(Deno.statSync(`${at}/build/cmake.lock`).size, 0);
  await held.release();
  assert(!(await built(at)).includes("from scratch"));
});

buildTest("after a build that was killed, the next one trusts nothing", async (at) => {
  const held = new Held(`${at}/cuda/cpu/pool.cpp`);
  await using build = new Build(at);
  await build.says(/compiling cpu\/pool\.cpp/);
  build.kill("SIGKILL");
  await held.release();
  await build.code();
  assertStringIncludes(await built(at), "from scratch: the last build in it was killed");
});

buildTest("of two builds at once, one waits for the other", async (at) => {
  const held = new Held(`${at}/cuda/cpu/pool.cpp`);
  await using first = new Build(at);
  await first.says(/compiling cpu\/pool\.cpp/);
  await using second = new Build(at);
  await second.says(/^waiting for another build of build\/libspecmquant_cpu\.so$/m);
  await held.release();
  assertEquals([await first.code(), await second.code()], [0, 0], first.text + second.text);
  assert(!second.text.includes("compiling"), second.text);
});

buildTest("a failed build prints what the compiler said, and leaves the library", async (at) => {
  await built(at);
  const before = Deno.readFileSync(`${at}/${LIBRARY}`);
  Deno.writeTextFileSync(`${at}/cuda/cpu/pool.cpp`, "#error this is wrong\n");
  await using build = new Build(at);
  assertEquals(await build.code(), 1);
  assertMatch(build.text, /cpu\/pool\.cpp:1:2: error: #error this is wrong\n/);
  assertStringIncludes(build.text, "Cannot build the native library: `cmake --build` ended with 2");
  assertEquals(Deno.readFileSync(`${at}/${LIBRARY}`), before);
  Deno.writeTextFileSync(`${at}/cuda/cpu/pool.cpp`, "");
  await built(at);
});
