/**
 * Vercel's AI SDK with its provider for servers like this one.
 *
 * @module
 */
import { createOpenAICompatible, type MetadataExtractor } from "@ai-sdk/openai-compatible";
import {
  APICallError,
  type AssistantModelMessage,
  generateText,
  jsonSchema,
  type ModelMessage,
  Output,
  streamText,
  tool,
  type ToolChoice,
  type ToolSet,
  type TypedToolCall,
} from "ai";
import type OpenAI from "openai";
import type { Answer, Asked, Call, Client, ClientKind, Refusal, Token, Turn } from "./client.ts";

// Warnings are for those who read them.
Object.assign(globalThis, { AI_SDK_LOG_WARNINGS: false });

const PROVIDER = "local";

/** Log-probabilities, which the SDK itself has no place for. */
const LOGPROBS: MetadataExtractor = {
  extractMetadata: ({ parsedBody }) => Promise.resolve(metadataOf([parsedBody])),
  createStreamExtractor() {
    const chunks: unknown[] = [];
    return {
      processChunk: (chunk) => void chunks.push(chunk),
      buildMetadata: () => metadataOf(chunks),
    };
  },
};

/** An error in the words of the API. */
type Said = Omit<Refusal, "kind" | "status">;

function metadataOf(bodies: readonly unknown[]) {
  const tokens = (bodies as readonly OpenAI.ChatCompletion[]).flatMap(({ choices }) =>
    choices?.[0]?.logprobs?.content ?? []
  );
  return { [PROVIDER]: { tokens: JSON.parse(JSON.stringify(tokens)) } };
}

/** The npm packages `ai` and `@ai-sdk/openai-compatible`. */
export const aiSdk: ClientKind = {
  name: "@ai-sdk/openai-compatible",
  kinds: { key: "AI_APICallError", context: "AI_APICallError", model: "AI_APICallError" },
  connect({ url, key, model: name, fetch }): Client {
    const model = createOpenAICompatible({
      name: PROVIDER,
      baseURL: url,
      apiKey: key,
      fetch,
      includeUsage: true,
      supportsStructuredOutputs: true,
      metadataExtractor: LOGPROBS,
    })(name);
    return {
      async ask(asked) {
        return answerOf(asked, await generateText({ model, ...optionsOf(asked) }));
      },
      async stream(asked, heard) {
        // What goes wrong is a part of the stream.
        const stream = streamText({ model, ...optionsOf(asked), onError() {} });
        for await (const part of stream.stream) {
          if (part.type === "text-delta") heard(part.text);
          if (part.type === "tool-input-delta") heard(part.delta);
          if (part.type === "error") throw part.error;
          if (part.type === "abort") asked.signal!.throwIfAborted();
        }
        return answerOf(asked, {
          text: await stream.text,
          toolCalls: await stream.toolCalls,
          rawFinishReason: await stream.rawFinishReason,
          usage: await stream.usage,
          providerMetadata: await stream.providerMetadata,
        });
      },
      async object(asked, schema) {
        const output = Output.object({ schema: jsonSchema({ ...schema }) });
        return (await generateText({ model, ...optionsOf(asked), output })).output;
      },
      refusal(error) {
        if (APICallError.isInstance(error)) {
          const { statusCode: status, data } = error;
          return { kind: error.name, status, ...(data as { error: Said }).error };
        }
        // Of an error within a stream there is what was said of it.
        if (!(error instanceof Error) || !("data" in error)) return undefined;
        return { kind: error.name, ...error.data as Said };
      },
      isAbort: (error) => error instanceof Error && error.name === "AbortError",
    };
  },
};

function optionsOf(asked: Asked) {
  const { turns, tools, choice, top, picture, more } = asked;
  const messages = turns.map(messageOf);
  if (picture !== undefined) {
    messages.push({
      role: "user",
      content: [{ type: "file", data: picture, mediaType: "image/png" }],
    });
  }
  const logprobs = top !== undefined && { logprobs: true, top_logprobs: top };
  return {
    messages,
    allowSystemInMessages: true,
    temperature: asked.temperature,
    seed: asked.seed,
    maxOutputTokens: asked.maxTokens,
    ...(asked.stop !== undefined && { stopSequences: [asked.stop] }),
    tools: tools && Object.fromEntries(
      tools.map(({ name, description, parameters }) => [
        name,
        tool({ description, inputSchema: jsonSchema({ ...parameters }) }),
      ]),
    ) as ToolSet,
    toolChoice: (typeof choice === "object" ? { type: "tool", toolName: choice.name } : choice) as
      | ToolChoice<ToolSet>
      | undefined,
    providerOptions: { [PROVIDER]: JSON.parse(JSON.stringify({ ...logprobs, ...more })) },
    abortSignal: asked.signal,
    maxRetries: 0,
  };
}

function messageOf(turn: Turn): ModelMessage {
  switch (turn.role) {
    case "calls":
      return {
        role: "assistant",
        content: turn.calls.map(({ id, name, arguments: input }) => ({
          type: "tool-call",
          toolCallId: id,
          toolName: name,
          input,
        })),
      } as AssistantModelMessage;
    case "result": {
      const { call: { id, name }, content } = turn;
      const output = { type: "text", value: content } as const;
      return {
        role: "tool",
        content: [{ type: "tool-result", toolCallId: id, toolName: name, output }],
      };
    }
    default:
      return { role: turn.role, content: turn.content };
  }
}

/** What is read of a result. */
interface Result {
  readonly text: string;
  readonly toolCalls: readonly TypedToolCall<ToolSet>[];
  readonly rawFinishReason: string | undefined;
  readonly usage: { readonly inputTokens?: number; readonly outputTokens?: number };
  readonly providerMetadata?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

function answerOf({ top }: Asked, result: Result): Answer {
  const { text, toolCalls, rawFinishReason, usage, providerMetadata } = result;
  const tokens = providerMetadata![PROVIDER].tokens as OpenAI.ChatCompletionTokenLogprob[];
  return {
    text,
    calls: toolCalls.map(({ toolCallId: id, toolName: name, input }): Call => ({
      id,
      name,
      arguments: input,
    })),
    finish: rawFinishReason!,
    promptTokens: usage.inputTokens!,
    completionTokens: usage.outputTokens!,
    ...(top !== undefined && {
      tokens: tokens.map(({ token, logprob, top_logprobs }): Token => ({
        token,
        logprob,
        top: top_logprobs,
      })),
    }),
  };
}
