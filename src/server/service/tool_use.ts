/**
 * The tools of a request: what the model is shown of them, what it is made to write, and how that is read.
 *
 * @module
 */
import type { TemplateValue } from "../../text/chat_template.ts";
import type { ChatCompletionRequest } from "../schemas/chat_completions.ts";
import { type CallFormat, callFormat } from "../tools/call_format.ts";
import { CallReader } from "../tools/call_reader.ts";
import { callSchema, type Tool } from "../tools/forced.ts";
import { invalid } from "../wire/api_error.ts";
import type { Service } from "./service.ts";

/** How a request uses tools. */
export interface ToolUse {
  /** The tools, as a template takes them. */
  readonly shown: readonly TemplateValue[];
  /** Tokens behind the prompt; they announce a call that has to be made. */
  readonly announced: readonly number[];
  /** The JSON schema of a call that has to be made. */
  readonly forced?: unknown;
  /** Special tokens that announce a call, with the text that they stand for. */
  readonly marks: ReadonlyMap<number, string>;
  /** Reads a text. */
  reader(): CallReader;
}

/** Formats by model, found when they are first needed. */
const FORMATS = new WeakMap<object, { readonly format: CallFormat | undefined }>();

/**
 * How a request uses tools; undefined where it does not.
 *
 * @throws {ApiError} the model's template knows no tools, or the request asks for one that there is not
 */
export function toolUse(body: ChatCompletionRequest, service: Service): ToolUse | undefined {
  const { tools, tool_choice: choice, parallel_tool_calls, response_format: format } = body;
  const given = tools ?? [];
  if (given.length === 0) {
    for (const param of ["tool_choice", "parallel_tool_calls"] as const) {
      const value = body[param];
      if (value === undefined || value === null || value === "none" || value === "auto") continue;
      throw invalid(param, `Cannot answer: ${param} needs tools`);
    }
    return undefined;
  }
  const known = given.map(({ function: { name, parameters } }): Tool => ({
    name,
    ...(parameters && { parameters }),
  }));
  const { allowed, isForced } = chosen(known, choice);
  if (choice === "none") return undefined;
  if (format && format.type !== "text") {
    throw invalid(
      "response_format",
      `Cannot answer: response_format is ${format.type} beside tools, expected text, or tool_choice none`,
    );
  }
  const calls = formatOf(service);
  const { tokenizer } = service.engine;
  const encode = (text: string) => tokenizer.encode(text, { addSpecialTokens: false });
  const marks = [calls.marker, calls.closing].filter((mark) => mark !== "").flatMap((mark) => {
    const ids = encode(mark);
    const isSpecial = ids.length === 1 && tokenizer.specialIds.has(ids[0]);
    return isSpecial ? [[ids[0], mark] as const] : [];
  });
  if (isForced && body.ignore_eos) {
    throw invalid(
      "ignore_eos",
      "Cannot answer: ignore_eos does nothing with a call that is forced",
    );
  }
  return {
    shown: given.map(({ type, function: { name, description, parameters } }) => ({
      type,
      function: {
        name,
        ...(description && { description }),
        ...(parameters && { parameters: parameters as TemplateValue }),
      },
    })),
    announced: !isForced || calls.opening === "" ? [] : encode(calls.opening),
    ...(isForced && { forced: callSchema(allowed, calls) }),
    marks: new Map(marks),
    reader: () =>
      new CallReader(
        calls,
        allowed.map(({ name }) => name),
        parallel_tool_calls === false ? 1 : Infinity,
        isForced,
      ),
  };
}

/** The tools that may be called, and whether one of them has to be. */
function chosen(
  tools: readonly Tool[],
  choice: ChatCompletionRequest["tool_choice"],
): { readonly allowed: readonly Tool[]; readonly isForced: boolean } {
  if (typeof choice !== "object" || choice === null) {
    return { allowed: tools, isForced: choice === "required" };
  }
  const { mode, tools: named } = choice.type === "function"
    ? { mode: "required", tools: [choice] }
    : choice.allowed_tools;
  const allowed = named.flatMap(({ function: { name: wanted } }) => {
    const found = tools.filter(({ name }) => name === wanted);
    if (found.length > 0) return found;
    throw invalid(
      "tool_choice",
      `Cannot answer: tool_choice names "${wanted.slice(0, 64)}", expected one of ${
        tools.map(({ name }) => name).join(", ")
      }`,
    );
  });
  return { allowed, isForced: mode === "required" };
}

function formatOf({ engine: { chatTemplate } }: Service): CallFormat {
  let known = chatTemplate && FORMATS.get(chatTemplate);
  if (chatTemplate !== undefined && known === undefined) {
    FORMATS.set(chatTemplate, known = { format: callFormat(chatTemplate) });
  }
  if (known?.format !== undefined) return known.format;
  throw invalid(
    "tools",
    "Cannot answer: the model's chat template writes no calls of tools as JSON of a name and arguments, " +
      "expected a request without tools",
  );
}
