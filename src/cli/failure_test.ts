import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { ArgumentError, CheckpointError, FileError, SpecMQuantError } from "../base/errors.ts";
import type { CommandInfo } from "./options/command.ts";
import { failureOf } from "./failure.ts";
import { UsageError } from "./options/usage_error.ts";

const COMMAND: CommandInfo = {
  name: "cook",
  summary: "",
  example: "",
  options: ["tree-size", "prompt", "prompt-file"].map((name) => ({
    name,
    type: "string",
    value: "X",
    summary: "",
  })),
};

Deno.test("failureOf: exit codes, and no stack for what is not this program's fault", () => {
  const cases: [unknown, number, string, string][] = [
    [new UsageError("Cannot"), 2, "usage", "error: Cannot\n"],
    [new CheckpointError("f", "no"), 1, "checkpoint", "error: Cannot read f: no\n"],
    [new SpecMQuantError("x", "no"), 1, "x", "error: no\n"],
    [new ArgumentError("rows", "no"), 1, "argument", "error: no\n"],
    [new Deno.errors.PermissionDenied("no: mkdir 'x'"), 1, "system", "error: no: mkdir 'x'\n"],
    // Deno has no class of its own for these.
    [new Error("No space left (os error 28)"), 1, "system", "error: No space left (os error 28)\n"],
    [new FileError("write", "f", "no"), 1, "file", "error: Cannot write f: no\n"],
    [new DOMException("interrupted", "AbortError"), 130, "interrupted", "interrupted\n"],
  ];
  for (const [error, exitCode, code, report] of cases) {
    const failure = failureOf(error, { command: COMMAND });
    assertEquals([failure.exitCode, failure.code], [exitCode, code]);
    assertStringIncludes(failure.report, report);
    assertEquals(failure.report.includes("failure_test.ts"), false);
  }
  assertStringIncludes(failureOf(new UsageError("x"), { command: COMMAND }).report, "cook --help");
});

Deno.test("failureOf: a mistake in the program shows its stack", () => {
  const failure = failureOf(new TypeError("undefined is no function"));
  assertEquals([failure.exitCode, failure.code], [1, "internal"]);
  assertMatch(failure.report, /TypeError: undefined is no function[^]*failure_test\.ts/);
  assertEquals(failureOf("thrown").report, "internal error: thrown\n");
});

Deno.test("failureOf: arguments of the library are named by their flag", () => {
  const report = (argument: string, values: Record<string, unknown>) => {
    const failure = failureOf(new ArgumentError(argument, "no"), { command: COMMAND, values });
    assertEquals(failure.exitCode, 2);
    return failure.report;
  };
  assertEquals(report("treeSize", { "tree-size": 99 }), "error: --tree-size: no\n");
  assertEquals(report("treeSize", {}), "error: --tree-size: no\n");
  assertEquals(report("prompt", { prompt: "x" }), "error: --prompt: no\n");
  assertEquals(report("prompt", { "prompt-file": "x" }), "error: --prompt-file: no\n");
  assertEquals(report("prompt", {}), "error: no\n");
});
