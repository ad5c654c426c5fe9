/**
 * From a request for texts to what comes of them, the same for all routes that make texts.
 *
 * @module
 */
import type { GenerateOptions, Score } from "../../engine/mod.ts";
import { FORCED_BY } from "../../speculation/mod.ts";
import { type SeenEnd, seenEnd, type SeenToken, seenToken } from "../answers/seen.ts";
import { type PlacedToken, SettledTokens } from "../answers/settled.ts";
import { UsageCount } from "../answers/usage.ts";
import type { TextJob } from "../queue/scheduler.ts";
import { choiceOf, type Sampling } from "../schemas/sampling.ts";
import { invalid } from "../wire/api_error.ts";
import type { Call } from "./route.ts";
import type { Service } from "./service.ts";

/** Most texts of one request. */
const MOST_TEXTS = 1024;

/** What texts a request asks for. */
export interface Wanted {
  /** The tokens of each prompt. */
  readonly prompts: readonly (readonly number[])[];
  /** The parameter that the prompts came in. */
  readonly param: "prompt" | "messages" | "input";
  /** Most tokens of each text; what is left of the context where absent, none where 0. */
  readonly maxTokens?: number;
  /** How many of the likeliest tokens to give in the place of each; no log-probabilities where absent. */
  readonly logprobs?: number;
  /** Whether the prompts have log-probabilities, too. */
  readonly scored?: boolean;
  /** Whether a stop token that ends a text is among the tokens that have log-probabilities. */
  readonly listsStops?: boolean;
  /** What each text follows. */
  readonly grammar?: GenerateOptions["grammar"];
  /** Special tokens that are shown all the same, with their text. */
  readonly marks?: ReadonlyMap<number, string>;
}

/** What has come of the choice `index`; choices of one prompt lie side by side. */
export interface Delta {
  /** Which choice. */
  readonly index: number;
  /** More of its text. */
  readonly text: string;
  /** More of its tokens, where log-probabilities were asked for. */
  readonly tokens: readonly PlacedToken[];
  /** The score of its prompt, where it was asked for. */
  readonly score?: Score;
  /** How its last token came, or at its end all of it, where that was asked for. */
  readonly seen?: SeenToken | SeenEnd;
  /** Why it ended; there is no more of it then. */
  readonly finish?: "stop" | "length";
  /** The seed that it was sampled with. */
  readonly seed?: number;
}

/** The texts of a request under way. */
export interface Texts {
  /** How many there are. */
  readonly count: number;
  /** What comes of them. */
  readonly deltas: AsyncIterable<Delta>;
  /** What they took, known at the end. */
  readonly usage: UsageCount;
}

/**
 * Queues the texts that `wanted` and the parameters of `body` ask for.
 *
 * @throws {ApiError} a prompt is empty or too long, a parameter is wrong, or the queue is full
 */
export function startTexts(wanted: Wanted, body: Sampling, call: Call, service: Service): Texts {
  const { prompts } = wanted;
  for (const prompt of prompts) checkLength(prompt.length, wanted.param, service);
  if (body.stream_options && !body.stream) {
    throw invalid("stream_options", "Cannot answer: stream_options needs stream to be true");
  }
  const { method, rounds } = extensionOf(body, service);
  const each = body.n ?? 1;
  if (each * prompts.length > MOST_TEXTS) {
    throw invalid(
      "n",
      `Cannot answer: n is ${each} for ${prompts.length} prompts, expected at most ${MOST_TEXTS} texts`,
    );
  }
  const options = optionsOf(wanted, body, service);
  const jobs = prompts.flatMap((prompt) =>
    Array.from({ length: each }, (_, choice): TextJob => ({
      prompt,
      ...(options && { generate: { ...options, ...seedOf(options, choice) } }),
      ...(wanted.scored && { score: wanted.logprobs ?? 0 }),
    }))
  );
  const total = prompts.reduce((sum, { length }) => sum + length, 0);
  const usage = new UsageCount(method ?? service.engine.method, total);
  call.note({ texts: jobs.length, prompt_tokens: total });
  const { client, signal } = call;
  const isStreamed = body.stream ?? false;
  const events = service.scheduler.submit({ client, jobs, signal, isStreamed });
  return {
    count: jobs.length,
    usage,
    deltas: deltasOf(events, jobs, each, usage, call, service, { ...wanted, rounds }),
  };
}

function checkLength(length: number, param: string, { engine }: Service): void {
  if (length === 0) {
    throw invalid(param, `Cannot answer: ${param} has no tokens, expected 1 or more`);
  }
  if (length < engine.context) return;
  throw invalid(
    param,
    // Clients know the mistake by the words "maximum context length".
    `Cannot answer: ${param} has ${length} tokens, expected at most ${engine.context - 1} with a ` +
      `maximum context length of ${engine.context}`,
    "context_length_exceeded",
  );
}

/** What the extension of a request says. */
function extensionOf(
  { specmquant, stream }: Sampling,
  { engine }: Service,
): Pick<GenerateOptions, "method" | "rounds"> {
  const { method, rounds } = specmquant ?? {};
  const { textMethods } = engine;
  if (typeof method === "string" && !textMethods.includes(method)) {
    throw invalid(
      "specmquant.method",
      `Cannot answer: specmquant.method is "${method.slice(0, 60)}", expected ${
        textMethods.join(", ")
      }`,
    );
  }
  if (rounds && !stream) {
    throw invalid("specmquant.rounds", "Cannot answer: specmquant.rounds needs stream to be true");
  }
  return { ...(method && { method }), ...(rounds && { rounds }) };
}

/** The options of all choices; undefined where nothing is to be generated. */
function optionsOf(
  { maxTokens, logprobs, grammar }: Wanted,
  body: Sampling,
  service: Service,
): GenerateOptions | undefined {
  const { engine, sampling } = service;
  const { vocabSize } = engine.target.config;
  const stray = Object.keys(body.logit_bias ?? {}).find((id) => Number(id) >= vocabSize);
  if (stray !== undefined) {
    throw invalid(
      "logit_bias",
      `Cannot answer: logit_bias has token ${stray}, expected 0 to ${vocabSize - 1}`,
    );
  }
  if (grammar !== undefined && body.ignore_eos) {
    throw invalid("ignore_eos", "Cannot answer: ignore_eos does nothing with response_format");
  }
  const options: GenerateOptions = {
    ...sampling,
    ...choiceOf(body),
    ...extensionOf(body, service),
    maxTokens,
    logprobs,
    stop: body.stop ?? undefined,
    ignoreEos: body.ignore_eos ?? undefined,
    grammar: grammar && engine.compileGrammar(grammar),
  };
  return maxTokens === 0 ? undefined : options;
}

function seedOf({ seed }: GenerateOptions, choice: number): Pick<GenerateOptions, "seed"> {
  if (seed === undefined || choice === 0) return {};
  const next = seed + choice;
  if (Number.isSafeInteger(next)) return { seed: next };
  throw invalid("seed", `Cannot answer: seed is ${seed}, expected n - 1 less than 2^53 - 1`);
}

async function* deltasOf(
  events: ReturnType<Service["scheduler"]["submit"]>,
  jobs: readonly TextJob[],
  each: number,
  usage: UsageCount,
  call: Call,
  service: Service,
  { marks, listsStops, rounds }:
    & Pick<Wanted, "marks" | "listsStops">
    & Pick<GenerateOptions, "rounds">,
): AsyncGenerator<Delta, void> {
  const { engine, metrics, texts } = service;
  const unlisted = listsStops ? [] : engine.target.config.eosTokenIds;
  const accepted = jobs.map(() => 0);
  const settled = jobs.map(({ prompt, generate }) =>
    generate?.logprobs === undefined
      ? undefined
      : new SettledTokens(engine.tokenizer, prompt, unlisted)
  );
  let began = false;
  for await (const event of events) {
    const { index } = event;
    if ("score" in event) {
      yield { index, text: "", tokens: [], score: event.score };
    } else if ("piece" in event) {
      const { piece } = event;
      if (!began) metrics.firstToken.observe((performance.now() - call.started) / 1000);
      began = true;
      if (piece.by !== "target" && piece.by !== FORCED_BY) accepted[index]++;
      const tokens = settled[index]?.push(piece) ?? [];
      const text = (marks?.get(piece.token) ?? "") + piece.text;
      if (rounds) yield { index, text, tokens, seen: seenToken(piece, texts) };
      else if (text !== "" || tokens.length > 0) yield { index, text, tokens };
    } else {
      const { end } = event;
      if (end !== undefined) {
        usage.add(end, accepted[index], index % each === 0);
        metrics.add(end, accepted[index]);
      }
      const tokens = (end && settled[index]?.end(end)) ?? [];
      const finish = end?.finishReason === "stop" ? "stop" : "length";
      const seen = rounds && end ? seenEnd(end.stats) : undefined;
      yield { index, text: "", tokens, finish, seen, ...(end && { seed: end.seed }) };
    }
  }
  const { completion_tokens, speculation: { drafted, accepted: taken } } = usage.usage;
  call.note({ completion_tokens, drafted, accepted: taken });
}
