/**
 * What `/v1/chat/completions` takes.
 *
 * @module
 */
import { z } from "zod";
import { MAX_TOP_LOG_PROBS } from "../../speculation/mod.ts";
import { SAMPLING, WITHOUT_EFFECT } from "./sampling.ts";

/** Text, whole or in parts; a model of text takes no other parts. */
const CONTENT = z.union([
  z.string(),
  z.array(z.strictObject({ type: z.literal("text"), text: z.string() })),
]);

const NAME = { name: z.string().nullish() };

/** A turn of somebody who only speaks. */
const SAID = z.strictObject({
  role: z.enum(["system", "developer", "user"]),
  content: CONTENT,
  ...NAME,
});

/** A call that the model made. */
const CALLED = z.strictObject({
  id: z.string(),
  type: z.literal("function"),
  function: z.strictObject({ name: z.string(), arguments: z.string() }),
});

/** What a tool gave. */
const GIVEN = z.strictObject({
  role: z.literal("tool"),
  content: CONTENT,
  tool_call_id: z.string(),
  ...NAME,
});

/** An answer of the model, also as this server gave it. */
const ANSWERED = z.strictObject({
  role: z.literal("assistant"),
  content: CONTENT.nullish(),
  tool_calls: z.array(CALLED).nullish(),
  reasoning_content: z.string().nullish(),
  refusal: z.null().optional(),
  audio: z.null().optional(),
  function_call: z.null().optional(),
  annotations: z.array(z.never()).nullish(),
  ...NAME,
});

const MESSAGE = z.discriminatedUnion("role", [SAID, ANSWERED, GIVEN]);

/** Names of tools, as the API has them. */
const TOOL_NAME = z.string().regex(/^[\w-]{1,64}$/);

const TOOL = z.strictObject({
  type: z.literal("function"),
  function: z.strictObject({
    name: TOOL_NAME,
    description: z.string().nullish(),
    parameters: z.record(z.string(), z.unknown()).nullish(),
    strict: z.boolean().nullish().describe("Calls that are forced hold to it in any case."),
  }),
});

const NAMED_TOOL = z.strictObject({
  type: z.literal("function"),
  function: z.strictObject({ name: z.string() }),
});

const TOOL_CHOICE = z.union([
  z.enum(["none", "auto", "required"]),
  NAMED_TOOL,
  z.strictObject({
    type: z.literal("allowed_tools"),
    allowed_tools: z.strictObject({
      mode: z.enum(["auto", "required"]),
      tools: z.array(NAMED_TOOL).min(1),
    }),
  }),
]);

const RESPONSE_FORMAT = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("text") }),
  z.strictObject({ type: z.literal("json_object") }),
  z.strictObject({
    type: z.literal("json_schema"),
    json_schema: z.strictObject({
      name: z.string(),
      description: z.string().nullish(),
      schema: z.record(z.string(), z.unknown()).nullish(),
      strict: z.boolean().nullish().describe("The schema always holds."),
    }),
  }),
]);

/**
 * The body of a request.
 *
 * @internal
 */
export const CHAT_COMPLETION_REQUEST = z.strictObject({
  model: z.string(),
  messages: z.array(MESSAGE).min(1),
  max_tokens: z.int().min(1).nullish(),
  max_completion_tokens: z.int().min(1).nullish().describe(
    "What is left of the context where neither this nor max_tokens is given.",
  ),
  logprobs: z.boolean().nullish(),
  top_logprobs: z.int().min(0).max(MAX_TOP_LOG_PROBS).nullish(),
  response_format: RESPONSE_FORMAT.nullish(),
  tools: z.array(TOOL).max(128).nullish(),
  tool_choice: TOOL_CHOICE.nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  modalities: z.tuple([z.literal("text")]).nullish(),
  chat_template_kwargs: z.record(z.string(), z.unknown()).nullish().describe(
    "Extension: what else the model's chat template knows.",
  ),
  ...SAMPLING,
  ...WITHOUT_EFFECT,
});

/**
 * The body, checked.
 *
 * @internal
 */
export type ChatCompletionRequest = z.infer<typeof CHAT_COMPLETION_REQUEST>;

/**
 * A message, checked.
 *
 * @internal
 */
export type ChatRequestMessage = z.infer<typeof MESSAGE>;
