/**
 * The command line from end to end, on small random models: most cases inside this process, a few as
 * processes of their own.
 *
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { fileURLToPath } from "node:url";
import { testIo } from "../../src/cli/fixtures_test.ts";
import { runProgram } from "../../src/cli/program.ts";
import { COMMANDS } from "../../src/cli/registry.ts";
import { textWidth } from "../../src/cli/terminal/width.ts";
import { Tokenizer } from "../../src/text/tokenizer.ts";
import { BYTE_LEVEL_CONFIG, byteLevelTokenizer } from "../../src/text/fixtures_test.ts";
import { type RandomModel, SMALL, writeRandomHead, writeRandomModel } from "../models.ts";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

/** The size of the tokenizer's vocabulary. */
const VOCAB = 266;

const SHAPE: RandomModel = {
  ...SMALL,
  hidden: 128,
  intermediate: 256,
  heads: 2,
  kvHeads: 1,
  headDim: 64,
  vocab: VOCAB,
};

const root = Deno.makeTempDirSync();
addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));

function existsSync(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

function writeJson(file: string, value: unknown): void {
  Deno.writeTextFileSync(file, JSON.stringify(value));
}

function model(name: string, shape: RandomModel, config: object = {}): string {
  const dir = writeRandomModel(`${root}/${name}`, shape);
  writeJson(`${dir}/tokenizer.json`, byteLevelTokenizer());
  writeJson(`${dir}/tokenizer_config.json`, BYTE_LEVEL_CONFIG);
  const stored = JSON.parse(Deno.readTextFileSync(`${dir}/config.json`));
  writeJson(`${dir}/config.json`, { ...stored, ...config });
  return dir;
}

const target = model("target", SHAPE);
const draft = model("draft", { ...SHAPE, noise: 0.1 });
const head = writeRandomHead(`${root}/head`, SHAPE);
const TRIO = ["--target", target, "--draft", draft, "--head", head, "--backend", "cpu"];
const AR = ["--target", target, "--backend", "cpu"];

/** Text of a terminal without its colours and its last newline. */
function unpainted(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replaceAll(/\x1b\[\d+m/g, "").replace(/\n$/, "");
}

async function run(args: readonly string[], options: Parameters<typeof testIo>[0] = {}) {
  const io = testIo(options);
  const code = await runProgram(args, COMMANDS, io);
  return { code, out: io.stdout.text, err: io.stderr.text };
}

/** The JSON of a command that must succeed. */
// deno-lint-ignore no-explicit-any
async function json(args: readonly string[], options = {}): Promise<any> {
  const { code, out, err } = await run([...args, "--json"], options);
  assertEquals([code, err], [0, ""]);
  assertMatch(out, /^[^\n]+\n$/);
  return JSON.parse(out);
}

Deno.test("generate: every method gives the same text, as JSON of the promised shape", async () => {
  const rest = ["--prompt", "hello", "--max-tokens", "24", "--ignore-eos"];
  const plain = await json(["generate", ...AR, ...rest]);
  const withDraft = [...AR, "--draft", draft];
  const methods: Record<string, string[]> = {
    ar: AR,
    draft: withDraft,
    eagle2: [...AR, "--head", head],
    hier: TRIO,
    auto: TRIO,
  };
  for (const [method, args] of Object.entries(methods)) {
    const result = await json(["generate", ...args, ...rest, "--method", method]);
    assertEquals(Object.keys(result), [
      "text",
      "tokens",
      "prompt_tokens",
      "finish_reason",
      "sampling",
      "grammar",
      "stats",
    ]);
    assertEquals(result.tokens, plain.tokens);
    assertEquals(result.text, plain.text);
    assertEquals([result.tokens.length, result.finish_reason], [24, "length"]);
    const { stats } = result;
    assertEquals(Object.keys(stats), [
      "method",
      "generated_tokens",
      "target_forwards",
      "tau",
      "accept_lengths",
      "levels",
      ...(method === "auto" ? ["choices"] : []),
      "timings",
    ]);
    assertEquals(stats.method, method);
    assertEquals(
      stats.accept_lengths.reduce((sum: number, n: number) => sum + n, 0),
      stats.target_forwards,
    );
    assertEquals(stats.levels[0].name, "target");
    assert(stats.levels.every((level: object) => "read_back_ms" in level));
    assertEquals(Object.keys(stats.timings), ["prefill_ms", "decode_ms", "tokens_per_second"]);
  }
});

Deno.test("generate: the prompt from the command line, a file or standard input", async () => {
  const file = `${root}/prompt.txt`;
  Deno.writeTextFileSync(file, "hello\n");
  const args = ["generate", ...AR, "--max-tokens", "8", "--ignore-eos"];
  const text = await run([...args, "--prompt", "hello"]);
  assertEquals(text.code, 0);
  assertMatch(
    text.err,
    /^8 tokens in .* tokens\/s, method ar, tau 1\.00, 8 target forwards, .*\n$/,
  );
  assertEquals((await run([...args, "--prompt-file", file])).out, text.out);
  assertEquals((await run(args, { stdin: "hello\n" })).out, text.out);
  // Only one newline is not the prompt's.
  assert((await run(args, { stdin: "hello\n\n" })).out !== text.out);

  Deno.writeFileSync(file, new Uint8Array([0x61, 0xff]));
  const broken = await run([...args, "--prompt-file", file]);
  assertEquals(broken, {
    code: 1,
    out: "",
    err: `error: Cannot read ${file}: its bytes are not UTF-8\n`,
  });
  const missing = await run([...args, "--prompt-file", `${root}/none`]);
  assertEquals(missing.err, `error: Cannot read ${root}/none: there is no such file\n`);
  const empty = await run(args, { stdin: "\n" });
  assertEquals(empty.code, 2);
  assertStringIncludes(empty.err, "standard input as the prompt: it is empty");
});

Deno.test("generate: on a terminal coloured by who proposed, with a legend and a bar", async () => {
  const rest = ["--prompt", "hello", "--max-tokens", "8", "--ignore-eos"];
  const args = ["generate", ...TRIO, "--method", "hier", ...rest];
  const { out, err } = await run(args, { terminal: true });
  assert(["\x1b[32m", "\x1b[33m", "\x1b[36m"].includes(out.slice(0, 5)));
  assert(out.endsWith("\n"));
  assertStringIncludes(err, "proposed by: \x1b[32mhead\x1b[0m");
  assertStringIncludes(err, "loading the target [");
  const plain = await run([...args, "--color", "never"], { terminal: true });
  assertEquals(plain.out.includes("\x1b"), false);
  // deno-lint-ignore no-control-regex
  assertEquals(plain.out, out.replaceAll(/\x1b\[\d+m/g, ""));
});

Deno.test("generate: stop texts end it and are no part of it", async () => {
  const args = ["generate", ...AR, "--prompt", "hello", "--max-tokens", "24", "--ignore-eos"];
  const { text, tokens } = await json(args);
  const stop = [...text].slice(6, 8).join("");
  const stopped = await json([...args, "--stop", "never there", "--stop", stop]);
  assertEquals(stopped.finish_reason, "stop");
  assertEquals(stopped.text, text.slice(0, text.indexOf(stop)));
  assertEquals(stopped.tokens, tokens.slice(0, stopped.tokens.length));
});

Deno.test("generate: JSON counts the prompt, and its tokens end where its text ends", async () => {
  const args = ["generate", ...AR, "--prompt", "hello", "--ignore-eos", "--context", "32"];
  const full = await json(args);
  // "hello" is one token, behind the one that begins every text.
  assertEquals([full.prompt_tokens, full.tokens.length, full.finish_reason], [2, 30, "context"]);
  const short = await json([...args, "--max-tokens", "5"]);
  assertEquals([short.tokens.length, short.finish_reason], [5, "length"]);
  const tokenizer = Tokenizer.load(target);
  const letters = [...full.text];
  for (const from of [3, 9]) {
    const stop = letters.slice(from, from + 4).join("");
    const { text, tokens, stats } = await json([...args, "--stop", stop]);
    assertEquals(text, full.text.slice(0, full.text.indexOf(stop)));
    assertEquals(tokens, full.tokens.slice(0, tokens.length));
    assert(tokenizer.decode(tokens).startsWith(text));
    assert(stats.generated_tokens > tokens.length);
  }
});

Deno.test("generate: reading a long prompt shows a bar, which goes before the text comes", async () => {
  const file = `${root}/long-prompt.txt`;
  Deno.writeTextFileSync(file, "hello world ".repeat(150));
  const args = ["generate", ...AR, "--prompt-file", file, "--max-tokens", "2", "--ignore-eos"];
  const { out, err } = await run(args, { terminal: true });
  const cleared = "\r\x1b[K";
  const bars = err.split(`${cleared}reading the prompt [`);
  assert(bars.length > 1, err);
  const [bar, after] = bars.at(-1)!.split(cleared);
  assertMatch(bar, /^[#-]+\] +\d+%/);
  assertMatch(after, /^2 tokens in [^\n]*\n$/);
  const quiet = await run(args);
  assertEquals([quiet.out, quiet.err.includes("reading")], [unpainted(out), false]);
});

Deno.test("generate: a prompt beyond the default context says how far --context may go", async () => {
  const long = model("roomy", SHAPE, { max_position_embeddings: 100_000 });
  const file = `${root}/beyond.txt`;
  Deno.writeTextFileSync(file, "hello ".repeat(2500));
  const args = ["generate", "--target", long, "--backend", "cpu", "--prompt-file", file];
  const { code, out, err } = await run(args);
  assertEquals([code, out], [2, ""]);
  assertStringIncludes(err, "--prompt-file: Cannot generate: the prompt has ");
  assertStringIncludes(err, "expected at most 4095 with a context of 4096");
  assertStringIncludes(err, "(--context on the command line) may go up to 100000");
});

Deno.test("generate: a chat goes through the model's template", async () => {
  const args = ["generate", "--backend", "cpu", "--max-tokens", "4", "--prompt", "hello"];
  const without = await run([...args, "--target", target, "--chat"]);
  assertEquals(without.code, 1);
  assertStringIncludes(without.err, `${target} has no chat template`);
  const dir = model("chat", SHAPE);
  Deno.writeTextFileSync(
    `${dir}/chat_template.jinja`,
    "<|bos|>{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}>",
  );
  const chat = await json([...args, "--target", dir, "--chat", "--system", "brief"]);
  const same = await json([
    "generate",
    ...AR,
    "--max-tokens",
    "4",
    "--prompt",
    "[system]brief[user]hello>",
  ]);
  assertEquals(chat.tokens, same.tokens);
});

Deno.test("generate: mistakes exit with 1 or 2 and name file or flag", async () => {
  const cases: [string[], number, string][] = [
    [["--target", `${root}/none`], 1, `Cannot read ${root}/none: it does not exist`],
    [["--target", root], 1, `${root}/config.json`],
    [["--target", writeRandomModel(`${root}/bare`, SHAPE)], 1, "tokenizer.json"],
    [["--target", head], 1, `--target: Cannot read ${head}: it holds a draft head`],
    [[...AR, "--method", "draft"], 2, "--draft: Cannot use method draft"],
    [[...AR, "--method", "hier", "--draft", draft], 2, "--head: Cannot use method hier"],
    [[...AR, "--head", draft], 1, `--head: Cannot read ${draft}: it holds a complete model`],
    [[...AR, "--context", "9999"], 2, "--context: Cannot plan a context of 9999"],
    [[...AR, "--context", "5"], 2, "--prompt: Cannot generate: the prompt has"],
    [[...TRIO, "--tree-size", "1000"], 2, "--tree-size: Cannot"],
    [[...TRIO, "--topk", "0"], 2, "--topk: Cannot"],
    [[...TRIO, "--depth=-1"], 2, "--depth: Cannot"],
    [[...TRIO, "--min-draft", "0"], 2, "--min-draft: Cannot"],
  ];
  for (const [args, code, words] of cases) {
    const result = await run(["generate", ...args, "--prompt", "hello world"]);
    assertEquals([result.code, result.out], [code, ""], `${args}: ${result.err}`);
    assertStringIncludes(result.err, words);
    assertEquals(result.err.includes(".ts:"), false, result.err);
  }
});

Deno.test("score: probabilities of a text, for machines and for people", async () => {
  const args = ["score", ...AR, "--top", "3"];
  const text = await json([...args, "--text", "hello world"]);
  assertEquals(Object.keys(text), ["tokens", "logprobs", "top", "perplexity"]);
  assertEquals(text.tokens, [263, 259, 261, 114, 108, 100]);
  assertEquals([text.logprobs[0], text.top[0]], [null, []]);
  assertEquals(text.top.slice(1).map((top: unknown[]) => top.length), [3, 3, 3, 3, 3]);
  const sum = text.logprobs.slice(1).reduce((a: number, b: number) => a + b);
  assert(Math.abs(text.perplexity - Math.exp(-sum / 5)) < 1e-9 * text.perplexity);

  assertEquals(await json([...args, "--tokens", text.tokens.join(",")]), text);
  // The likeliest token scores what the list of the likeliest says.
  const { id, logprob } = text.top[5][0];
  const tokens = [...text.tokens.slice(0, 5), id];
  const best = await json([...args, "--tokens", tokens.join(",")]);
  assert(Math.abs(best.logprobs[5] - logprob) < 1e-4);

  const table = await run([...args, "--text", "hello world"]);
  assertEquals([table.code, table.err], [0, ""]);
  assertEquals(table.out.split("\n")[0], "#  token  logprob  text       likeliest");
  assertMatch(table.out, /\n1 {4}259 {2} *-\d+\.\d{4} {2}"hello" {4}"/);
  assertMatch(table.out, /\nperplexity \d+\.\d{4}\n$/);
  const one = await json(["score", ...AR, "--tokens", "5"]);
  assertEquals(one, { tokens: [5], logprobs: [null], top: [[]], perplexity: null });
});

Deno.test("score: longer than the model was made for, and tokens that it does not have", async () => {
  const tokens = new Array(2049).fill(1).join(",");
  const long = await run(["score", ...AR, "--tokens", tokens]);
  assertEquals([long.code, long.out], [2, ""]);
  assertStringIncludes(long.err, "the text has 2049 tokens, expected at most 2048");
  assertEquals((await json(["score", ...AR, "--tokens", tokens.slice(2)])).tokens.length, 2048);
  const stray = await run(["score", ...AR, "--tokens", `1,${VOCAB}`]);
  assertEquals(stray.code, 2);
  assertStringIncludes(stray.err, `--tokens: Cannot score: token ${VOCAB}`);
  const narrow = model("narrow", { ...SHAPE, vocab: 200 });
  const misfit = await run(["score", "--target", narrow, "--text", "hello"]);
  assertEquals(misfit.code, 1);
  assertStringIncludes(misfit.err, `${narrow}/tokenizer.json: it gives token 263`);
});

Deno.test("inspect: a model and a head", async () => {
  const found = await json(["inspect", target, "--context", "512"]);
  const count = ({ shape }: { shape: number[] }) => shape.reduce((a, b) => a * b, 1);
  const stored = (tensors: { shape: number[] }[]) =>
    tensors.reduce((sum, tensor) => sum + count(tensor), 0);
  assertEquals([found.kind, found.scheme, found.dtype], ["model", "f16", "f16"]);
  assertEquals(found.parameters, stored(found.tensors));
  assertEquals(found.bytes, 2 * found.parameters);
  assertEquals(found.config.architecture, "llama");
  assertEquals(found.memory.context, 512);
  assertEquals(found.memory.parts[0], { label: "model: weights", bytes: found.bytes });
  assertEquals(found.forward_bytes, found.bytes - VOCAB * SHAPE.hidden * 2);
  assertEquals(found.special_tokens.eos, [{ id: 265, text: "<|user|>" }]);
  assertEquals(found.tensors[0], {
    name: "model.embed_tokens.weight",
    dtype: "f16",
    shape: [VOCAB, SHAPE.hidden],
    bytes: VOCAB * SHAPE.hidden * 2,
  });

  const text = (await run(["inspect", target, "--bandwidth", "100"])).out;
  assertMatch(text, /^architecture {4}llama$/m);
  assertMatch(text, /^model\.layers\.\*\.mlp\.up_proj\.weight +2 {2}f16 +\[256, 128\] +131072$/m);
  assertMatch(text, /^memory at a context of 2048:$/m);
  assertMatch(text, /^one forward reads 0\.7 MB: 0\.007 ms at least$/m);

  const headFound = await json(["inspect", head]);
  assertEquals(headFound.kind, "head");
  assertEquals(headFound.parameters, stored(headFound.tensors));
  assertMatch((await run(["inspect", head])).out, /^kind +EAGLE-2 draft head$/m);
});

Deno.test("inspect: each folder of the bundled trio, and heads as they are published", async () => {
  const demo = (name: string) =>
    fileURLToPath(new URL(`../../models/demo/${name}`, import.meta.url));
  const golden = (name: string) =>
    fileURLToPath(new URL(`../data/golden/${name}`, import.meta.url));
  const kinds: [string, string, string][] = [
    [demo("target"), "model", "w4a16-g128"],
    [demo("draft"), "model", "w4a16-g128"],
    [demo("target-eagle2"), "head", "f16"],
    [demo("draft-eagle2"), "head", "f16"],
    [golden("eagle2-bias"), "head", "f16"],
    [golden("gptq-channel"), "model", "w4a16-channel"],
  ];
  for (const [dir, kind, scheme] of kinds) {
    const found = await json(["inspect", dir]);
    assertEquals([found.kind, found.scheme], [kind, scheme], dir);
  }
  const mixed = fileURLToPath(new URL("../data/formats/ct-mixed", import.meta.url));
  const { out } = await run(["inspect", mixed]);
  assertMatch(out, /^format +compressed-tensors$/m);
  assertMatch(out, /^scheme +w4a16-g64\+w8a8\+fp8, activations f16$/m);
  assertMatch(out, /^ +model\.layers\.0\.mlp\.down_proj: w8a8$/m);
  assertMatch(out, /^ +lm_head: f16$/m);
  const found = await json(["inspect", demo("target")]);
  assertEquals(found.format, "gptq");
  assertEquals(found.schemes.at(-1), { name: "lm_head", count: 1, scheme: "f16" });
  const [first] = found.schemes;
  assertEquals(first.name, "model.layers.*.self_attn.q_proj");
  assertEquals(first.count, found.config.layers);
});

Deno.test("inspect: what cannot be loaded, and a context that is too long", async () => {
  for (const dir of [target, head]) {
    const { code, err } = await run(["inspect", dir, "--context", "2049"]);
    assertEquals(code, 2);
    assertStringIncludes(err, "--context: Cannot plan a context of 2049: expected 2 to 2048");
  }
  const dir = model("odd", SHAPE, { intermediate_size: 255 });
  const { code, out, err } = await run(["inspect", dir]);
  assertEquals([code, out], [1, ""]);
  assertStringIncludes(err, `model.layers.0.mlp`);

  // Zero points that are not all 8 in either version are no symmetric ones.
  const asymmetric = `${root}/asymmetric`;
  Deno.mkdirSync(asymmetric);
  const stored = fileURLToPath(new URL("../data/formats/gptq-asym-g32", import.meta.url));
  Deno.copyFileSync(`${stored}/model.safetensors`, `${asymmetric}/model.safetensors`);
  const config = JSON.parse(Deno.readTextFileSync(`${stored}/config.json`));
  config.quantization_config.sym = true;
  Deno.writeTextFileSync(`${asymmetric}/config.json`, JSON.stringify(config));
  const refused = await run(["inspect", asymmetric]);
  assertEquals(refused.code, 1);
  assertMatch(refused.err, /a zero point of \d+ \(gptq\), expected 8 as sym is true/);
});

Deno.test("tables: fit the terminal with all their words, and are whole in a pipe", async () => {
  const demo = fileURLToPath(new URL("../../models/demo/target", import.meta.url));
  const text = ["--text", "ein größeres 日本 👍 text", "--top", "4"];
  const lines = [
    ["inspect", demo],
    ["inspect", head, "--bandwidth", "100"],
    ["score", "-t", demo, "--backend", "cpu", ...text],
  ];
  const cells = (out: string) => out.replaceAll(/-{2,}/g, "").replaceAll(/\s+/g, "").length;
  for (const args of lines) {
    const whole = await run(args, { columns: 40 });
    assertEquals(whole.code, 0);
    const longest = Math.max(...whole.out.split("\n").map(textWidth));
    assert(longest > 60, `${longest}`);
    for (const columns of [50, 60, 80, 100, 200]) {
      const { out } = await run(args, { terminal: true, columns });
      for (const line of out.split("\n")) assert(textWidth(line) <= columns, `${columns}: ${line}`);
      assertEquals(cells(out), cells(whole.out));
      if (columns >= longest) assertEquals(out, whole.out);
    }
  }
});

Deno.test("quantize: a model that inspects, scores and generates", async () => {
  const out = `${root}/quantized`;
  const scheme = ["--scheme", "w4a16-g128", "--backend", "cpu", "--calibration-texts", "8"];
  const args = ["quantize", "--model", target, "--out", out, ...scheme];
  const done = await json(args);
  assertEquals([done.method, done.resumed], ["gptq", 0]);
  assert(done.calibration_tokens > 100);
  assertEquals(done.quantized, 7 * SHAPE.layers);
  assert(done.bytes_after < 0.6 * done.bytes_before);
  const found = await json(["inspect", out]);
  assertEquals([found.scheme, found.bytes], ["w4a16-g128", done.bytes_after]);
  assertEquals(found.parameters, (await json(["inspect", target])).parameters);
  const text = ["--text", "hello world"];
  const before = await json(["score", ...AR, ...text]);
  const after = await json(["score", "--backend", "cpu", "--target", out, ...text]);
  assert(Math.abs(Math.log(after.perplexity / before.perplexity)) < 0.5);

  const again = await run(args);
  assertEquals([again.code, again.out], [2, ""]);
  assertStringIncludes(again.err, `--out: Cannot write to ${out}`);
  const twice = await run([
    "quantize",
    "--model",
    out,
    "--out",
    `${out}2`,
    ...scheme,
  ]);
  assertEquals(twice.code, 2);
  assertStringIncludes(twice.err, `--model: Cannot quantize ${out}`);
});

Deno.test("quantize: text that is too little to calibrate with", async () => {
  const file = `${root}/text.txt`;
  const out = `${root}/calibrated`;
  const args = ["quantize", "--model", target, "--out", out, "--scheme", "w4a16-g128"];
  const calibrate = (words: number) => {
    Deno.writeTextFileSync(file, "sun and rain ".repeat(words));
    return run([...args, "--backend", "cpu", "--calibration", file]);
  };
  for (const [words, what] of [[0, "it has no text"], [3, "tokens of text, expected"]] as const) {
    const { code, out: text, err } = await calibrate(words);
    assertEquals([code, text], [2, ""]);
    assertStringIncludes(err, `--calibration: Cannot calibrate with ${file}: it has `);
    assertStringIncludes(err, what);
    assertEquals([existsSync(out), existsSync(`${out}.partial`)], [false, false]);
  }
  const few = await calibrate(60);
  assertEquals(few.code, 0, few.err);
  assertMatch(few.err, /^warning: .*text\.txt has \d+ tokens of text: expected 2048 or more/);
});

Deno.test("convert-head: for a rotated copy, which then proposes what the head did", async () => {
  const [rotated, converted] = [`${root}/rotated`, `${root}/rotated-head`];
  const f16 = ["--scheme", "f16", "--rotate"];
  await json(["quantize", "--model", target, "--out", rotated, ...f16]);
  await json(["convert-head", "--head", head, "--model", rotated, "--out", converted]);
  const text = ["--prompt", "abc", "--max-tokens", "24", "--backend", "cpu", "--method", "eagle2"];
  const plain = await json(["generate", "--target", target, "--head", head, ...text]);
  const found = await json(["generate", "--target", rotated, "--head", converted, ...text]);
  assertEquals(found.text, plain.text);
  const refused = await run(["convert-head", "--head", head, "--model", target, "--out", "x"]);
  assertEquals(refused.code, 1);
  assertStringIncludes(refused.err, "rotation.safetensors");
});

// From here on: processes.

function start(args: readonly string[], stdin: "null" | "piped" = "null"): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", MAIN, ...args],
    stdin,
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1" },
  }).spawn();
}

const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

Deno.test("process: standard input to standard output", async () => {
  const child = start(["generate", ...AR, "--max-tokens", "4", "--ignore-eos"], "piped");
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode("hello\n"));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  assertEquals(code, 0);
  const expected = await run([
    "generate",
    ...AR,
    "--prompt",
    "hello",
    "--max-tokens",
    "4",
    "--ignore-eos",
  ]);
  assertEquals(decode(stdout), expected.out);
  assertMatch(decode(stderr), /^4 tokens in [^\n]*\n$/);
});

Deno.test("process: exit codes", async () => {
  const codes = await Promise.all(
    [["--version"], ["inspect", `${root}/none`], ["generate", "--nothing"]].map(async (args) => {
      const { code, stderr } = await start(args).output();
      assertEquals(decode(stderr).includes("    at "), false);
      return code;
    }),
  );
  assertEquals(codes, [0, 1, 2]);
});

/** A generation that would take far longer than a test. */
function endless(args: readonly string[] = []): Deno.ChildProcess {
  const long = model("long", SHAPE, { max_position_embeddings: 100_000 });
  const rest = ["--context", "100000", "--ignore-eos", "--prompt", "hello", ...args];
  return start(["generate", "--target", long, "--backend", "cpu", "--threads", "1", ...rest]);
}

Deno.test("process: Ctrl-C ends a generation in good order", async () => {
  const child = endless();
  const reader = child.stdout.getReader();
  assert(!(await reader.read()).done);
  child.kill("SIGINT");
  while (!(await reader.read()).done);
  const { code } = await child.status;
  const stderr = decode(new Uint8Array(await new Response(child.stderr).arrayBuffer()));
  assertEquals(code, 130);
  assertMatch(stderr, /^\d+ tokens in .*, interrupted\n$/);
});

/** Waits until a process hears Ctrl-C: from then on it generates. */
async function listens({ pid }: Deno.ChildProcess): Promise<void> {
  const caught = () => /^SigCgt:\s*(\w+)$/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`))![1];
  const SIGINT = 2n;
  while (!(BigInt(`0x${caught()}`) & 1n << SIGINT - 1n)) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Ends a process by Ctrl-C after some work; what it printed, and the milliseconds that it took to end. */
async function interrupt(child: Deno.ChildProcess) {
  await listens(child);
  await new Promise((resolve) => setTimeout(resolve, 400));
  const output = child.output();
  const sent = performance.now();
  child.kill("SIGINT");
  const { code, stdout, stderr } = await output;
  return { code, out: decode(stdout), err: decode(stderr), ms: performance.now() - sent };
}

Deno.test("process: Ctrl-C in a generation for machines ends it at once, in good order", async () => {
  const times: number[] = [];
  // Other work on this machine may hold one of them up.
  while (times.length < 4 && !times.some((ms) => ms < 300)) {
    const { code, out, err, ms } = await interrupt(endless(["--json"]));
    times.push(ms);
    assertEquals([code, err], [130, ""]);
    assertMatch(out, /^[^\n]+\n$/);
    const { text, tokens, finish_reason, stats } = JSON.parse(out);
    assertEquals([finish_reason, stats.generated_tokens], ["aborted", tokens.length]);
    assertEquals(Tokenizer.load(target).decode(tokens), text);
  }
  assert(times.some((ms) => ms < 300), `it took ${times} ms`);
});

Deno.test("process: Ctrl-C is heard while a prompt is read", async () => {
  const file = `${root}/long-prompt.txt`;
  Deno.writeTextFileSync(file, "Tom has 3 apples and buys 5 more. ".repeat(700));
  // The bundled target is large enough to read this for seconds.
  const demo = fileURLToPath(new URL("../../models/demo/target/", import.meta.url));
  const long = `${root}/patient`;
  Deno.mkdirSync(long);
  for (const { name } of Deno.readDirSync(demo)) Deno.symlinkSync(demo + name, `${long}/${name}`);
  const config = JSON.parse(Deno.readTextFileSync(`${demo}config.json`));
  Deno.removeSync(`${long}/config.json`);
  writeJson(`${long}/config.json`, { ...config, max_position_embeddings: 10_000 });
  const { code, out, err, ms } = await interrupt(
    start([
      ...["generate", "--target", long, "--backend", "cpu", "--threads", "1", "--json"],
      ...["--context", "10000", "--prompt-file", file],
    ]),
  );
  assertEquals([code, err], [130, ""]);
  const { text, tokens, prompt_tokens, finish_reason, stats } = JSON.parse(out);
  assertEquals([text, tokens, finish_reason, stats.target_forwards], ["", [], "aborted", 0]);
  assert(prompt_tokens > 6000, `${prompt_tokens} tokens`);
  // All of it takes 6 s and more.
  assert(ms < 2500, `it took ${ms} ms`);
});

Deno.test("process: a reader that has seen enough", async () => {
  const child = endless();
  const reader = child.stdout.getReader();
  await reader.read();
  await reader.cancel();
  const stderr = await new Response(child.stderr).text();
  assertEquals([(await child.status).code, stderr], [0, ""]);
});

Deno.test("process: after Ctrl-C a quantized model is gone on with", async () => {
  const large = model("large", { ...SHAPE, layers: 12, hidden: 256, intermediate: 1024 });
  const out = `${root}/interrupted`;
  const args = ["--model", large, "--out", out, "--scheme", "w4a16-g128", "--method", "rtn"];
  const child = start(["quantize", ...args]);
  const shard = `${out}.partial/model/model-00003-of-00014.safetensors`;
  const deadline = performance.now() + 20_000;
  while (!existsSync(shard) && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  child.kill("SIGINT");
  const { code, stdout, stderr } = await child.output();
  assertEquals([code, decode(stdout)], [130, ""]);
  // What is kept, and the command that goes on, which does.
  const [kept, command, last] = decode(stderr).trimEnd().split("\n");
  const found = /^(\d+) of 14 parts are finished and kept in (.*)\. To go on, run again:$/.exec(
    kept,
  );
  assertEquals([found?.[2], last], [`${out}.partial`, "interrupted"]);
  assertEquals(command, `  specmquant quantize ${args.join(" ")}`);
  assertEquals(existsSync(out), false);
  const { resumed } = await json(command.trim().split(" ").slice(1));
  assert(resumed >= 3 && resumed === Number(found![1]), `${resumed}`);
  assertEquals([existsSync(out), existsSync(`${out}.partial`)], [true, false]);
});
