/**
 * `POST /v1/completions`: texts behind prompts.
 *
 * @module
 */
import {
  type CompletionLogprobs,
  completionLogprobs,
  joined,
  scoredTokens,
} from "../answers/completion_logprobs.ts";
import { COMPLETION_REQUEST, type CompletionRequest } from "../schemas/completions.ts";
import type { Route } from "../service/route.ts";
import { checkModel, type Service } from "../service/service.ts";
import { type Delta, startTexts, type Texts } from "../service/texts.ts";

/** Most tokens where a request does not say, as the API has it. */
const DEFAULT_MAX_TOKENS = 16;

/** A prompt, as given and in tokens. */
interface Given {
  readonly text: string;
  readonly tokens: readonly number[];
}

/** One choice of an answer, or a piece of it. */
interface Choice {
  readonly index: number;
  readonly text: string;
  readonly logprobs: CompletionLogprobs | null;
  readonly finish_reason: "stop" | "length" | null;
  readonly seed?: number;
  readonly specmquant?: Delta["seen"];
}

/** The route. */
export const completions: Route = {
  method: "POST",
  path: "/v1/completions",
  summary: "Continue prompts",
  answers: ["application/json", "text/event-stream"],
  makesTexts: true,
  body: COMPLETION_REQUEST,
  async answer(call, service) {
    const body = await call.body(COMPLETION_REQUEST);
    checkModel(body.model, service);
    const prompts = promptsOf(body.prompt, service);
    const { echo, logprobs } = body;
    const texts = startTexts(
      {
        prompts: prompts.map(({ tokens }) => tokens),
        param: "prompt",
        maxTokens: body.max_tokens ?? DEFAULT_MAX_TOKENS,
        logprobs: logprobs ?? undefined,
        scored: Boolean(echo) && typeof logprobs === "number",
        // A request for one token has one in these lists, whatever it is: clients count on that.
        listsStops: true,
      },
      body,
      call,
      service,
    );
    const pieces = piecesOf(texts, prompts, body, service);
    const head = {
      id: `cmpl-${call.id}`,
      object: "text_completion",
      created: Math.floor(Date.now() / 1000),
      model: service.model,
    };
    return body.stream
      ? call.stream(chunksOf(head, pieces, texts, body))
      : Response.json(await whole(head, pieces, texts));
  },
};

function promptsOf(prompt: CompletionRequest["prompt"], { engine }: Service): Given[] {
  const list = typeof prompt === "string" || typeof prompt[0] === "number" ? [prompt] : prompt;
  return (list as readonly (string | readonly number[])[]).map((one) => ({
    tokens: engine.encode(one),
    text: typeof one === "string" ? one : engine.tokenizer.decode(one),
  }));
}

/** Pieces of choices as they come; the first of an echoed one begins with the prompt. */
async function* piecesOf(
  { deltas, count }: Texts,
  prompts: readonly Given[],
  { echo, logprobs }: CompletionRequest,
  { texts, engine: { tokenizer } }: Service,
): AsyncGenerator<Choice, void> {
  const each = count / prompts.length;
  const begun = new Set<number>();
  const promptOf = ({ index, score }: Delta): [text: string, logprobs?: CompletionLogprobs] => {
    if (!echo || begun.has(index)) return [""];
    begun.add(index);
    const { text } = prompts[Math.floor(index / each)];
    return [text, score && completionLogprobs(scoredTokens(score, tokenizer), texts)];
  };
  for await (const delta of deltas) {
    const { index, text, tokens, seen, finish = null, seed } = delta;
    const [before, ofPrompt] = promptOf(delta);
    const offset = echo ? prompts[Math.floor(index / each)].text.length : 0;
    const ofText = typeof logprobs === "number"
      ? completionLogprobs(tokens, texts, offset)
      : undefined;
    yield {
      index,
      text: before + text,
      logprobs: (ofPrompt && ofText ? joined(ofPrompt, ofText) : ofText) ?? null,
      finish_reason: finish,
      ...(seed !== undefined && { seed }),
      ...(seen && { specmquant: seen }),
    };
  }
}

async function whole(
  head: object,
  pieces: AsyncIterable<Choice>,
  { count, usage }: Texts,
): Promise<unknown> {
  const choices = Array.from({ length: count }, (_, index): Choice => ({
    index,
    text: "",
    logprobs: null,
    finish_reason: null,
  }));
  for await (const piece of pieces) {
    const { index } = piece;
    const { text, logprobs } = choices[index];
    choices[index] = {
      ...piece,
      text: text + piece.text,
      logprobs: logprobs && piece.logprobs
        ? joined(logprobs, piece.logprobs)
        : piece.logprobs ?? logprobs,
    };
  }
  return { ...head, choices, usage: usage.usage };
}

async function* chunksOf(
  head: object,
  pieces: AsyncIterable<Choice>,
  { usage }: Texts,
  { stream_options }: CompletionRequest,
): AsyncGenerator<unknown, void> {
  const withUsage = stream_options?.include_usage ?? false;
  for await (const choice of pieces) {
    yield { ...head, choices: [choice], ...(withUsage && { usage: null }) };
  }
  if (withUsage) yield { ...head, choices: [], usage: usage.usage };
}
