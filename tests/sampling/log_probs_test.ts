/**
 * Log-probabilities of generated tokens: the same bits whatever proposes the tokens, those of `score`, and those of the
 * distribution that tokens are chosen from.
 */
import { assert, assertEquals, assertGreater, assertRejects } from "@std/assert";
import { Trio as DemoTrio } from "../../scripts/models/trio.ts";
import { SpecMQuantError } from "../../src/base/errors.ts";
import { Arena, Device, rows } from "../../src/device/mod.ts";
import { Engine, scoreTokens } from "../../src/engine/mod.ts";
import { Model, SHORT_SLOTS } from "../../src/model/mod.ts";
import {
  type ChoiceOptions,
  type DrafterPlan,
  type LogProbsOf,
  MAX_TOP_LOG_PROBS,
  Round,
  sequenceMemory,
  type TopToken,
} from "../../src/speculation/mod.ts";
import { FORCED_ROWS } from "../../src/speculation/sequence/constraint.ts";
import { RoundOutput } from "../../src/speculation/sequence/log_probs.ts";
import { backendTest } from "../backends.ts";
import { METHODS } from "../methods.ts";
import { SMALL } from "../models.ts";
import { problems } from "../problems.ts";
import { random } from "../random.ts";
import { rewrite } from "../rewrite.ts";
import { prompts, withModels } from "../rounds.ts";
import { makeModel, VOCAB } from "../whole_models.ts";

const SAMPLED: ChoiceOptions = {
  temperature: 0.8,
  topK: 12,
  topP: 0.95,
  repetitionPenalty: 1.2,
  frequencyPenalty: 0.1,
  logitBias: { 7: 1.5 },
  seed: 5,
};

interface Logged {
  tokens: number[];
  logprobs: number[];
  top: (readonly TopToken[])[];
}

/** `count` tokens behind `prompt` with the `top` likeliest in the place of each. */
function logged(
  target: Model,
  prompt: readonly number[],
  count: number,
  of: LogProbsOf,
  options: ChoiceOptions = {},
  plan?: DrafterPlan,
): Logged {
  using arena = new Arena(target.device, "logged");
  const memory = sequenceMemory(target.device, arena, prompt.length + count + 1, plan);
  using round = new Round(target, memory, plan);
  memory.choice.set(options, prompt.length, target.config.vocabSize, of === "processed");
  round.prepareLogProbs(of);
  for (const _ of round.read(prompt));
  const found: Logged = { tokens: [], logprobs: [], top: [] };
  while (found.tokens.length < count) {
    const accepted = round.run(of);
    for (let j = 0; j < accepted && found.tokens.length < count; j++) {
      found.tokens.push(round.result[1 + j]);
      found.logprobs.push(round.logProb(j));
      found.top.push(round.topLogProbs(j, MAX_TOP_LOG_PROBS));
    }
  }
  return found;
}

for (const method of METHODS) {
  backendTest(
    `${method.name} gives the log-probabilities of plain decoding, bit for bit`,
    ({ device }) => {
      withModels(device, { target: 1, draft: 1, noise: 0.3 }, (models) => {
        for (const  of of["model", "processed"] as const) {
          for (const options of [{}, SAMPLED]) {
            for (const prompt of prompts(4)) {
              const plain = logged(models.target, prompt, 30, of, options);
              const plan = method.plan(models);
              assertEquals(logged(models.target, prompt, 30, of, options, plan), plain);
            }
          }
        }
      });
    },
  );
}

backendTest("the demo trio gives the same log-probabilities in every method", ({ device }) => {
  using trio = new DemoTrio(undefined, device);
  for (const text of problems(3, 23)) {
    const prompt = trio.tokenizer.encode(`Question: ${text}\nAnswer:`);
    for (const  of of["model", "processed"] as const) {
      const plain = logged(trio.target, prompt, 16, of, SAMPLED);
      for (const method of METHODS) {
        const found = logged(trio.target, prompt, 16, of, SAMPLED, method.plan(trio));
        assertEquals(found, plain, `${method.name}, ${of}`);
      }
    }
  }
}, ["cpu", "cuda"]);

/**
 * How far log-probabilities may lie from those of `score` where that reads more than 64 rows at once: a GPU's products then
 * add in another order, which activations in f16 show in their last place; the twin's do not.
 */
const TOLERANCE = { cpu: 0, cuda: 0.02 };

backendTest("log-probabilities are those of score, bit for bit up to 64 rows", ({ device }) => {
  using trio = new DemoTrio(undefined, device);
  for (const count of [20, 150]) {
    const prompt = trio.tokenizer.encode("Question: What is 2 + 3?\nAnswer:");
    const found = logged(trio.target, prompt, count, "model", { temperature: 1, seed: 3 });
    const text = [...prompt, ...found.tokens];
    const { logprobs, top } = scoreTokens(trio.target, text, { top: MAX_TOP_LOG_PROBS });
    const scored = logprobs.slice(prompt.length) as number[];
    if (text.length <= 64) {
      assertEquals(found.logprobs, scored);
      assertEquals(found.top, top.slice(prompt.length));
      continue;
    }
    const differences = found.logprobs.map((value, i) => Math.abs(value - scored[i]));
    const most = Math.max(...differences);
    assert(most <= TOLERANCE[device.backend], `${most}`);
  }
}, ["cpu", "cuda"]);

backendTest("log-probabilities stay the same where a text outgrows short caches", ({ device }) => {
  withModels(device, { target: 1, draft: 1, noise: 0.3 }, (models) => {
    const { target } = models;
    const next = random(11);
    const prompt = Array.from(
      { length: SHORT_SLOTS - 12 },
      () => Math.floor(next() * target.config.vocabSize),
    );
    const plain = logged(target, prompt, 24, "model");
    // Those of forwards that know of all slots of the cache.
    const { logprobs } = scoreTokens(target, [...prompt, ...plain.tokens]);
    for (const [i, value] of plain.logprobs.entries()) {
      const off = Math.abs(value - logprobs[prompt.length + i]!);
      assert(off <= TOLERANCE[device.backend], `${off} at ${i}`);
    }
    // Trees and sequences, which have short caches of their own, agree bit for bit.
    for (const method of METHODS) {
      assertEquals(logged(target, prompt, 24, "model", {}, method.plan(models)), plain);
    }
  });
}, ["cpu", "cuda"]);

backendTest("processed log-probabilities are of what tokens are chosen from", ({ device }) => {
  withModels(device, { target: 1, draft: 2 }, ({ target }) => {
    const prompt = prompts(4)[3];
    const cut = { temperature: 0.7, topK: 5, seed: 1 };
    const model = logged(target, prompt, 30, "model", cut);
    const processed = logged(target, prompt, 30, "processed", cut);
    assertEquals(processed.tokens, model.tokens);
    for (const [i, top] of processed.top.entries()) {
      // Five are left, which share all there is.
      const logits = model.top[i].slice(0, 5).map(({ logprob }) => logprob / 0.7);
      const sum = Math.log(logits.reduce((total, one) => total + Math.exp(one), 0));
      assertEquals(top.map(({ id }) => id), model.top[i].slice(0, 5).map(({ id }) => id));
      for (const [j, { id, logprob }] of top.entries()) {
        assert(Math.abs(logprob - (logits[j] - sum)) < 1e-5, `${logprob} and ${logits[j] - sum}`);
        if (id === processed.tokens[i]) assertEquals(processed.logprobs[i], logprob);
      }
    }
    // Greedily, after bias and penalties.
    const biased = logged(target, prompt, 8, "processed", { logitBias: { 3: 1e4 } });
    assertEquals([biased.tokens, biased.logprobs], [new Array(8).fill(3), new Array(8).fill(0)]);
    const plain = logged(target, prompt, 8, "model", { logitBias: { 3: 1e4 } });
    assertGreater(-1, Math.max(...plain.logprobs));
  });
});

backendTest(
  "rows without a choice have log-probabilities that nobody reads",
  ({ device, arena }) => {
    const vocab = 300;
    const output = new RoundOutput(arena, 3, vocab);
    const values = new Float32Array(3 * vocab).map((_, i) => i % 7);
    values.fill(NaN, 0, vocab);
    values.fill(-Infinity, vocab, 2 * vocab);
    const scores = arena.fromHost("f32", [3, vocab], values);
    const choice = arena.fromHost("i32", [3], Int32Array.of(-2, -1, 1));
    device.upload(rows(output.path, 0, 3), Int32Array.of(0, 1, 2));
    output.queueLogProbs(device, choice, scores);
    using readBack = output.readBack(device, true);
    readBack.queue();
    output.take(readBack.wait());
    for (const j of [0, 1]) {
      assert(!Number.isFinite(output.logProb(j)));
      for (const { id } of output.topLogProbs(j, 20)) assert(id >= 0 && id < vocab, `${id}`);
    }
    const sum = Math.log(values.slice(2 * vocab).reduce((total, one) => total + Math.exp(one), 0));
    assert(Math.abs(output.logProb(2) - (6 - sum)) < 1e-5);
    assertEquals(output.topLogProbs(2, 1), [{ id: 1, logprob: output.logProb(2) }]);
  },
);

async function withModel(body: (dir: string) => Promise<void>): Promise<void> {
  const root = Deno.makeTempDirSync();
  try {
    await body(makeModel(`${root}/model`, { ...SMALL, vocab: VOCAB }));
  } finally {
    Deno.removeSync(root, { recursive: true });
  }
}

Deno.test("pieces and results have log-probabilities, as many as there are tokens", () =>
  withModel(async (target) => {
    using engine = await Engine.load({ target, backend: "cpu", context: 128 });
    const options = { maxTokens: 12, ignoreEos: true, temperature: 1, seed: 9 };
    const plain = await engine.generate("hello", options).finish();
    assertEquals([plain.logprobs, plain.top], [undefined, undefined]);
    const generation = engine.generate("hello", { ...options, logprobs: 3 });
    const pieces = await Array.fromAsync(generation);
    const { tokens, text } = generation.result;
    const logprobs = [...generation.result.logprobs!];
    const top = [...generation.result.top!];
    assertEquals(tokens, plain.tokens);
    assertEquals(pieces.map(({ logprob }) => logprob), logprobs);
    assertEquals(pieces.map(({ top }) => top), top);
    assertEquals(top.map((one) => one.length), new Array(12).fill(3));
    // Those of score, and of the chosen token alone where none of the likeliest are asked for.
    const whole = [...engine.encode("hello"), ...tokens];
    const score = engine.score(whole, { top: 3 });
    assertEquals(score.logprobs.slice(-12), logprobs);
    assertEquals(score.top.slice(-12), top);
    const alone = await engine.generate("hello", { ...options, logprobs: 0 }).finish();
    assertEquals([alone.logprobs, alone.top], [logprobs, new Array(12).fill([])]);
    // Behind a stop text they end where tokens end.
    const stop = [...text].slice(4, 6).join("");
    const stopped = await engine.generate("hello", { ...options, logprobs: 1, stop }).finish();
    assertGreater(12, stopped.tokens.length);
    assertEquals(stopped.logprobs, logprobs.slice(0, stopped.tokens.length));
    assertEquals(stopped.top!.length, stopped.tokens.length);
  }));

Deno.test("a row with a NaN is an error with log-probabilities, too", () =>
  withModel(async (dir) => {
    const broken = rewrite(dir, `${dir}-broken`, (tensors) => {
      const norm = tensors.get("model.norm.weight")!;
      const data = () => new Uint8Array(Float16Array.from({ length: 64 }, () => NaN).buffer);
      tensors.set(norm.name, { ...norm, data });
    });
    using engine = await Engine.load({ target: broken, backend: "cpu", context: 64 });
    for (const logprobsOf of ["model", "processed"] as const) {
      const run = () => engine.generate("a", { logprobs: 20, logprobsOf }).finish();
      const error = await assertRejects(run, SpecMQuantError, "has a NaN");
      assertEquals(error.code, "logits");
    }
  }));

Deno.test("rounds without log-probabilities capture nothing for them", () => {
  using device = Device.open({ backend: "cpu" });
  withModels(device, { target: 1, draft: 1 }, ({ target }) => {
    using arena = new Arena(device, "test");
    const memory = sequenceMemory(device, arena, 64);
    using round = new Round(target, memory);
    for (const _ of round.read([1, 2, 3]));
    round.run();
    // What is read back is the accept length and room for tokens and their rows, and no more.
    assertEquals(round.result.length, 1 + 2 * FORCED_ROWS);
    round.prepareLogProbs("model");
    const { used } = device.memory();
    round.prepareLogProbs("model");
    round.run("model");
    assertEquals(device.memory().used, used);
  });
});
