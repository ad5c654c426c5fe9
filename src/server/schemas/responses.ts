/**
 * What `/v1/responses` takes.
 *
 * @module
 */
import { z } from "zod";
import { MAX_TOP_LOG_PROBS } from "../../speculation/mod.ts";
import { BY_METHOD, SAMPLING, WITHOUT_EFFECT } from "./sampling.ts";

/** What `include` may name. */
const LOGPROBS = "message.output_text.logprobs";

const TEXT_PART = z.strictObject({
  type: z.enum(["input_text", "output_text", "text"]),
  text: z.string(),
  annotations: z.array(z.unknown()).nullish(),
  logprobs: z.array(z.unknown()).nullish(),
});

const CONTENT = z.union([z.string(), z.array(TEXT_PART)]);

const STATUS = { id: z.string().nullish(), status: z.string().nullish() } as const;

/** A turn, also as this server gave it. */
const MESSAGE = z.strictObject({
  type: z.literal("message").nullish(),
  role: z.enum(["system", "developer", "user", "assistant"]),
  content: CONTENT,
  phase: z.string().nullish(),
  ...STATUS,
});

/** The arguments of a call: JSON of an object. */
const ARGUMENTS = z.string().refine((text) => {
  try {
    const value = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}, "expected the JSON of an object");

const CALL = z.strictObject({
  type: z.literal("function_call"),
  call_id: z.string(),
  name: z.string(),
  arguments: ARGUMENTS,
  ...STATUS,
});

const OUTPUT = z.strictObject({
  type: z.literal("function_call_output"),
  call_id: z.string(),
  output: CONTENT,
  ...STATUS,
});

const TOOL = z.strictObject({
  type: z.literal("function"),
  name: z.string().regex(/^[\w-]{1,64}$/),
  description: z.string().nullish(),
  parameters: z.record(z.string(), z.unknown()).nullish(),
  strict: z.boolean().nullish(),
});

const TOOL_NAME = z.strictObject({ type: z.literal("function"), name: z.string() });

const FORMAT = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("text") }),
  z.strictObject({ type: z.literal("json_object") }),
  z.strictObject({
    type: z.literal("json_schema"),
    name: z.string(),
    description: z.string().nullish(),
    schema: z.record(z.string(), z.unknown()),
    strict: z.boolean().nullish(),
  }),
]);

/** What a server that stores nothing has no use for; null, as in a response that is sent back, is nothing. */
const NONE = (why: string) => z.null({ error: `expected null: ${why}` }).optional();

const { n: _n, specmquant: _specmquant, stream_options: _options, stop: _stop, ...ONE } = SAMPLING;

/**
 * The body of a request.
 *
 * @internal
 */
export const RESPONSE_REQUEST = z.strictObject({
  model: z.string(),
  input: z.union([z.string(), z.array(z.union([MESSAGE, CALL, OUTPUT])).min(1)]),
  instructions: z.string().nullish(),
  max_output_tokens: z.int().min(1).nullish(),
  text: z.strictObject({ format: FORMAT.nullish() }).nullish(),
  tools: z.array(TOOL).max(128).nullish(),
  tool_choice: z.union([
    z.enum(["none", "auto", "required"]),
    TOOL_NAME,
    z.strictObject({
      type: z.literal("allowed_tools"),
      mode: z.enum(["auto", "required"]),
      tools: z.array(TOOL_NAME).min(1),
    }),
  ]).nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  include: z.array(z.literal(LOGPROBS)).nullish(),
  top_logprobs: z.int().min(0).max(MAX_TOP_LOG_PROBS).nullish().describe(
    `Log-probabilities are given where this is, or ${LOGPROBS} in include.`,
  ),
  truncation: z.literal("disabled").nullish(),
  background: z.literal(false).nullish(),
  chat_template_kwargs: z.record(z.string(), z.unknown()).nullish(),
  specmquant: BY_METHOD.describe("Extension."),
  stream_options: z.strictObject({ include_obfuscation: z.literal(false).nullish() }).nullish(),
  previous_response_id: NONE("nothing is stored"),
  conversation: NONE("nothing is stored"),
  prompt: NONE("nothing is stored"),
  reasoning: NONE("there is none"),
  max_tool_calls: NONE("no tools are called here"),
  ...ONE,
  ...WITHOUT_EFFECT,
});

/**
 * The body, checked.
 *
 * @internal
 */
export type ResponseRequest = z.infer<typeof RESPONSE_REQUEST>;
