/**
 * GGUF files on the command line.
 */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { openCheckpoint } from "../../src/checkpoint/checkpoint.ts";
import { openHead } from "../../src/checkpoint/head.ts";
import { testIo } from "../../src/cli/fixtures_test.ts";
import { runProgram } from "../../src/cli/program.ts";
import { COMMANDS } from "../../src/cli/registry.ts";
import { checkHead } from "../../src/model/mod.ts";
import { DEMO_DIR } from "../../scripts/models/trio.ts";
import { ggufCase } from "./gguf_cases.ts";
import { writeRandomHead } from "../models.ts";

async function run(...args: string[]) {
  const io = testIo();
  const code = await runProgram(args, COMMANDS, io);
  return { code, out: io.stdout.text, err: io.stderr.text };
}

const path = (name: string) => ggufCase(name).path;

Deno.test("inspect: a split GGUF model, its types and its parts", async () => {
  const split = path("split");
  const { code, out, err } = await run("inspect", split, "--json");
  assertEquals([code, err], [0, ""]);
  const { gguf, format, tensors, unused, config } = JSON.parse(out);
  assertEquals(format, "gguf");
  assertEquals(
    gguf.files,
    [1, 2, 3].map((part) => split.replace("00001-of", `0000${part}-of`)),
  );
  assertEquals([gguf.version, gguf.name, gguf.tokenizer], [3, "random split", "gpt2, gpt-2"]);
  // Layers: 4 x 64 x 64 of MLP and attention output, q, and 2 x 32 x 64 of k and v; embedding and output.
  assertEquals(gguf.types, [{ type: "Q8_0", elements: 2 * (5 + 1) * 64 * 64 + 2 * 320 * 64 }]);
  assertEquals(tensors.length, 2 * 9 + 3);
  assertEquals(tensors[0].blocks, { type: "Q8_0", shape: [320, 64] });
  assertEquals([unused, config.vocab_size], [[], 320]);
  const text = (await run("inspect", split)).out;
  for (
    const words of ["version 3, 3 files", "Q8_0 100.0%", "-00003-of-00003.gguf", "Q8_0   [320, 64]"]
  ) {
    assertStringIncludes(text, words);
  }
});

Deno.test("inspect: a GGUF model of several types, and rope by divisors", async () => {
  const mixed = (await run("inspect", path("q4_k_m"))).out;
  // Of 376,832: q, k, gate and up; the embedding, v and down; the attention's output.
  assertStringIncludes(mixed, "Q4_K 47.8%, Q6_K 43.5%, Q5_0 8.7%");
  const rope = (await run("inspect", path("llama3-rope"))).out;
  assertStringIncludes(rope, "theta 10000, frequencies divided by 1 to 8");
});

Deno.test("trim-head and quantize --head: a head on a GGUF target", async () => {
  const model = path("split");
  const dir = Deno.makeTempDirSync();
  using checkpoint = openCheckpoint(model);
  const { hiddenSize: hidden, intermediateSize, vocabSize: vocab, ...sizes } = checkpoint.config;
  const { heads, kvHeads, headDim } = sizes;
  const shape = { seed: 3, layers: 1, hidden, intermediate: intermediateSize, vocab };
  writeRandomHead(`${dir}/head`, { ...shape, heads, kvHeads, headDim });
  Deno.writeTextFileSync(`${dir}/a.txt`, "some words, and some more of them. ".repeat(30));
  const target = ["--target", model, "--backend", "cpu"];
  const trims = ["--texts", `${dir}/a.txt`, "--keep", "96", "--out", `${dir}/trimmed`];
  const trim = await run("trim-head", "--head", `${dir}/head`, ...target, ...trims);
  assertEquals([trim.code, trim.err], [0, ""]);
  assertStringIncludes(trim.out, `drafts 96 of ${vocab} tokens`);
  const how = ["--scheme", "w4a16-g32", "--calibration", `${dir}/a.txt`, "--out", `${dir}/w4`];
  const quantize = await run("quantize", "--head", `${dir}/trimmed`, ...target, ...how);
  assertEquals(quantize.code, 0, quantize.err);
  assertStringIncludes(quantize.out, "9 linear layers quantized to w4a16-g32 by gptq");
  using head = openHead(`${dir}/w4`);
  assertEquals([head.config.kind, head.config.draftVocabSize], ["eagle2", 96]);
  assertEquals(checkHead(head, checkpoint).unused.filter(({ matters }) => matters), []);
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("quantize and convert-head say what they need instead of GGUF", async () => {
  const out = `${Deno.makeTempDirSync()}/out`;
  const model = path("f16");
  const scheme = ["--scheme", "w4a16-g128", "--out", out];
  const quantize = await run("quantize", "--model", model, ...scheme);
  assertEquals(quantize.code, 2);
  assertStringIncludes(quantize.err, `Cannot quantize ${model}: it is GGUF, expected a directory`);
  const head = ["--head", `${DEMO_DIR}/target-eagle2`, "--out", out];
  const convert = await run("convert-head", ...head, "--model", model);
  assertEquals(convert.code, 2);
  assertStringIncludes(convert.err, `${model} is GGUF, expected a model that "quantize --rotate"`);
});

Deno.test("generate: a GGUF file is no head, and says so", async () => {
  const { code, err } = await run("generate", "-t", path("f16"), "--head", path("f32"), "-p", "a");
  assertEquals(code, 1);
  assertStringIncludes(err, "--head: Cannot read");
  assertStringIncludes(err, "it is a GGUF file, expected the directory of a draft head");
});

Deno.test("generate: a GGUF file that does not say how tokens are chosen", async () => {
  const { code, err } = await run("generate", "-t", path("f16"), "-p", "a", "--sampling", "model");
  assertEquals(code, 1);
  assertStringIncludes(err, "the file says nothing of it, expected keys under general.sampling");
});

Deno.test("score and generate: GGUF files as target and draft model", async () => {
  const scored = await run(
    "score",
    "-t",
    path("q5_0"),
    "--text",
    "Tom has",
    "--backend",
    "cpu",
    "--json",
  );
  assertEquals([scored.code, scored.err], [0, ""]);
  const plain = [
    "generate",
    "-t",
    path("q8_0"),
    "-p",
    "Tom has",
    "-n",
    "12",
    "--backend",
    "cpu",
    "--json",
  ];
  const drafted = ["--draft", path("q4_0"), "--method", "draft"];
  const [one, two] = [await run(...plain), await run(...plain, ...drafted)];
  assertEquals([one.code, two.code], [0, 0]);
  assertEquals(JSON.parse(two.out).tokens, JSON.parse(one.out).tokens);
  assertEquals(JSON.parse(two.out).stats.method, "draft");
});
