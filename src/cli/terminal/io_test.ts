import { fileURLToPath } from "node:url";
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { SpecMQuantError } from "../../base/errors.ts";
import { TestOutput } from "../fixtures_test.ts";
import { linesOf, processIo, tableColumns } from "./io.ts";

const MAIN = fileURLToPath(new URL("../main.ts", import.meta.url));

function withColumns(value: string | undefined): number {
  const before = Deno.env.get("COLUMNS");
  const set = (text: string | undefined) =>
    text === undefined ? Deno.env.delete("COLUMNS") : Deno.env.set("COLUMNS", text);
  set(value);
  try {
    return processIo().stdout.columns;
  } finally {
    set(before);
  }
}

Deno.test("columns: as COLUMNS says, if it is a number that can be", () => {
  assertEquals(withColumns("61"), 61);
  assertEquals(withColumns("137"), 137);
  const unset = withColumns(undefined);
  assert(unset > 0);
  for (const wrong of ["0", "-5", "wide", "", "1.5"]) assertEquals(withColumns(wrong), unset);
});

Deno.test("columns: tables fit a terminal, and are whole in a pipe", () => {
  assertEquals(tableColumns(new TestOutput(true, 60)), 60);
  assertEquals(tableColumns(new TestOutput(false, 60)), Infinity);
});

function hasScript(): boolean {
  try {
    return new Deno.Command("script", { args: ["--version"], stdout: "null" }).outputSync().success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

Deno.test({
  name: "process: on a terminal help has its width, and nothing is asked",
  ignore: !hasScript(),
  fn: async () => {
    // No permission at all: neither for the environment nor for anything else.
    const help = `'${Deno.execPath()}' run --no-check --quiet '${MAIN}' help score`;
    const { code, stdout } = await new Deno.Command("script", {
      args: ["-qec", `stty cols 53; ${help}`, "/dev/null"],
      stdin: "null",
      env: { NO_COLOR: "1" },
    }).output();
    const lines = new TextDecoder().decode(stdout).split(/\r?\n/);
    assertEquals(code, 0);
    assertMatch(lines.join("\n"), /^Usage: specmquant score/);
    const longest = Math.max(...lines.map((line) => line.length));
    assert(longest > 45 && longest <= 53, `${longest}`);
  },
});

Deno.test("lines: cut anywhere, whatever ends them, the last one without an end", async () => {
  const bytes = new TextEncoder().encode("one\r\n\nthr\u00e9\u00e9\nfour \u6f22");
  const read = async (size: number) => {
    const pieces = Array.from(
      { length: Math.ceil(bytes.length / size) },
      (_, i) => bytes.slice(i * size, (i + 1) * size),
    );
    return await Array.fromAsync(linesOf(ReadableStream.from(pieces)));
  };
  for (let size = 1; size <= bytes.length; size++) {
    assertEquals(await read(size), ["one", "", "thr\u00e9\u00e9", "four \u6f22"]);
  }
  assertEquals(await Array.fromAsync(linesOf(new Blob([]).stream())), []);
  for (const wrong of [[97, 255, 10], [97, 10, 0xe6]]) {
    const broken = new Blob([Uint8Array.from(wrong)]).stream();
    const error = await assertRejects(() => Array.fromAsync(linesOf(broken)), SpecMQuantError);
    assertEquals([error.code, error.message], [
      "file",
      "Cannot read standard input: its bytes are not UTF-8",
    ]);
  }
});
