/**
 * What a server says of itself.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import Ajv from "ajv/dist/2020.js";
import { ROUTES } from "../../src/server/routes/registry.ts";
import { MESSAGES, MODEL, PROMPT, ServerRig } from "./rig.ts";

// Texts one after another, so that the second has the caches of the first.
const rig = await ServerRig.start({}, { slots: 1 });
addEventListener("unload", () => void rig[Symbol.asyncDispose]());

Deno.test("observed: the document has every route, and schemas that take what the server takes", async () => {
  const { json } = await rig.get("/openapi.json");
  assertEquals(json.openapi, "3.1.0");
  const operations = Object.entries<object>(json.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`)
  );
  assertEquals(
    operations,
    ROUTES.map(({ method, path }) => `${method} ${path.replace(/:(\w+)\{.*/, "{$1}")}`),
  );
  const bodies = {
    "/v1/chat/completions": { model: MODEL, messages: MESSAGES },
    "/v1/responses": { model: MODEL, input: "hello" },
    "/v1/completions": { model: MODEL, prompt: [[1, 2], [3]], stop: ["a"] },
  };
  for (const [path, body] of Object.entries(bodies)) {
    const { schema } = json.paths[path].post.requestBody.content["application/json"];
    // deno-lint-ignore no-explicit-any -- its types are those of a module, which it is not
    const valid = new (Ajv as any)({ strict: false }).compile(schema);
    assert(valid(body), JSON.stringify(valid.errors));
    assertEquals(valid({ ...body, foo: 1 }), false);
    assertEquals(valid({ ...body, top_p: 2 }), false);
    assertEquals(valid({ ...body, model: undefined }), false);
  }
});

Deno.test("observed: it is well, ready, and counts what it does", async () => {
  for (const [path, text] of [["/healthz", "ok\n"], ["/readyz", "ready\n"]]) {
    const response = await fetch(rig.server.url + path);
    assertEquals([response.status, await response.text()], [200, text]);
  }
  const body = { model: MODEL, prompt: [PROMPT, PROMPT], temperature: 0, max_tokens: 12 };
  const { json, headers } = await rig.post("/v1/completions", JSON.stringify(body));
  const { usage } = json;
  assertMatch(json.id, new RegExp(headers.get("x-request-id")!));
  // The second text has the first one's caches, but each prompt is counted once.
  assert(usage.prompt_tokens_details.cached_tokens > 0);
  await rig.post("/v1/completions", "{");
  const text = await (await fetch(`${rig.server.url}/metrics`)).text();
  const value = (series: string) =>
    Number(
      text.split("\n").find((line) => line.startsWith(`${series} `))?.slice(series.length + 1),
    );
  const { drafted, accepted, target_forwards, accept_lengths } = usage.speculation;
  assertEquals(
    [
      value("specmquant_prompt_tokens_total"),
      value("specmquant_generated_tokens_total"),
      value("specmquant_drafted_tokens_total"),
      value("specmquant_accepted_tokens_total"),
      value("specmquant_accept_length_count"),
      value("specmquant_time_to_first_token_seconds_count"),
      value('specmquant_requests_total{route="/v1/completions",status="200"}'),
      value('specmquant_requests_total{route="/v1/completions",status="400"}'),
    ],
    [usage.prompt_tokens, 24, drafted, accepted, target_forwards, 1, 1, 1],
  );
  // The second prompt's caches, and all of its text but the last token.
  assertEquals(
    [value("specmquant_slots"), value("specmquant_cache_tokens")],
    [1, usage.prompt_tokens / 2 + 11],
  );
  const committed = accept_lengths.reduce((sum: number, n: number, i: number) => sum + n * i, 0);
  assertEquals(value("specmquant_accept_length_sum"), committed);
});

Deno.test("observed: a line of the log for each request, with its id and counts", async () => {
  const before = rig.lines.length;
  const body = { model: MODEL, prompt: PROMPT, max_tokens: 5, n: 2 };
  const { headers } = await rig.post("/v1/completions", JSON.stringify(body));
  const [line, ...more] = rig.lines.slice(before);
  assertEquals(more, []);
  const { time, id, ms, prompt_tokens, drafted: _, accepted: __, ...rest } = JSON.parse(line);
  assertMatch(time, /^\d{4}-\d\d-\d\dT/);
  assertEquals(id, headers.get("x-request-id"));
  assert(ms > 0 && prompt_tokens > 10);
  assertEquals(rest, {
    event: "request",
    method: "POST",
    route: "/v1/completions",
    status: 200,
    texts: 2,
    completion_tokens: 10,
  });
});
