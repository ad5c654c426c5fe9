/**
 * What `/v1/responses` takes.
 *
 * @module
 */
import { z } from "zod";
import { BY_METHOD, SAMPLING, WITHOUT_EFFECT } from "./sampling.ts";

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
    z.strictObject({ type: z.literal("function"), name: z.string() }),
  ]).nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  truncation: z.literal("disabled").nullish(),
  background: z.literal(false).nullish(),
  chat_template_kwargs: z.record(z.string(), z.unknown()).nullish(),
  specmquant: BY_METHOD.describe("Extension."),
  ...ONE,
  ...WITHOUT_EFFECT,
});

/**
 * The body, checked.
 *
 * @internal
 */
export type ResponseRequest = z.infer<typeof RESPONSE_REQUEST>;
