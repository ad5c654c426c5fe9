/**
 * LangChain.
 *
 * @module
 */
import {
  AIMessage,
  type AIMessageChunk,
  type BaseMessage,
  HumanMessage,
  SystemMessage,
  ToolMessage,
} from "@langchain/core/messages";
import { concat } from "@langchain/core/utils/stream";
import { ChatOpenAI } from "@langchain/openai";
import OpenAI from "openai";
import type { Answer, Asked, Client, ClientKind, Token, Turn } from "./client.ts";

/** The npm package `@langchain/openai`. */
export const langchain: ClientKind = {
  name: "@langchain/openai",
  kinds: {
    key: "MODEL_AUTHENTICATION",
    context: "ContextOverflowError",
    model: "MODEL_NOT_FOUND",
  },
  connect({ url, key, model, fetch }): Client {
    const modelFor = ({ temperature, maxTokens, top, more }: Asked) =>
      new ChatOpenAI({
        model,
        apiKey: key,
        temperature,
        maxTokens,
        ...(top !== undefined && { logprobs: true, topLogprobs: top }),
        modelKwargs: more && { ...more },
        maxRetries: 0,
        configuration: { baseURL: url, fetch },
      });
    return {
      async ask(asked) {
        return answerOf(await modelFor(asked).invoke(messagesOf(asked), optionsOf(asked)));
      },
      async stream(asked, heard) {
        let whole: AIMessageChunk | undefined;
        for await (
          const chunk of await modelFor(asked).stream(messagesOf(asked), optionsOf(asked))
        ) {
          if (chunk.text !== "") heard(chunk.text);
          for (const { args } of chunk.tool_call_chunks ?? []) heard(args ?? "");
          whole = whole === undefined ? chunk : concat(whole, chunk);
        }
        return answerOf(whole!);
      },
      async object(asked, schema) {
        // A model with a parser behind it has no option for the seed.
        const more = { ...asked.more, seed: asked.seed };
        return await modelFor({ ...asked, more })
          .withStructuredOutput({ ...schema }, { name: "it", method: "jsonSchema" })
          .invoke(messagesOf(asked));
      },
      refusal(error) {
        if (!(error instanceof Error)) return undefined;
        const { cause } = error;
        // What LangChain knows better is an error of its own, around the client's.
        const known = [error, cause].find((one) => one instanceof OpenAI.APIError);
        if (known === undefined) return undefined;
        const { status, message, type, param, code } = known;
        const kind = "lc_error_code" in error ? `${error.lc_error_code}` : error.name;
        return { kind, status, message, type, param, code };
      },
      isAbort: (error) => error instanceof Error && error.name === "AbortError",
    };
  },
};

function optionsOf({ stop, seed, tools, choice, signal }: Asked) {
  return {
    ...(stop !== undefined && { stop: [stop] }),
    seed,
    signal,
    ...(tools && {
      tools: tools.map((tool) => ({ type: "function" as const, function: { ...tool } })),
      tool_choice: typeof choice === "object" ? choice.name : choice,
    }),
  };
}

function messagesOf({ turns, picture }: Asked): BaseMessage[] {
  const messages = turns.map(messageOf);
  if (picture === undefined) return messages;
  const content = [{ type: "image_url" as const, image_url: { url: picture } }];
  return [...messages, new HumanMessage({ content })];
}

function messageOf(turn: Turn): BaseMessage {
  switch (turn.role) {
    case "calls":
      return new AIMessage({
        content: "",
        tool_calls: turn.calls.map(({ id, name, arguments: args }) => ({
          id,
          name,
          args: args as Record<string, unknown>,
        })),
      });
    case "result":
      return new ToolMessage({ content: turn.content, tool_call_id: turn.call.id });
    case "system":
      return new SystemMessage(turn.content);
    case "assistant":
      return new AIMessage(turn.content);
    case "user":
      return new HumanMessage(turn.content);
  }
}

function answerOf(message: AIMessage | AIMessageChunk): Answer {
  const { finish_reason, logprobs } = message.response_metadata as {
    finish_reason: string;
    logprobs?: OpenAI.ChatCompletion.Choice["logprobs"];
  };
  return {
    text: message.text,
    calls: (message.tool_calls ?? []).map(({ id, name, args }) => ({
      id: id!,
      name,
      arguments: args,
    })),
    finish: finish_reason,
    promptTokens: message.usage_metadata!.input_tokens,
    completionTokens: message.usage_metadata!.output_tokens,
    tokens: logprobs?.content?.map(({ token, logprob, top_logprobs: top }): Token => ({
      token,
      logprob,
      top,
    })),
  };
}
