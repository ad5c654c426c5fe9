/**
 * What streams say of rounds where a request asks for it, and methods of single requests.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { SeenEnd, SeenToken } from "../../src/server/answers/seen.ts";
import { expected, MESSAGES, MODEL, PROMPT, ServerRig } from "./rig.ts";

const rig = await ServerRig.start({}, { method: "auto" });
addEventListener("unload", () => void rig[Symbol.asyncDispose]());

/** A streamed choice of either kind. */
interface Streamed {
  readonly text?: string;
  readonly delta?: { readonly content?: string };
  readonly finish_reason: string | null;
  readonly specmquant?: SeenToken | SeenEnd;
}

async function streamed(path: string, body: object): Promise<Streamed[]> {
  const response = await fetch(`${rig.server.url}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: MODEL, stream: true, temperature: 0, ...body }),
  });
  const events = (await response.text()).split("\n\n").filter((one) => /^data: \{/.test(one));
  return events.flatMap((one) => JSON.parse(one.slice(6)).choices);
}

Deno.test("rounds: each token says who proposed it, each last one what its round was", async () => {
  const right = await expected(MESSAGES, { maxTokens: 24 });
  const cases: [path: string, body: object][] = [
    ["/v1/chat/completions", { messages: MESSAGES, max_tokens: 24 }],
    ["/v1/completions", { prompt: PROMPT, max_tokens: 24 }],
  ];
  for (const [path, body] of cases) {
    for (const method of ["ar", "draft", "eagle2", "hier", "suffix"]) {
      const choices = await streamed(path, { ...body, specmquant: { rounds: true, method } });
      const text = choices.map((one) => one.text ?? one.delta?.content ?? "").join("");
      assertEquals(text, right.text);
      const seen = choices.flatMap(({ specmquant }) => specmquant ? [specmquant] : []);
      const tokens = seen.filter((one): one is SeenToken => "token" in one);
      assertEquals(tokens.map(({ token }) => token), right.tokens);
      const end = seen.at(-1) as SeenEnd;
      assertEquals([end.method, choices.at(-1)!.finish_reason], [method, "length"]);
      const rounds = tokens.flatMap(({ round }) => round ?? []);
      assertEquals(rounds.map(({ accepted }) => accepted), end.levels[0].lengths);
      // The prompt's last token is that of the first tree.
      assertEquals(rounds[0].nodes[0].text, ":");
      for (const { nodes, next, inner } of rounds) {
        assertEquals(inner.length > 0, method === "hier");
        assert(nodes.concat(...inner.map((one) => one.nodes)).every(({ text }) => text !== ""));
        assert(next.text !== "");
      }
    }
  }
});

Deno.test("rounds: who does not ask gets what there was before", async () => {
  const body = { messages: MESSAGES, max_tokens: 8 };
  for (const specmquant of [undefined, null, {}, { rounds: false }, { method: "hier" }]) {
    const choices = await streamed("/v1/chat/completions", { ...body, specmquant });
    assertEquals(choices.some((one) => "specmquant" in one), false);
  }
});

Deno.test("rounds: a method of a request is that of its usage; others are refused", async () => {
  const { json: model } = await rig.get(`/v1/models/${MODEL}`);
  assertEquals(model.method, "auto");
  for (const name of ["ar", "suffix", "eagle2", "draft", "hier", "auto"]) {
    assert(model.methods.includes(name), name);
  }
  const ask = (path: string, body: object) =>
    rig.post(path, JSON.stringify({ model: MODEL, ...body }));
  const chat = { messages: MESSAGES, max_tokens: 4 };
  const cases: [path: string, body: object][] = [
    ["/v1/chat/completions", chat],
    ["/v1/completions", { prompt: "2 + 3" }],
    ["/v1/responses", { input: "2 + 3", max_output_tokens: 4 }],
  ];
  for (const [path, body] of cases) {
    const { json } = await ask(path, { ...body, specmquant: { method: "draft" } });
    assertEquals(json.usage.speculation.method, "draft", path);
    const refused = await ask(path, { ...body, specmquant: { method: "eagle3" } });
    assertEquals([refused.status, refused.json.error.param], [400, "specmquant.method"], path);
    const unknown = await ask(path, { ...body, specmquant: { tree: true } });
    assertEquals(unknown.status, 400, path);
  }
  const whole = await ask("/v1/chat/completions", { ...chat, specmquant: { rounds: true } });
  assertEquals([whole.status, whole.json.error.param], [400, "specmquant.rounds"]);
  const { json: openapi } = await rig.get("/openapi.json");
  const { properties } = openapi.paths["/v1/chat/completions"].post.requestBody
    .content["application/json"].schema;
  assert(JSON.stringify(properties.specmquant).includes("rounds"));
  assert(openapi.paths["/"].get.responses[200].content["text/html"]);
});
