import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { Generation, type GenerationResult, type Piece } from "../../engine/mod.ts";
import { testIo } from "../fixtures_test.ts";
import { jsonOf, showGeneration, statisticsLine } from "./generate_output.ts";

const LEVEL = {
  name: "target",
  rounds: 2,
  tokens: 3,
  catchUps: 0,
  drafted: 6,
  tau: 1.5,
  acceptLengths: [0, 1, 1],
  draftMs: 1,
  verifyMs: 2,
  commitMs: 3,
  lengths: [1, 2],
  rows: [1, 8],
  readBackMs: 4,
};

const RESULT: GenerationResult = {
  text: "a bc",
  tokens: [1, 2, 3],
  promptTokens: 1,
  cachedTokens: 0,
  finishReason: "length",
  stats: {
    method: "eagle2",
    generatedTokens: 3,
    targetForwards: 2,
    tau: 1.5,
    acceptLengths: [0, 1, 1],
    levels: [LEVEL],
    timings: { prefillMs: 5, decodeMs: 30, tokensPerSecond: 100 },
  },
};

const PIECES: Piece[] = [
  { text: "a", token: 1, by: "head", endsRound: false },
  { text: "", token: 2, by: "head", endsRound: false },
  { text: " bc", token: 3, by: "target", endsRound: true },
];

function generation(error?: unknown): Generation {
  async function* pieces(): AsyncGenerator<Piece, void> {
    yield* PIECES;
    await Promise.resolve();
    if (error !== undefined) throw error;
  }
  return new Generation(pieces(), () => RESULT);
}

const QUIET = {
  json: false,
  color: false,
  signal: new AbortController().signal,
  by: ["target"],
  choice: {},
  textOf: (id: number) => `<${id}>`,
};

Deno.test("showGeneration: files get the text as it is, terminals a newline after it", async () => {
  for (const terminal of [false, true]) {
    const io = testIo({ terminal });
    await showGeneration(generation(), QUIET, io);
    assertEquals(io.stdout.text, terminal ? "a bc\n" : "a bc");
    assertEquals(io.stderr.text, `${statisticsLine(RESULT)}\n`);
  }
});

Deno.test("showGeneration: colours by who proposed, with a legend", async () => {
  const io = testIo();
  await showGeneration(generation(), { ...QUIET, color: true, by: ["head", "target"] }, io);
  assertEquals(io.stdout.text, "\x1b[32ma\x1b[0m\x1b[33m bc\x1b[0m");
  assertStringIncludes(io.stderr.text, "proposed by: \x1b[32mhead\x1b[0m \x1b[33mtarget\x1b[0m\n");
});

Deno.test("showGeneration: JSON is one line and all there is", async () => {
  const io = testIo({ terminal: true });
  await showGeneration(generation(), { ...QUIET, json: true, color: true }, io);
  assertEquals(io.stdout.text, `${JSON.stringify(jsonOf(RESULT, QUIET))}\n`);
  assertEquals(io.stderr.text, "");
  assertEquals(jsonOf(RESULT, QUIET), {
    text: "a bc",
    tokens: [1, 2, 3],
    prompt_tokens: 1,
    finish_reason: "length",
    sampling: {
      repetition_penalty: 1,
      presence_penalty: 0,
      frequency_penalty: 0,
      temperature: 0,
      top_k: 0,
      top_p: 1,
      min_p: 0,
      logit_bias: {},
      seed: null,
    },
    grammar: null,
    stats: {
      method: "eagle2",
      generated_tokens: 3,
      target_forwards: 2,
      tau: 1.5,
      accept_lengths: [0, 1, 1],
      levels: [{
        name: "target",
        rounds: 2,
        tokens: 3,
        catch_ups: 0,
        drafted: 6,
        tau: 1.5,
        accept_lengths: [0, 1, 1],
        lengths: [1, 2],
        rows: [1, 8],
        draft_ms: 1,
        verify_ms: 2,
        commit_ms: 3,
        read_back_ms: 4,
      }],
      timings: { prefill_ms: 5, decode_ms: 30, tokens_per_second: 100 },
    },
  });
});

Deno.test("showGeneration: how text was sampled, and log-probabilities", async () => {
  const sampled: GenerationResult = {
    ...RESULT,
    seed: 2 ** 53 - 1,
    logprobs: [-0.5, -1, -2],
    top: [[], [{ id: 7, logprob: -0.25 }], []],
  };
  const choice = { temperature: 0.5, topP: 0.75, logitBias: { 5: -1 }, seed: 3 };
  const json = jsonOf(sampled, { ...QUIET, choice }) as Record<string, unknown>;
  assertEquals(json.sampling, {
    repetition_penalty: 1,
    presence_penalty: 0,
    frequency_penalty: 0,
    temperature: 0.5,
    top_k: 0,
    top_p: 0.75,
    min_p: 0,
    logit_bias: { 5: -1 },
    seed: 2 ** 53 - 1,
  });
  assertEquals(json.logprobs, [-0.5, -1, -2]);
  assertEquals(json.top, [[], [{ id: 7, logprob: -0.25, text: "<7>" }], []]);
  assertStringIncludes(statisticsLine(sampled), ", seed 9007199254740991, reached the length");
  assertEquals(statisticsLine(RESULT).includes("seed"), false);
  const io = testIo();
  await showGeneration(generation(), QUIET, io);
  assertEquals(io.stderr.text.includes("seed"), false);
});

Deno.test("showGeneration: an abort shows what there is, any other error is thrown", async () => {
  const controller = new AbortController();
  controller.abort();
  const { signal } = controller;
  const io = testIo();
  await showGeneration(generation(signal.reason), { ...QUIET, signal }, io);
  assertEquals(io.stdout.text, "a bc");
  assertStringIncludes(io.stderr.text, "3 tokens in 0.03 s, 100.0 tokens/s");
  await assertRejects(
    () => showGeneration(generation(new Error("other")), { ...QUIET, signal }, testIo()),
    Error,
    "other",
  );
});
