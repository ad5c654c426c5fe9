import { assertEquals } from "@std/assert";
import { violation } from "./floors.ts";

const ALLOWED: ReadonlyArray<[from: string, to: string]> = [
  ["src/ffi/library.ts", "src/base/errors.ts"],
  ["src/device/device.ts", "src/ffi/library.ts"],
  ["src/ops/embed.ts", "src/ffi/status.ts"],
  ["src/ops/embed.ts", "src/ops/check.ts"],
  ["src/quant/gptq.ts", "src/checkpoint/safetensors.ts"],
  ["src/model/config.ts", "src/checkpoint/config.ts"],
  ["src/engine/generate.ts", "src/text/tokenizer.ts"],
  ["src/engine/generate.ts", "src/checkpoint/config.ts"],
  ["src/cli/generate.ts", "src/engine/generate.ts"],
  ["src/cli/commands/inspect.ts", "src/checkpoint/safetensors.ts"],
  ["src/checkpoint/safetensors.ts", "src/base/dtype.ts"],
  ["mod.ts", "src/engine/generate.ts"],
  ["mod.ts", "src/base/errors.ts"],
  ["src/base/shape_test.ts", "src/engine/generate.ts"],
  ["src/base/shape_test.ts", "tests/data.ts"],
  ["scripts/build.ts", "src/ffi/library.ts"],
  ["tests/lossless.ts", "src/cli/main.ts"],
];

const REFUSED: ReadonlyArray<[from: string, to: string, rule: string]> = [
  ["src/base/errors.ts", "src/ffi/status.ts", "only device and ops see ffi"],
  ["src/base/errors.ts", "src/ops/embed.ts", "ops is above base"],
  ["src/model/llama.ts", "src/speculation/tree.ts", "speculation is above model"],
  ["src/engine/session.ts", "src/cli/main.ts", "cli is above engine"],
  ["src/quant/gptq.ts", "src/ffi/library.ts", "only device and ops see ffi"],
  ["src/cli/main.ts", "src/ffi/library.ts", "only device and ops see ffi"],
  ["src/checkpoint/safetensors.ts", "src/device/tensor.ts", "checkpoint sees only base"],
  ["src/checkpoint/safetensors.ts", "src/text/files.ts", "checkpoint sees only base"],
  ["src/text/tokenizer.ts", "src/engine/stats.ts", "text sees only base"],
  ["src/model/llama.ts", "src/text/tokenizer.ts", "only engine, cli, server, eval see text"],
  [
    "src/ops/embed.ts",
    "src/checkpoint/config.ts",
    "only quant, model, engine, cli, server, eval see checkpoint",
  ],
  ["src/cli/main.ts", "src/server/main.ts", "cli and server are side by side"],
  ["src/eval/main.ts", "src/cli/main.ts", "eval and cli are side by side"],
  ["src/engine/session.ts", "src/new/x.ts", "new is on no floor"],
  ["src/new/x.ts", "src/base/errors.ts", "new is on no floor"],
  ["src/x.ts", "src/base/errors.ts", "a file of src is in one of its folders"],
  ["src/cli/main.ts", "scripts/build.ts", "src imports nothing of this repository outside src"],
  ["src/cli/main.ts", "mod.ts", "src imports nothing of this repository outside src"],
  ["src/cli/main.ts", "src/cli/fixtures_test.ts", "only tests import tests"],
  ["mod.ts", "src/cli/main.ts", "mod.ts must not import cli"],
];

Deno.test("floors: imports that go down stand", () => {
  for (const [from, to] of ALLOWED) {
    assertEquals(violation(from, to), undefined, `${from} -> ${to}`);
  }
});

Deno.test("floors: imports that go up or sideways do not", () => {
  for (const [from, to, rule] of REFUSED) {
    assertEquals(violation(from, to), rule, `${from} -> ${to}`);
  }
});
