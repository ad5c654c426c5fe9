/**
 * What is refused, as clients tell of it.
 *
 * @module
 */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { MODEL } from "../../rig.ts";
import type { Asked, Client, Refusal } from "../client.ts";
import type { Case } from "./case.ts";

const ASKED: Asked = { turns: [{ role: "user", content: "Hi" }], temperature: 0, maxTokens: 4 };

/** A picture of one point. */
const PICTURE =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==";

/** The refusal of a request, whole and streamed: both say the same. */
async function refusal(client: Client, asked: Asked): Promise<Refusal> {
  const [whole, streamed] = [
    await assertRejects(() => client.ask(asked)),
    await assertRejects(() => client.stream(asked, () => {})),
  ].map((error) => {
    const found = client.refusal(error);
    assert(found !== undefined, `${error}`);
    return found;
  });
  assertEquals(streamed, whole);
  assertMatch(whole.message, /Cannot /);
  return whole;
}

/** Status, type, code and parameter of a refusal. */
async function said(client: Client, asked: Asked) {
  const { status, type, code, param } = await refusal(client, asked);
  return [status, type, code, param];
}

/** Changes what is sent. */
function sending(change: (body: string) => string): typeof fetch {
  return (input, init) => fetch(input, { ...init, body: change(init!.body as string) });
}

/** Cases of what is refused. */
export const REFUSALS: readonly Case[] = [
  ["another key, but not the right one", async ({ client, strict, kinds }) => {
    const right = await client(strict).ask(ASKED);
    assertEquals(right.finish, "length");
    for (const key of ["right-ke", "right-key2", "x"]) {
      const found = await refusal(client(strict, { key }), ASKED);
      assertEquals([found.kind, found.status, found.type, found.code, found.param], [
        kinds.key,
        401,
        "authentication_error",
        "invalid_api_key",
        null,
      ]);
      assert(!found.message.includes("right-key"), found.message);
    }
  }],
  ["another model", async ({ client, reciter, kinds }) => {
    const found = await refusal(client(reciter, { model: "gpt-4" }), ASKED);
    assertEquals([found.kind, found.status, found.type, found.code, found.param], [
      kinds.model,
      404,
      "invalid_request_error",
      "model_not_found",
      "model",
    ]);
  }],
  ["a prompt beyond the context", async ({ client, reciter, kinds }) => {
    const turns = [{ role: "user" as const, content: "x".repeat(5000) }];
    const found = await refusal(client(reciter), { ...ASKED, turns });
    assertEquals([found.kind, found.status, found.code, found.param], [
      kinds.context,
      400,
      "context_length_exceeded",
      "messages",
    ]);
  }],
  ["a body that is no JSON, or cut off", async ({ client, reciter }) => {
    const changes = [(body: string) => body.slice(0, -1), () => "", () => "x", () => "\ufffe{"];
    for (const change of changes) {
      const asking = client(reciter, { fetch: sending(change) });
      assertEquals(await said(asking, ASKED), [400, "invalid_request_error", "invalid_json", null]);
    }
  }],
  ["parameters that there are not, and values of other types", async ({ client, reciter }) => {
    const cases: [more: Record<string, unknown>, param: string, code: string][] = [
      [{ temperatur: 1 }, "temperatur", "unknown_parameter"],
      [{ top_k: "many" }, "top_k", "invalid_type"],
      [{ min_p: 2 }, "min_p", "invalid_value"],
      [{ ignore_eos: 1 }, "ignore_eos", "invalid_type"],
      [{ specmquant: { method: "magic" } }, "specmquant.method", "invalid_value"],
    ];
    for (const [more, param, code] of cases) {
      const right = [400, "invalid_request_error", code, param];
      assertEquals(await said(client(reciter), { ...ASKED, more }), right);
    }
    // What they have types for, changed on the way.
    const types: [change: object, param: string][] = [
      [{ messages: "Hi" }, "messages"],
      [{ temperature: "hot" }, "temperature"],
      [{ max_tokens: 1.5, max_completion_tokens: undefined }, "max_tokens"],
    ];
    for (const [change, param] of types) {
      const fetch = sending((body) => JSON.stringify({ ...JSON.parse(body), ...change }));
      const right = [400, "invalid_request_error", "invalid_type", param];
      assertEquals(await said(client(reciter, { fetch }), ASKED), right);
    }
  }],
  ["pictures", async ({ client, reciter }) => {
    assertEquals(await said(client(reciter), { ...ASKED, picture: PICTURE }), [
      400,
      "invalid_request_error",
      "invalid_value",
      "messages[1].content[0].type",
    ]);
  }],
  ["a time that is over, in a stream by an event", async ({ client, strict }) => {
    const asked = { ...ASKED, maxTokens: undefined, more: { ignore_eos: true } };
    const asking = client(strict);
    let pieces = 0;
    const error = await assertRejects(() => asking.stream(asked, () => pieces++));
    const found = asking.refusal(error);
    assertEquals([found?.type, found?.code, found?.param], ["server_error", "timeout", null]);
    assert(pieces > 10, `${pieces} pieces`);
    const whole = asking.refusal(await assertRejects(() => asking.ask(asked)));
    assertEquals([whole?.status, whole?.code], [504, "timeout"]);
    assert(await strict.idles(1), `a server for ${MODEL} goes on`);
  }],
];
