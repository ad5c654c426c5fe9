/**
 * Texts, against plain decoding.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { expected, MESSAGES } from "../../rig.ts";
import type { Answer, Asked } from "../client.ts";
import type { Case } from "./case.ts";

const ASKED: Asked = { turns: MESSAGES, temperature: 0, maxTokens: 32 };

/** Cases of what is said. */
export const TEXTS: readonly Case[] = [
  ["greedy and seeded answers are those of plain decoding", async ({ client, trio }) => {
    for (const choice of [{ temperature: 0 }, { temperature: 0.9, seed: 7 }]) {
      const answer = await client(trio).ask({ ...ASKED, ...choice });
      const right = await expected(MESSAGES, { ...choice, maxTokens: 32 });
      assertEquals(answer.text, right.text);
      assertEquals([answer.finish, answer.calls], [right.finishReason, []]);
      assertEquals(answer.promptTokens, right.promptTokens);
      assertEquals(answer.completionTokens, right.tokens.length);
    }
  }],
  ["a text that ends by itself has stopped, and a dialogue goes on", async ({ client, trio }) => {
    const turns = [
      { role: "system", content: "Be brief." },
      ...MESSAGES,
      { role: "assistant", content: "7" },
      { role: "user", content: "And 2 + 2?" },
    ] as const;
    const answer = await client(trio).ask({ turns, temperature: 0 });
    const right = await expected([...turns], {});
    assertEquals([answer.text, answer.finish], [right.text, "stop"]);
  }],
  ["a stream has the same text in pieces, and its usage", async ({ client, trio }) => {
    const pieces: string[] = [];
    const answer = await client(trio).stream(ASKED, (piece) => pieces.push(piece));
    const right = await expected(MESSAGES, { maxTokens: 32 });
    assertEquals([answer.text, pieces.join("")], [right.text, right.text]);
    assert(pieces.length > 20, `${pieces.length} pieces`);
    assertEquals(answer.finish, right.finishReason);
    assertEquals(answer.promptTokens, right.promptTokens);
    assertEquals(answer.completionTokens, right.tokens.length);
  }],
  ["a stop string ends the text before it, in streams, too", async ({ client, trio }) => {
    const whole = await expected(MESSAGES, { maxTokens: 32 });
    // Within a token and across several.
    for (const stop of [whole.text.slice(9, 10), whole.text.slice(12, 19)]) {
      const right = await expected(MESSAGES, { maxTokens: 32, stop });
      assert(!right.text.includes(stop) && right.text.length < whole.text.length);
      const asked = { ...ASKED, stop };
      const answers = [await client(trio).ask(asked), await client(trio).stream(asked, () => {})];
      for (const { text, finish } of answers) assertEquals([text, finish], [right.text, "stop"]);
    }
  }],
  ["log-probabilities are those of plain decoding, in streams, too", async ({ client, trio }) => {
    const whole = await expected(MESSAGES, { maxTokens: 24 });
    for (const stop of [undefined, whole.text.slice(12, 19)]) {
      const right = await expected(MESSAGES, { maxTokens: 24, logprobs: 2, stop });
      const asked = { ...ASKED, maxTokens: 24, top: 2, stop };
      const answer = await client(trio).ask(asked);
      assertEquals(answer.tokens!.map(({ logprob }) => logprob), right.logprobs);
      assertEquals(
        answer.tokens!.map(({ top }) => top.map(({ logprob }) => logprob)),
        right.top!.map((top) => top.map(({ logprob }) => logprob)),
      );
      // Greedy text is of the likeliest tokens.
      for (const { token, top } of answer.tokens!) assertEquals(token, top[0].token);
      assert(answer.tokens!.map(({ token }) => token).join("").startsWith(right.text));
      const streamed = await client(trio).stream(asked, () => {});
      assertEquals(streamed.tokens, answer.tokens);
    }
  }],
  ["an object follows its schema", async ({ client, trio }) => {
    const schema = {
      type: "object",
      properties: {
        answer: { type: "integer", minimum: 0, maximum: 99 },
        sure: { type: "boolean" },
      },
      required: ["answer", "sure"],
      additionalProperties: false,
    };
    const choice = { temperature: 1, seed: 3 };
    const object = await client(trio).object({ ...ASKED, ...choice, maxTokens: 100 }, schema);
    const grammar = { jsonSchema: schema };
    const right = await expected(MESSAGES, { ...choice, maxTokens: 100, grammar });
    assertEquals(object, JSON.parse(right.text));
  }],
  ["who aborts stops the text at once, waiting or under way", async ({ client, trio }) => {
    const long = { turns: MESSAGES, more: { ignore_eos: true, n: 64 } };
    for (const isStreamed of [true, false]) {
      const controller = new AbortController();
      const asked = { ...long, signal: controller.signal };
      const asking = client(trio);
      let running: Promise<Answer>;
      if (isStreamed) {
        const heard = Promise.withResolvers<void>();
        let pieces = 0;
        running = asking.stream(asked, () => ++pieces === 10 && heard.resolve());
        await Promise.race([heard.promise, running]);
      } else {
        running = asking.ask(asked);
        await Promise.race([trio.begins(), running]);
      }
      const load = await trio.load();
      assertEquals([load.running, load.waiting > 50], [4, true]);
      controller.abort();
      const error = await assertRejects(() => running);
      assert(asking.isAbort(error), `${error}`);
      assert(await trio.idles(1), JSON.stringify(await trio.load()));
      const { status, code } = JSON.parse(trio.requests.at(-1)!);
      assertEquals([status, code], [499, undefined]);
    }
  }],
];
