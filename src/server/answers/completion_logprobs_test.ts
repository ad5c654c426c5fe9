/**
 * What `/v1/completions` says of tokens, where two of them have one text.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { completionLogprobs } from "./completion_logprobs.ts";
import type { TokenTexts } from "./token_texts.ts";

Deno.test("completionLogprobs: whether a token is the likeliest can be told where another has its text", () => {
  const texts = { keyOf: (id: number) => id < 8 ? "a" : "b" } as TokenTexts;
  const top = [{ id: 1, logprob: -0.5 }, { id: 9, logprob: -1 }];
  const { top_logprobs } = completionLogprobs([{ id: 2, logprob: -3, top, offset: 0 }], texts);
  assertEquals(top_logprobs, [{ a: -0.5, b: -1 }]);
});
