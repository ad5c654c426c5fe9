/**
 * Tools, of a model that calls one by itself.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { CALL, SAID, TOLD, WEATHER } from "../../reciter.ts";
import type { Answer, Asked } from "../client.ts";
import type { Case } from "./case.ts";

const TURNS: Asked["turns"] = [{ role: "user", content: "How warm is it in Oslo?" }];

const NOW = {
  name: "now",
  description: "The time.",
  parameters: { type: "object", properties: {}, additionalProperties: false },
};

/** Against single spaces, which a model that knows nothing else to write would fill grammars with. */
const NO_SPACE = { logit_bias: { "9": -100, "10": -100, "13": -100, "32": -100 } };

const ASKED: Asked = { turns: TURNS, tools: [WEATHER, NOW], temperature: 0, maxTokens: 40 };

function assertCalls({ calls, text, finish }: Answer): void {
  assertEquals(calls.map(({ name, arguments: args }) => ({ name, arguments: args })), [CALL]);
  assert(calls[0].id !== "");
  assertEquals([text, finish], ["", "tool_calls"]);
}

/** Cases of what is called. */
export const TOOLS: readonly Case[] = [
  ["a tool is called, answered, and the answer told", async ({ client, reciter }) => {
    const asking = client(reciter);
    const answer = await asking.ask(ASKED);
    assertCalls(answer);
    const { calls } = answer;
    const turns: Asked["turns"] = [
      ...TURNS,
      { role: "calls", calls },
      { role: "result", call: calls[0], content: "20" },
    ];
    for (const choice of [undefined, "auto"] as const) {
      const told = await asking.ask({ ...ASKED, turns, choice });
      assertEquals([told.text, told.calls, told.finish], [TOLD, [], "stop"]);
    }
  }],
  ["a call is streamed", async ({ client, reciter }) => {
    const pieces: string[] = [];
    const asking = client(reciter);
    assertCalls(await asking.stream(ASKED, (piece) => piece !== "" && pieces.push(piece)));
    assertEquals(JSON.parse(pieces.join("")), CALL.arguments);
    assert(pieces.length > 2, pieces.join("|"));
  }],
  ["a call is forced, of any tool or of one", async ({ client, reciter }) => {
    for (const choice of ["required", { name: WEATHER.name }] as const) {
      assertCalls(await client(reciter).ask({ ...ASKED, choice }));
      assertCalls(await client(reciter).stream({ ...ASKED, choice }, () => {}));
    }
    // Not of what the model would call.
    const forced = { ...ASKED, choice: { name: NOW.name }, more: NO_SPACE };
    const { calls } = await client(reciter).ask(forced);
    assertEquals(calls.map(({ name, arguments: args }) => [name, args]), [[NOW.name, {}]]);
  }],
  ["no tool is called where none may be", async ({ client, reciter }) => {
    for (const none of [{ choice: "none" as const }, { tools: undefined }]) {
      const answer = await client(reciter).ask({ ...ASKED, ...none });
      assertEquals([answer.text, answer.calls, answer.finish], [SAID, [], "stop"]);
    }
  }],
];
