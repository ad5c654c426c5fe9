/**
 * Whether the answer to a request that is valid by accident is the right one: that of plain decoding.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { GenerateOptions, Prompt } from "../../mod.ts";
import { expected } from "./rig.ts";

// deno-lint-ignore no-explicit-any -- whatever was sent and came
type Any = any;

/** Names of options as bodies have them. */
const OPTIONS = {
  temperature: "temperature",
  top_p: "topP",
  top_k: "topK",
  min_p: "minP",
  presence_penalty: "presencePenalty",
  frequency_penalty: "frequencyPenalty",
  repetition_penalty: "repetitionPenalty",
  logit_bias: "logitBias",
  stop: "stop",
  ignore_eos: "ignoreEos",
} as const;

function optionsOf(body: Any, choice: Any): GenerateOptions {
  const options: Record<string, unknown> = { temperature: 1 };
  for (const [from, to] of Object.entries(OPTIONS)) {
    if (body[from] !== null && body[from] !== undefined) options[to] = body[from];
  }
  const length = body.max_tokens ?? body.max_completion_tokens;
  if (typeof length === "number") options.maxTokens = length;
  if (options.temperature !== 0) options.seed = choice.seed;
  return options;
}

/** The choices of an answer, those of a stream put together. */
function choicesOf(text: string, isStream: boolean): Any[] {
  if (!isStream) return JSON.parse(text).choices;
  const choices: Any[] = [];
  for (const line of text.split("\n")) {
    if (!line.startsWith("data: {")) continue;
    for (const { index, text, delta, finish_reason, seed } of JSON.parse(line.slice(6)).choices) {
      const choice = choices[index] ??= { index, text: "" };
      choice.text += text ?? delta?.content ?? "";
      choice.finish_reason = finish_reason;
      choice.seed ??= seed;
    }
  }
  return choices;
}

/** Prompts of a body; undefined where it takes more than plain decoding to tell what they are. */
function promptsOf(path: string, body: Any): Prompt[] | undefined {
  if (path === "/v1/completions") {
    const isOne = typeof body.prompt === "string" || typeof body.prompt[0] === "number";
    return isOne ? [body.prompt] : body.prompt;
  }
  const hasMore = body.tools ?? body.response_format ?? body.chat_template_kwargs;
  if (path !== "/v1/chat/completions" || hasMore !== undefined) return undefined;
  const messages: Any[] = body.messages;
  const isPlain = messages.every(({ role, content, ...more }) =>
    ["system", "user", "assistant"].includes(role) && typeof content === "string" &&
    Object.keys(more).length === 0
  );
  return isPlain ? [messages] : undefined;
}

/** Fails where the answer to `body` is another one than plain decoding gives; whether it could tell. */
export async function checkAnswer(path: string, body: Any, text: string): Promise<boolean> {
  const prompts = promptsOf(path, body);
  if (prompts === undefined) return false;
  const choices = choicesOf(text, Boolean(body.stream));
  const each = body.n ?? 1;
  assertEquals(choices.length, prompts.length * each);
  for (const [i, choice] of choices.entries()) {
    assertEquals(choice.index, i);
    const given = body.seed === null || body.seed === undefined ? undefined : body.seed + i % each;
    const options = optionsOf(body, choice);
    if (options.maxTokens === 0) continue;
    if (given !== undefined && options.temperature !== 0) assertEquals(choice.seed, given);
    const prompt = prompts[Math.floor(i / each)];
    const isDefault = path === "/v1/completions" && options.maxTokens === undefined;
    const right = await expected(prompt, { ...options, ...(isDefault && { maxTokens: 16 }) });
    const made: string = choice.text ?? choice.message.content;
    if (!body.echo) assertEquals(made, right.text);
    else assert(made.endsWith(right.text), `${made} does not end with ${right.text}`);
    assertEquals(choice.finish_reason, right.finishReason === "stop" ? "stop" : "length");
  }
  return true;
}
