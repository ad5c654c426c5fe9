/**
 * What the specification of Open Responses (2026-04-24, openresponses.org) wants of a response and of its stream.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { z } from "zod";

const TOKEN = { token: z.string(), logprob: z.number(), bytes: z.array(z.int()) };

const LOGPROBS = z.array(z.object({ ...TOKEN, top_logprobs: z.array(z.object(TOKEN)) }));

const PART = z.object({
  type: z.literal("output_text"),
  text: z.string(),
  annotations: z.tuple([]),
  logprobs: LOGPROBS.optional(),
});

const STATUS = z.enum(["in_progress", "completed", "incomplete"]);

const ITEM = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("message"),
    id: z.string().min(1),
    status: STATUS,
    role: z.literal("assistant"),
    content: z.array(PART),
  }),
  z.object({
    type: z.literal("function_call"),
    id: z.string().min(1),
    call_id: z.string().min(1),
    name: z.string().min(1),
    arguments: z.string(),
    status: STATUS,
  }),
]);

/** An item of an output. */
export type Item = z.infer<typeof ITEM>;

const FUNCTION = z.object({ type: z.literal("function"), name: z.string() });

/** All of a response: each of these keys is always there. */
export const RESPONSE = z.object({
  id: z.string().min(1),
  object: z.literal("response"),
  created_at: z.int(),
  completed_at: z.int().nullable(),
  status: z.enum(["in_progress", "completed", "incomplete", "failed"]),
  incomplete_details: z.object({ reason: z.string() }).nullable(),
  model: z.string(),
  previous_response_id: z.null(),
  instructions: z.string().nullable(),
  output: z.array(ITEM),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
  tools: z.array(z.object({
    ...FUNCTION.shape,
    description: z.string().nullable(),
    parameters: z.record(z.string(), z.unknown()).nullable(),
    strict: z.boolean().nullable(),
  })),
  tool_choice: z.union([
    z.enum(["none", "auto", "required"]),
    FUNCTION,
    z.object({
      type: z.literal("allowed_tools"),
      mode: z.enum(["none", "auto", "required"]),
      tools: z.array(FUNCTION),
    }),
  ]),
  truncation: z.enum(["auto", "disabled"]),
  parallel_tool_calls: z.boolean(),
  text: z.object({
    format: z.discriminatedUnion("type", [
      z.object({ type: z.literal("text") }),
      z.object({ type: z.literal("json_object") }),
      z.object({
        type: z.literal("json_schema"),
        name: z.string(),
        description: z.string().nullable(),
        schema: z.record(z.string(), z.unknown()),
        strict: z.boolean(),
      }),
    ]),
  }),
  top_p: z.number(),
  presence_penalty: z.number(),
  frequency_penalty: z.number(),
  top_logprobs: z.int(),
  temperature: z.number(),
  reasoning: z.object({ effort: z.string().nullable(), summary: z.string().nullable() }).nullable(),
  usage: z.object({
    input_tokens: z.int(),
    output_tokens: z.int(),
    total_tokens: z.int(),
    input_tokens_details: z.object({ cached_tokens: z.int() }),
    output_tokens_details: z.object({ reasoning_tokens: z.int() }),
  }).nullable(),
  max_output_tokens: z.int().nullable(),
  max_tool_calls: z.int().nullable(),
  store: z.boolean(),
  background: z.boolean(),
  service_tier: z.string(),
  metadata: z.record(z.string(), z.string()),
  safety_identifier: z.string().nullable(),
  prompt_cache_key: z.string().nullable(),
});

/** A response. */
export type Response = z.infer<typeof RESPONSE>;

const NUMBER = { sequence_number: z.int() };
const IN_ITEM = { ...NUMBER, item_id: z.string(), output_index: z.int() };
const IN_PART = { ...IN_ITEM, content_index: z.literal(0) };
const OF_RESPONSE = { ...NUMBER, response: RESPONSE };
const OF_ITEM = { ...NUMBER, output_index: z.int(), item: ITEM };
const named = <T extends string>(type: T) => z.literal(`response.${type}`);

const EVENT = z.discriminatedUnion("type", [
  z.object({ type: named("created"), ...OF_RESPONSE }),
  z.object({ type: named("in_progress"), ...OF_RESPONSE }),
  z.object({ type: named("completed"), ...OF_RESPONSE }),
  z.object({ type: named("incomplete"), ...OF_RESPONSE }),
  z.object({ type: named("failed"), ...OF_RESPONSE }),
  z.object({ type: named("output_item.added"), ...OF_ITEM }),
  z.object({ type: named("output_item.done"), ...OF_ITEM }),
  z.object({ type: named("content_part.added"), ...IN_PART, part: PART }),
  z.object({ type: named("content_part.done"), ...IN_PART, part: PART }),
  z.object({
    type: named("output_text.delta"),
    ...IN_PART,
    delta: z.string(),
    logprobs: LOGPROBS.optional(),
  }),
  z.object({
    type: named("output_text.done"),
    ...IN_PART,
    text: z.string(),
    logprobs: LOGPROBS.optional(),
  }),
  z.object({ type: named("function_call_arguments.delta"), ...IN_ITEM, delta: z.string() }),
  z.object({ type: named("function_call_arguments.done"), ...IN_ITEM, arguments: z.string() }),
  z.object({
    type: z.literal("error"),
    ...NUMBER,
    error: z.object({
      type: z.string(),
      code: z.string().nullable(),
      message: z.string(),
      param: z.string().nullable(),
    }),
  }),
]);

/** An event of a stream. */
export type Event = z.infer<typeof EVENT>;

/** The events of a stream's text, each of which has to be one, under its name; the last line is `[DONE]`. */
export function eventsOf(text: string): Event[] {
  const blocks = text.split("\n\n");
  assertEquals(blocks.splice(-2), ["data: [DONE]", ""]);
  return blocks.map((block, i) => {
    const [, name, data] = /^event: (.+)\ndata: (.+)$/.exec(block) ?? [];
    const event = EVENT.parse(JSON.parse(data));
    assertEquals([name, event.sequence_number], [event.type, i]);
    return event;
  });
}

/** Checks that events are in order and say the same as one another; gives the last response. */
export function responseOf(events: readonly Event[]): Response {
  const [created, begun, ...rest] = events;
  assert(created.type === "response.created" && begun.type === "response.in_progress");
  assertEquals([created.response.status, created.response.output], ["in_progress", []]);
  assertEquals(begun.response, created.response);
  const last = rest.pop()!;
  assert("response" in last && last.type !== "response.created", last.type);
  assertEquals(`response.${last.response.status}`, last.type);
  const finished: Item[] = [];
  const items = rest.filter(({ type }) => type !== "error");
  while (items.length > 0) finished.push(itemOf(items, finished.length));
  if (last.type !== "response.failed") assertEquals(last.response.output, finished);
  return last.response;
}

/** Takes the events of the item at `index`, checks them, and gives the item. */
function itemOf(events: Event[], index: number): Item {
  const added = events.shift()!;
  assert(added.type === "response.output_item.added", added.type);
  const { item } = added;
  assertEquals([added.output_index, item.status], [index, "in_progress"]);
  const end = events.findIndex(({ type }) => type === "response.output_item.done");
  const inside = events.splice(0, end);
  for (const event of inside) {
    assert("item_id" in event && event.item_id === item.id && event.output_index === index);
  }
  const done = events.shift()!;
  assert(done.type === "response.output_item.done" && done.output_index === index);
  const isMessage = item.type === "message";
  const kind = isMessage ? "output_text" : "function_call_arguments";
  const deltas = inside.flatMap((event) => "delta" in event ? [event.delta] : []);
  assertEquals(inside.map(({ type }) => type), [
    ...isMessage ? ["response.content_part.added"] : [],
    ...deltas.map(() => `response.${kind}.delta`),
    `response.${kind}.done`,
    ...isMessage ? ["response.content_part.done"] : [],
  ]);
  if (done.item.type === "message") {
    assertEquals(item, { ...done.item, status: "in_progress", content: [] });
    const [part, ...more] = done.item.content;
    assertEquals([part.text, more], [deltas.join(""), []]);
    const [text, whole] = inside.slice(-2);
    assert("text" in text && "part" in whole);
    assertEquals([text.text, whole.part], [part.text, part]);
  } else {
    assertEquals(item, { ...done.item, status: "in_progress", arguments: "" });
    const all = inside.at(-1)!;
    assert("arguments" in all);
    assertEquals([all.arguments, deltas.join("")], [done.item.arguments, done.item.arguments]);
  }
  return done.item;
}
