import { assertEquals, assertMatch } from "@std/assert";
import { TestOutput } from "../fixtures_test.ts";
import { Progress } from "./progress.ts";

Deno.test("Progress: a bar on a terminal, redrawn now and then, with the time left", () => {
  const output = new TestOutput(true);
  let time = 0;
  const bar = new Progress(output, { now: () => time });
  bar.update("work", 0, 200);
  assertEquals(output.text, `\r\x1b[Kwork [${"-".repeat(24)}]   0%`);
  output.text = "";
  time = 50;
  bar.update("work", 10, 200);
  assertEquals(output.text, "");
  time = 60_000;
  bar.update("work", 50, 200);
  assertEquals(output.text, `\r\x1b[Kwork [${"#".repeat(6)}${"-".repeat(18)}]  25%  3:00 left`);
  output.text = "";
  bar.clear();
  bar.clear();
  assertEquals(output.text, "\r\x1b[K");
});

Deno.test("Progress: lines or nothing where nobody looks", () => {
  for (const lines of [false, true]) {
    const output = new TestOutput();
    let time = 0;
    {
      using bar = new Progress(output, { lines, now: () => time });
      for (time = 0; time <= 25_000; time += 1000) bar.update("work", time, 50_000);
    }
    const written = output.text.split("\n");
    assertEquals(written.length, lines ? 3 : 1);
    if (lines) assertEquals(written[1], "work  40%  0:30 left");
  }
});

Deno.test("Progress: each label has its own time; nothing to do is all done", () => {
  const output = new TestOutput(true);
  let time = 0;
  const bar = new Progress(output, { now: () => time });
  bar.update("a", 1, 2);
  time = 10_000;
  bar.update("b", 0, 0);
  assertMatch(output.text, /b \[#{24}\] 100%$/);
});

Deno.test("Progress: what was done before takes no time, and a line is no longer than the terminal", () => {
  const output = new TestOutput(true, 60);
  let time = 0;
  const bar = new Progress(output, { now: () => time });
  bar.update("work", 100, 200);
  time = 10_000;
  output.text = "";
  // A tenth of the rest in ten seconds.
  bar.update("work", 110, 200, "file 3 of 9: model.safetensors");
  const whole = `work [${"#".repeat(13)}${
    "-".repeat(11)
  }]  55%  1:30 left  file 3 of 9: model.safetensors`;
  assertEquals(output.text, `\r\x1b[K${whole.slice(0, 59)}`);
});
