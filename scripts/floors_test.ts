import { assertEquals } from "@std/assert";
import { circles, violation } from "./floors.ts";

const ALLOWED: ReadonlyArray<[from: string, to: string]> = [
  ["src/ffi/library.ts", "src/base/errors.ts"],
  ["src/device/device.ts", "src/ffi/library.ts"],
  ["src/ops/embed.ts", "src/ffi/status.ts"],
  ["src/ops/embed.ts", "src/ops/check.ts"],
  ["src/quant/w4a16.ts", "src/checkpoint/formats/expect.ts"],
  ["src/model/config.ts", "src/checkpoint/config/config.ts"],
  ["src/engine/generate.ts", "src/text/tokenizer.ts"],
  ["src/cli/commands/pull.ts", "src/hub/pull.ts"],
  ["src/engine/generate.ts", "src/grammar/grammar.ts"],
  ["src/server/route.ts", "src/grammar/mod.ts"],
  ["src/grammar/grammar.ts", "src/base/errors.ts"],
  ["src/grammar/json/strings.ts", "src/grammar/language/expression.ts"],
  ["src/hub/pull.ts", "src/hub/net/client.ts"],
  ["src/hub/net/client.ts", "src/base/errors.ts"],
  ["src/engine/generate.ts", "src/checkpoint/checkpoint.ts"],
  ["src/cli/commands/generate.ts", "src/engine/generate.ts"],
  ["src/cli/commands/eval.ts", "src/eval/mod.ts"],
  ["src/cli/commands/serve.ts", "src/server/server.ts"],
  ["src/cli/commands/inspect.ts", "src/checkpoint/head.ts"],
  ["src/checkpoint/containers/safetensors.ts", "src/base/dtype.ts"],
  ["src/checkpoint/formats/awq.ts", "src/checkpoint/containers/json.ts"],
  ["src/checkpoint/formats/awq.ts", "src/checkpoint/formats/expect.ts"],
  ["src/checkpoint/checkpoint.ts", "src/checkpoint/config/config.ts"],
  ["src/checkpoint/gguf/source.ts", "src/gguf/mod.ts"],
  ["src/text/tokenizer.ts", "src/gguf/mod.ts"],
  ["src/cli/commands/inspect.ts", "src/gguf/mod.ts"],
  ["src/gguf/gguf.ts", "src/base/reader.ts"],
  ["src/checkpoint/synthetic/shapes.ts", "src/checkpoint/checkpoint.ts"],
  ["src/quantize/jobs/job.ts", "src/quantize/methods/gptq.ts"],
  ["src/text/template/compile/scope.ts", "src/text/template/values/value.ts"],
  ["mod.ts", "src/engine/generate.ts"],
  ["mod.ts", "src/base/errors.ts"],
  ["src/base/shape_test.ts", "src/engine/generate.ts"],
  ["src/base/shape_test.ts", "tests/data.ts"],
  ["scripts/build.ts", "src/ffi/library.ts"],
  ["tests/lossless.ts", "src/cli/main.ts"],
];

const REFUSED: ReadonlyArray<[from: string, to: string, rule: string]> = [
  [
    "src/speculation/trees/tree.ts",
    "src/grammar/tree_masks.ts",
    "only engine, eval, server, cli see grammar",
  ],
  ["src/quantize/quantize.ts", "src/grammar/mod.ts", "only engine, eval, server, cli see grammar"],
  ["src/grammar/vocabulary.ts", "src/text/mod.ts", "grammar sees only base"],
  [
    "src/grammar/engine/network.ts",
    "src/grammar/syntax/regex.ts",
    "grammar/engine and grammar/syntax are side by side",
  ],
  ["src/base/errors.ts", "src/ffi/status.ts", "only device and ops see ffi"],
  ["src/base/errors.ts", "src/ops/embed.ts", "ops is above base"],
  ["src/model/llama.ts", "src/speculation/trees/tree.ts", "speculation is above model"],
  ["src/engine/session.ts", "src/cli/main.ts", "cli is above engine"],
  ["src/quant/w4a16.ts", "src/ffi/library.ts", "only device and ops see ffi"],
  ["src/cli/main.ts", "src/ffi/library.ts", "only device and ops see ffi"],
  [
    "src/checkpoint/containers/zip.ts",
    "src/device/tensor.ts",
    "checkpoint sees only base and gguf",
  ],
  ["src/checkpoint/checkpoint.ts", "src/text/files.ts", "checkpoint sees only base and gguf"],
  [
    "src/checkpoint/containers/index.ts",
    "src/checkpoint/formats/awq.ts",
    "checkpoint/formats is above checkpoint/containers",
  ],
  [
    "src/checkpoint/formats/awq.ts",
    "src/checkpoint/config/config.ts",
    "checkpoint/formats and checkpoint/config are side by side",
  ],
  [
    "src/checkpoint/checkpoint.ts",
    "src/checkpoint/synthetic/shapes.ts",
    "checkpoint/synthetic is above checkpoint",
  ],
  [
    "src/text/template/syntax/lexer.ts",
    "src/text/template/compile/scope.ts",
    "text/template/compile is above text/template/syntax",
  ],
  ["src/quantize/grids/x.ts", "src/quantize/attic/y.ts", "quantize/attic is no room"],
  ["src/engine/session.ts", "src/quantize/mod.ts", "engine and quantize are side by side"],
  ["src/text/tokenizer.ts", "src/engine/stats.ts", "text sees only base and gguf"],
  ["src/hub/pull.ts", "src/checkpoint/checkpoint.ts", "hub sees only base"],
  ["src/engine/engine.ts", "src/hub/pull.ts", "only cli see hub"],
  ["src/hub/net/client.ts", "src/hub/disk/place.ts", "hub/net and hub/disk are side by side"],
  [
    "src/model/llama.ts",
    "src/text/tokenizer.ts",
    "only engine, quantize, eval, server, cli see text",
  ],
  [
    "src/ops/embed.ts",
    "src/checkpoint/checkpoint.ts",
    "only quant, model, engine, quantize, eval, server, cli see checkpoint",
  ],
  ["src/gguf/gguf.ts", "src/checkpoint/checkpoint.ts", "gguf sees only base"],
  [
    "src/model/llama.ts",
    "src/gguf/mod.ts",
    "only checkpoint, text, engine, quantize, eval, server, cli see gguf",
  ],
  ["src/server/app.ts", "src/cli/main.ts", "cli is above server"],
  ["src/eval/evaluate.ts", "src/cli/main.ts", "cli is above eval"],
  ["src/eval/evaluate.ts", "src/server/app.ts", "eval and server are side by side"],
  ["src/eval/runs/run.ts", "src/eval/reports/html.ts", "eval/reports is above eval/runs"],
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

Deno.test("floors: circles of imports are found, each once", () => {
  assertEquals(circles([["a", "b"], ["b", "c"], ["a", "c"], ["d", "c"]]), []);
  assertEquals(
    circles([["a", "b"], ["b", "c"], ["c", "a"], ["c", "d"], ["d", "e"], ["e", "d"], ["e", "f"]]),
    [["d", "e"], ["a", "b", "c"]],
  );
});
