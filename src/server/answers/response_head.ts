/**
 * What a response says of its request, as the specification of Open Responses has it: all of it, whatever was asked for.
 *
 * @module
 */
import type { ChoiceOptions } from "../../engine/mod.ts";
import type { ResponseRequest } from "../schemas/responses.ts";

/** A response as it begins; `sampling` is how tokens are chosen where `body` does not say. */
export function responseHead(
  id: string,
  model: string,
  body: ResponseRequest,
  sampling: ChoiceOptions,
): object {
  return {
    id: `resp_${id}`,
    object: "response",
    created_at: Math.floor(Date.now() / 1000),
    completed_at: null,
    status: "in_progress",
    incomplete_details: null,
    model,
    previous_response_id: null,
    instructions: body.instructions ?? null,
    output: [],
    error: null,
    tools: (body.tools ?? []).map((
      { type, name, description = null, parameters = null, strict = null },
    ) => ({ type, name, description, parameters, strict })),
    tool_choice: body.tool_choice ?? "auto",
    truncation: "disabled",
    parallel_tool_calls: body.parallel_tool_calls ?? true,
    text: { format: formatOf(body) },
    top_p: body.top_p ?? sampling.topP ?? 1,
    presence_penalty: body.presence_penalty ?? sampling.presencePenalty ?? 0,
    frequency_penalty: body.frequency_penalty ?? sampling.frequencyPenalty ?? 0,
    top_logprobs: body.top_logprobs ?? 0,
    temperature: body.temperature ?? sampling.temperature ?? 0,
    reasoning: { effort: null, summary: null },
    usage: null,
    max_output_tokens: body.max_output_tokens ?? null,
    max_tool_calls: null,
    store: false,
    background: false,
    service_tier: "default",
    metadata: body.metadata ?? {},
    safety_identifier: body.safety_identifier ?? null,
    prompt_cache_key: body.prompt_cache_key ?? null,
    user: body.user ?? null,
  };
}

function formatOf({ text }: ResponseRequest): object {
  const { format } = text ?? {};
  if (format?.type !== "json_schema") return format ?? { type: "text" };
  // The schema always holds.
  return { ...format, description: format.description ?? null, strict: format.strict ?? true };
}
