/**
 * How tokens are chosen, from the command line: each option does what it says, and is in the JSON.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertStringIncludes,
} from "@std/assert";
import { testIo } from "../../src/cli/fixtures_test.ts";
import { runProgram } from "../../src/cli/program.ts";
import { COMMANDS } from "../../src/cli/registry.ts";
import { SMALL, writeRandomHead } from "../models.ts";
import { makeModel, VOCAB } from "../whole_models.ts";

const root = Deno.makeTempDirSync();
addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));

const SHAPE = { ...SMALL, vocab: VOCAB };
const target = makeModel(`${root}/target`, SHAPE);
const draft = makeModel(`${root}/draft`, { ...SHAPE, noise: 0.2 });
const head = writeRandomHead(`${root}/head`, SHAPE);
const BASE = ["generate", "--backend", "cpu", "-p", "hello", "-n", "16", "--ignore-eos"];
const TARGET = [...BASE, "-t", target];

async function run(...args: string[]) {
  const io = testIo();
  const code = await runProgram(args, COMMANDS, io);
  return { code, out: io.stdout.text, err: io.stderr.text };
}

/** The JSON of a command that must succeed. */
// deno-lint-ignore no-explicit-any
async function json(...args: string[]): Promise<any> {
  const { code, out, err } = await run(...args, "--json");
  assertEquals([code, err], [0, ""]);
  return JSON.parse(out);
}

/** The target with a `generation_config.json`. */
function asking(name: string, generation: object): string {
  const dir = makeModel(`${root}/${name}`, SHAPE);
  Deno.writeTextFileSync(`${dir}/generation_config.json`, JSON.stringify(generation));
  return dir;
}

const GREEDY = {
  repetition_penalty: 1,
  presence_penalty: 0,
  frequency_penalty: 0,
  temperature: 0,
  top_k: 0,
  top_p: 1,
  min_p: 0,
  logit_bias: {},
  seed: null,
};

Deno.test("sampling: greedy where nothing is said", async () => {
  const { sampling, tokens } = await json(...TARGET);
  assertEquals(sampling, GREEDY);
  assertEquals((await json(...TARGET, "--temperature", "0", "--seed", "5")).tokens, tokens);
  // Without a temperature there is nothing for these to do.
  const idle = await json(...TARGET, "--top-p", "0.1", "--top-k", "3", "--min-p", "0.5");
  assertEquals(idle.tokens, tokens);
  assertEquals(idle.sampling, { ...GREEDY, top_p: 0.1, top_k: 3, min_p: 0.5 });
  assertEquals((await run(...TARGET)).err.includes("seed"), false);
});

Deno.test("sampling: the same seed, the same text, whatever proposes it; without one it is told", async () => {
  const sampled = [...TARGET, "--temperature", "1"];
  const { tokens, sampling } = await json(...sampled, "--seed", "7");
  assertEquals(sampling, { ...GREEDY, temperature: 1, seed: 7 });
  for (
    const more of [[], ["--draft", draft], ["--head", head], ["--draft", draft, "--head", head]]
  ) {
    assertEquals((await json(...sampled, "--seed", "7", ...more)).tokens, tokens);
  }
  assertNotEquals((await json(...sampled, "--seed", "8")).tokens, tokens);
  // Drawn anew each time, and told, so that the text can be had again.
  const [one, two] = [await json(...sampled), await json(...sampled)];
  assertNotEquals(one.sampling.seed, two.sampling.seed);
  assertEquals((await json(...sampled, "--seed", `${one.sampling.seed}`)).tokens, one.tokens);
  const { out, err } = await run(...sampled);
  const [, seed] = /, seed (\d+), reached the length\n$/.exec(err)!;
  assertEquals((await run(...sampled, "--seed", seed)).out, out);
});

Deno.test("sampling: every option changes the text, and is in the JSON", async () => {
  const sampled = [...TARGET, "--temperature", "1.5", "--seed", "3"];
  const plain = await json(...sampled);
  const greedy = await json(...TARGET);
  const [favourite] = greedy.tokens;
  const cases: [args: string[], key: string, value: unknown, base: { tokens: number[] }][] = [
    [[...TARGET, "--temperature", "2", "--seed", "3"], "temperature", 2, greedy],
    [[...sampled, "--top-p", "0.3"], "top_p", 0.3, plain],
    [[...sampled, "--top-k", "2"], "top_k", 2, plain],
    [[...sampled, "--min-p", "0.5"], "min_p", 0.5, plain],
    [
      [...sampled, "--seed=4"].filter((word) => word !== "--seed" && word !== "3"),
      "seed",
      4,
      plain,
    ],
    [[...TARGET, "--repetition-penalty", "5"], "repetition_penalty", 5, greedy],
    [[...TARGET, "--presence-penalty", "20"], "presence_penalty", 20, greedy],
    [[...TARGET, "--frequency-penalty", "20"], "frequency_penalty", 20, greedy],
    [[...TARGET, "--logit-bias", `${favourite}=-50`], "logit_bias", { [favourite]: -50 }, greedy],
  ];
  for (const [args, key, value, base] of cases) {
    const { sampling, tokens } = await json(...args);
    assertEquals(sampling[key], value, key);
    assertNotEquals(tokens, base.tokens, key);
  }
  const biased = await json(...TARGET, "--logit-bias", "9=1e4,11=-3");
  assertEquals(biased.tokens, new Array(16).fill(9));
  assertEquals(biased.sampling.logit_bias, { 9: 1e4, 11: -3 });
});

Deno.test("sampling: what does not fit is refused by its flag, before a model is read", async () => {
  const nowhere = [...BASE, "-t", `${root}/none`];
  const cases: [args: string[], words: string][] = [
    [["--temperature=-1"], "Cannot use --temperature -1: expected a number from 0 to 100"],
    [["--temperature", "101"], "Cannot use --temperature 101: expected a number from 0 to 100"],
    [
      ["--temperature", "0.001"],
      "--temperature: Cannot generate: temperature is 0.001, expected 0 or",
    ],
    [["--top-p", "1.1"], "Cannot use --top-p 1.1: expected a number from 0 to 1"],
    [["--top-k=-1"], "Cannot use --top-k -1: expected a whole number from 0"],
    [["--top-k", "1.5"], "Cannot use --top-k 1.5: expected a whole number from 0"],
    [["--min-p", "2"], "Cannot use --min-p 2: expected a number from 0 to 1"],
    [["--seed=-1"], "Cannot use --seed -1: expected a whole number from 0 to 9007199254740991"],
    [["--seed", "9007199254740992"], "expected a whole number from 0 to 9007199254740991"],
    [["--repetition-penalty", "0"], "expected a number from 0.01 to 100"],
    [["--presence-penalty", "101"], "expected a number from -100 to 100"],
    [["--frequency-penalty=-101"], "expected a number from -100 to 100"],
    [["--logit-bias", "5"], 'Cannot use --logit-bias 5: "5" is in it, expected whole numbers with'],
    [["--logit-bias", "5=1,5=2"], "expected one number for 5"],
    [
      ["--logit-bias", Array.from({ length: 1025 }, (_, i) => `${i}=1`).join(",")],
      "--logit-bias: Cannot generate: logitBias is ",
    ],
    [["--sampling", "hot"], "Cannot use --sampling hot: expected greedy or model"],
    [
      ["--json", "--logprobs", "21"],
      "Cannot use --logprobs 21: expected a whole number from 0 to 20",
    ],
    [["--logprobs", "2"], "Cannot use --logprobs: it needs --json"],
    [["--json", "--logprobs-of", "model"], "Cannot use --logprobs-of: it needs --logprobs"],
    [["--json", "--logprobs", "1", "--logprobs-of", "x"], "expected model or processed"],
  ];
  for (const [args, words] of cases) {
    const { code, err } = await run(...nowhere, ...args);
    assertEquals(code, 2, `${args}: ${err}`);
    assertStringIncludes(err, words);
  }
  const { code, err } = await run(...TARGET, "--logit-bias", `${VOCAB}=1`);
  assertEquals(code, 2);
  assertStringIncludes(
    err,
    `--logit-bias: Cannot generate: logitBias has token ${VOCAB}, expected 0`,
  );
});

Deno.test("sampling: as the model asks for it, flags above that", async () => {
  const dir = asking("asking", {
    do_sample: true,
    temperature: 0.7,
    top_p: 0.8,
    top_k: 20,
    min_p: 0.05,
    repetition_penalty: 1.1,
  });
  const args = [...BASE, "-t", dir, "--sampling", "model"];
  const { sampling, tokens } = await json(...args, "--seed", "1");
  const asked = { temperature: 0.7, top_p: 0.8, top_k: 20, min_p: 0.05, repetition_penalty: 1.1 };
  assertEquals(sampling, { ...GREEDY, ...asked, seed: 1 });
  const flags = ["0.7", "--top-p", "0.8", "--top-k", "20", "--min-p", "0.05", "--seed", "1"]
    .concat("--repetition-penalty", "1.1");
  assertEquals((await json(...TARGET, "--temperature", ...flags)).tokens, tokens);
  const other = await json(...args, "--seed", "1", "--top-k", "1");
  assertEquals(other.sampling, { ...GREEDY, ...asked, top_k: 1, seed: 1 });
  assertNotEquals(other.tokens, tokens);
  // Unless it is asked for, the model is not.
  assertEquals((await json(...BASE, "-t", dir)).sampling, GREEDY);

  const silent = await run(...TARGET, "--sampling", "model");
  assertEquals([silent.code, silent.out], [1, ""]);
  assertStringIncludes(
    silent.err,
    `Cannot choose tokens as ${target} says: generation_config.json says`,
  );
  const beams = asking("beams", { do_sample: true, num_beams: 4 });
  const refused = await run(...BASE, "-t", beams, "--sampling", "model", "--json");
  assertEquals(refused.code, 1);
  assertEquals(JSON.parse(refused.out).error.code, "sampling");
  assertStringIncludes(refused.err, "generation_config.json has num_beams 4, expected 1 or none");
  assertEquals((await run(...BASE, "-t", beams)).code, 0);
  // A value out of range is the flag's that may take its place.
  const cold = asking("cold", { do_sample: true, temperature: 0.001 });
  const { err } = await run(...BASE, "-t", cold, "--sampling", "model");
  assertStringIncludes(err, "--temperature: Cannot generate: temperature is 0.001");
  const warmer = await json(...BASE, "-t", cold, "--sampling", "model", "--temperature", "0.5");
  assertEquals([warmer.sampling.temperature, warmer.sampling.top_k], [0.5, 50]);
});

Deno.test("log-probabilities: in the JSON, as many as tokens, with the likeliest tokens and their texts", async () => {
  const sampled = [...TARGET, "--temperature", "1", "--seed", "2"];
  const plain = await json(...sampled);
  assertEquals("logprobs" in plain || "top" in plain, false);
  const { tokens, logprobs, top, prompt_tokens } = await json(...sampled, "--logprobs", "2");
  assertEquals(tokens, plain.tokens);
  assertEquals([logprobs.length, top.length], [16, 16]);
  assertEquals(Object.keys(top[0][0]), ["id", "logprob", "text"]);
  assert(top.every((one: unknown[]) => one.length === 2));
  // The same as of the text as a whole.
  const prompt = [263, 259];
  assertEquals(prompt_tokens, prompt.length);
  const text = [...prompt, ...tokens].join(",");
  const score = await json(
    "score",
    "-t",
    target,
    "--backend",
    "cpu",
    "--tokens",
    text,
    "--top",
    "2",
  );
  assertEquals(logprobs, score.logprobs.slice(2));
  assertEquals(
    top.map((likeliest: object[]) => likeliest.map((one) => ({ ...one, text: undefined }))),
    score.top.slice(2).map((likeliest: object[]) =>
      likeliest.map((one) => ({ ...one, text: undefined }))
    ),
  );
  const none = await json(...sampled, "--logprobs", "0");
  assertEquals([none.logprobs, none.top], [logprobs, new Array(16).fill([])]);
  // Of two tokens that can be chosen there are no more than two.
  const cut = [...sampled, "--top-k", "2", "--logprobs", "5", "--logprobs-of"];
  const processed = await json(...cut, "processed");
  const model = await json(...cut, "model");
  assertEquals(processed.tokens, model.tokens);
  for (const [i, likeliest] of processed.top.entries()) {
    assertEquals([likeliest.length, model.top[i].length], [2, 5]);
    const sum = Math.exp(likeliest[0].logprob) + Math.exp(likeliest[1].logprob);
    assert(Math.abs(sum - 1) < 1e-6, `${sum}`);
  }
});

Deno.test("sampling: bench says how its texts were chosen, and that they are the same", async () => {
  const args = ["bench", "--trio", "models/demo", "--tables", "end-to-end", "--prompts", "2"];
  const file = `${root}/bench.json`;
  const more = ["--temperature", "0.8", "--top-k", "20", "--backend", "cpu", "--json", file];
  const { code, err } = await run(...args, "-n", "12", "--runs", "1", ...more);
  assertEquals(code, 0, err);
  const { sections: [section] } = JSON.parse(Deno.readTextFileSync(file));
  assertMatch(section.notes[0], /^2 prompts, seed 0, temperature 0\.8, topK 20, up to 12 tokens/);
  const identical = section.figures.filter(({ name }: { name: string }) => /identical/.test(name));
  const each = identical.map(({ name, value }: { name: string; value: number }) => [name, value]);
  const methods = ["draft", "suffix", "eagle2", "hier(suffix)", "hier", "auto"];
  assertEquals(each, methods.map((method) => [`${method} identical`, 1]));
  const wrong = await run(...args, "--temperature", "0.001");
  assertStringIncludes(wrong.err, "--temperature: Cannot generate: temperature is 0.001");
});
