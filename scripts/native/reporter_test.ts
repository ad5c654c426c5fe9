import { assert, assertEquals } from "@std/assert";
import { TestOutput } from "../../src/cli/fixtures_test.ts";
import { Reporter, type ReporterOptions } from "./reporter.ts";
import { run } from "./run.ts";

/** A reporter with a clock of its own, and when it wrote what. */
function rig(options: ReporterOptions) {
  const clock = { ms: 0 };
  const writes: [seconds: number, text: string][] = [];
  const output = new TestOutput();
  output.writeSync = (text) => writes.push([clock.ms / 1000, text]);
  const reporter = new Reporter(output, { tickMs: 0, now: () => clock.ms, ...options });
  const wait = (seconds: number) => {
    for (const end = clock.ms + seconds * 1000; clock.ms < end;) {
      clock.ms += 500;
      reporter.tick();
    }
  };
  return { reporter, writes, wait };
}

Deno.test("elsewhere than on a terminal: a line for each step, and one every 3 s of silence", () => {
  const { reporter, writes, wait } = rig({ rewrite: false });
  wait(10); // nothing is done yet
  let running = "a, b";
  reporter.step("[ 1%] compiling b", () => `[ 1%] compiling ${running}`);
  wait(4);
  running = "a";
  wait(3.5);
  reporter.step("[ 9%] linking");
  wait(2);
  reporter.line("done");
  reporter[Symbol.dispose]();
  assertEquals(writes, [
    [10, "[ 1%] compiling b\n"],
    [13, "13 s: [ 1%] compiling a, b\n"],
    [16, "16 s: [ 1%] compiling a\n"],
    [17.5, "[ 9%] linking\n"],
    [19.5, "done\n"],
  ]);
});

Deno.test("on a terminal one line is written over, within its width, and cleared", () => {
  const { reporter, writes, wait } = rig({ rewrite: true, columns: () => 20 });
  reporter.step("compiling something long");
  wait(1);
  reporter.line("done");
  reporter[Symbol.dispose]();
  assertEquals(writes.map(([, text]) => text), [
    "\r\x1b[K  0 s  compiling so",
    "\r\x1b[K  1 s  compiling so",
    "\r\x1b[K  1 s  compiling so",
    "\r\x1b[Kdone\n",
    "\r\x1b[K",
  ]);
});

Deno.test("CI and outputs without colours get lines", () => {
  const before = Deno.env.get("CI");
  try {
    for (
      const [terminal, ci, first] of [[true, "1", "x\n"], [false, "", "x\n"], [true, "", "\r"]]
    ) {
      Deno.env.set("CI", `${ci}`);
      const output = new TestOutput(terminal === true);
      const reporter = new Reporter(output, { tickMs: 0 });
      reporter.step("x");
      assert(output.text.startsWith(`${first}`), `terminal ${terminal}, CI=${ci}: ${output.text}`);
    }
  } finally {
    if (before === undefined) Deno.env.delete("CI");
    else Deno.env.set("CI", before);
  }
});

Deno.test("a reader that has gone does not end the work", () => {
  const output = new TestOutput();
  output.writeSync = () => {
    throw new Deno.errors.BrokenPipe();
  };
  using reporter = new Reporter(output, { tickMs: 0 });
  reporter.step("x");
});

// 2 s.
Deno.test("while a program says nothing, lines go on", async () => {
  const output = new TestOutput();
  {
    using reporter = new Reporter(output, { rewrite: false, tickMs: 50, silentMs: 200 });
    await run("sh", ["-c", "echo begun; sleep 2; echo ended"], {
      onLine: (line) => reporter.step(line),
    });
  }
  const lines = output.text.trimEnd().split("\n");
  assertEquals([lines[0], lines.at(-1)], ["begun", "ended"]);
  const between = lines.slice(1, -1);
  assert(between.length >= 3, output.text); // 7 to 10 where the machine is not busy
  for (const line of between) assert(/^\d s: begun$/.test(line), line);
});
