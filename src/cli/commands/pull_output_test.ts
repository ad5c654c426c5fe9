import { assertEquals } from "@std/assert";
import type { PullProgress } from "../../hub/mod.ts";
import { leftOutLine, nextCommand, PullRate } from "./pull_output.ts";
import type { Description } from "./describe.ts";

Deno.test("PullRate: bytes a second of the last moments, not of all time", () => {
  let time = 0;
  const rate = new PullRate(() => time);
  const base = { stage: "fetching", file: "a", total: 1e9, filesDone: 2, files: 3 } as const;
  const at = (seconds: number, done: number, more: Partial<PullProgress> = {}) => {
    time = seconds * 1000;
    return rate.describe({ ...base, done, ...more });
  };
  assertEquals(at(0, 5e8), "500.0 MB of 1.00 GB  file 3 of 3: a");
  assertEquals(at(1, 5.1e8), "510.0 MB of 1.00 GB  10.0 MB/s  file 3 of 3: a");
  for (let second = 2; second <= 20; second++) at(second, 5.1e8);
  assertEquals(at(21, 5.1e8), "510.0 MB of 1.00 GB  0.0 MB/s  file 3 of 3: a");
  for (let second = 22; second <= 40; second++) at(second, 5.1e8 + (second - 21) * 1e6);
  assertEquals(at(41, 5.3e8, { filesDone: 3 }), "530.0 MB of 1.00 GB  1.0 MB/s  file 3 of 3: a");
  assertEquals(at(42, 7, { stage: "checking", filesDone: 0 }), "0.0 MB of 1.00 GB  file 1 of 3: a");
});

Deno.test("leftOutLine: folders as one, and not too many", () => {
  const files = ["a/b", "a/c", "d", ...Array.from({ length: 20 }, (_, i) => `x${i}`)]
    .map((path) => ({ path, size: 1e6, sum: "" }));
  const line = leftOutLine(files);
  assertEquals(line.startsWith("left out: a/, d, x0, "), true);
  assertEquals(line.endsWith("x9 and 10 more (23.0 MB); --include takes what matches"), true);
});

Deno.test("nextCommand: a model, one to chat with, and a head", () => {
  const of = (kind: "model" | "head", chatTemplate: boolean) =>
    nextCommand("org/a b", { kind, chatTemplate } as Description);
  assertEquals(
    of("model", false),
    "specmquant generate --target 'org/a b' --prompt 'The sky is blue because'",
  );
  assertEquals(
    of("model", true),
    "specmquant generate --target 'org/a b' --prompt 'Why is the sky blue?' --chat",
  );
  assertEquals(
    of("head", false),
    "specmquant generate --target TARGET --head 'org/a b' --prompt Hello",
  );
});
