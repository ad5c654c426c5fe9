import { assertEquals } from "@std/assert";
import { TestOutput } from "../../src/cli/fixtures_test.ts";
import { Compiling } from "./compiling.ts";
import { Reporter } from "./reporter.ts";

function rig() {
  const tree = Deno.makeTempDirSync();
  let now = 0;
  const output = new TestOutput();
  const reporter = new Reporter(output, { rewrite: false, tickMs: 0, now: () => now });
  return {
    tree,
    compiling: new Compiling(tree, reporter),
    /** What was said, after 10 s. */
    said() {
      now += 10_000;
      reporter.tick();
      return output.text.trimEnd().split("\n");
    },
    [Symbol.dispose]: () => Deno.removeSync(tree, { recursive: true }),
  };
}

const OBJECTS = "CMakeFiles/specmquant.dir";

Deno.test("make's lines say what is begun; what has an object file has ended", () => {
  using it = rig();
  Deno.mkdirSync(`${it.tree}/${OBJECTS}/gemm`, { recursive: true });
  // What an earlier build left does not count.
  Deno.writeTextFileSync(`${it.tree}/${OBJECTS}/gemm/a.cu.o`, "old");
  Deno.utimeSync(`${it.tree}/${OBJECTS}/gemm/a.cu.o`, 1e9, 1e9);
  it.compiling.line(`\x1b[32m[  2%] Building CUDA object ${OBJECTS}/gemm/a.cu.o\x1b[0m`);
  it.compiling.line("Consolidate compiler generated dependencies of target specmquant");
  it.compiling.line(`[  4%] Building CXX object ${OBJECTS}/cmake_pch.hxx.gch`);
  it.compiling.line(`[100%] Building CXX object ${OBJECTS}/pool.cpp.o`);
  assertEquals(it.said().slice(2), [
    "[100%] compiling pool.cpp",
    "10 s: [100%] compiling gemm/a.cu, the headers of all, pool.cpp",
  ]);
  Deno.writeTextFileSync(`${it.tree}/${OBJECTS}/cmake_pch.hxx.gch`, "new");
  Deno.writeTextFileSync(`${it.tree}/${OBJECTS}/pool.cpp.o`, ""); // begun, not written
  assertEquals(it.said().at(-1), "20 s: [100%] compiling gemm/a.cu, pool.cpp");
  it.compiling.line("[100%] Linking CXX shared library libspecmquant.so");
  it.compiling.line("[100%] Built target specmquant");
  assertEquals(it.said().slice(-2), ["[100%] linking", "30 s: [100%] linking"]);
});

Deno.test("ninja's lines say what has ended", () => {
  using it = rig();
  it.compiling.line(`[3/45] Building CXX object ${OBJECTS}/cpu/ops/tree.cpp.o`);
  assertEquals(it.said(), [
    "[3/45] compiled cpu/ops/tree.cpp",
    "10 s: [3/45] compiled cpu/ops/tree.cpp",
  ]);
});
