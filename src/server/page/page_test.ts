import { assertEquals, assertRejects } from "@std/assert";
import { ApiFailure, Client, eventsOf, requestBody } from "./events.js";
import { PAGE_FILES } from "./files.ts";
import { milliseconds, percent, stagesOf, tauOf, treeOf, visible } from "./rounds.js";

/** A round of two nodes behind the first, of which one was taken. */
const ROUND = {
  verifier: "target",
  accepted: 2,
  nodes: [
    { token: 1, text: "a", parent: -1, by: null, chance: null, accepted: true },
    { token: 2, text: "b", parent: 0, by: "head", chance: 0.3, accepted: false },
    { token: 3, text: "c", parent: 0, by: "head", chance: 0.5, accepted: true },
  ],
  next: { token: 4, text: "d" },
  draft_ms: 1,
  verify_ms: 2,
  commit_ms: 0.5,
  inner: [],
};

async function* pieces(...all: string[]) {
  for (const one of all) yield await Promise.resolve(one);
}

Deno.test("page: events may come in any pieces, and end with [DONE]", async () => {
  const text = 'data: {"a":1}\n\ndata: {"b":"\\n\\n"}\n\ndata: [DONE]\n\ndata: {"c":1}\n\n';
  for (const size of [1, 3, 7, text.length]) {
    const cut = text.match(new RegExp(`[^]{1,${size}}`, "g"))!;
    const events = await Array.fromAsync(eventsOf(pieces(...cut)));
    assertEquals(events, [{ a: 1 }, { b: "\n\n" }]);
  }
});

Deno.test("page: a request has what is set, and nothing else", () => {
  const messages = [{ role: "user", content: "Hello" }];
  const settings = { temperature: "0", top_p: "", max_tokens: "7", system: "Be kind" };
  assertEquals(requestBody("m", messages, settings, "hier"), {
    model: "m",
    messages: [{ role: "system", content: "Be kind" }, ...messages],
    stream: true,
    temperature: 0,
    max_tokens: 7,
    specmquant: { method: "hier", rounds: true },
  });
  assertEquals(requestBody("m", messages, { system: "" }, "ar").messages, messages);
});

Deno.test("page: what was taken is first, with the verifier's own token behind it", () => {
  const [taken, refused, ...more] = treeOf(ROUND).children;
  assertEquals([taken.text, taken.state, refused.text, refused.state], [
    "c",
    "accepted",
    "b",
    "refused",
  ]);
  assertEquals(more, []);
  assertEquals(taken.children, [
    { text: "d", by: "target", chance: null, state: "own", children: [] },
  ]);
  assertEquals(refused.children, []);
});

Deno.test("page: stages and tau of rounds", () => {
  const msOf = (end?: Parameters<typeof stagesOf>[1]) =>
    stagesOf([ROUND, ROUND], end).map(({ ms }) => ms);
  assertEquals(msOf(), [0, 2, 4, 1, 0]);
  assertEquals(msOf({ prefill_ms: 3, decode_ms: 10 }), [3, 2, 4, 1, 3]);
  assertEquals(msOf({ prefill_ms: 3, decode_ms: 6 }), [3, 2, 4, 1, 0]);
  assertEquals([tauOf([]), tauOf([ROUND, { ...ROUND, accepted: 5 }])], [0, 3.5]);
});

Deno.test("page: texts and numbers to be read", () => {
  assertEquals(["", " a\n", "\t"].map(visible), ["∅", "␣a⏎", "⇥"]);
  assertEquals([0.0001, 0.0123, 0.5, 1].map(percent), ["<0.1%", "1.2%", "50%", "100%"]);
  assertEquals([0.04, 9.94, 9.96].map(milliseconds), ["0.0 ms", "9.9 ms", "10 ms"]);
});

Deno.test("page: a client shows its key, and says what a server says", async () => {
  const seen: (string | null)[] = [];
  await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request) => {
    seen.push(request.headers.get("authorization"));
    return Response.json({ error: { message: "no" } }, { status: 401 });
  });
  const before = globalThis.fetch;
  globalThis.fetch = (path, options) =>
    before(`http://127.0.0.1:${server.addr.port}${path}`, options);
  try {
    const client = new Client();
    const error = await assertRejects(() => client.model(), ApiFailure, "no");
    assertEquals(error.status, 401);
    client.key = "sesame";
    await assertRejects(() => client.model(), ApiFailure);
  } finally {
    globalThis.fetch = before;
  }
  assertEquals(seen, [null, "Bearer sesame"]);
});

Deno.test("page: its files are all that it asks for, and nothing is inline", () => {
  const paths = new Set(PAGE_FILES.map(({ path }) => path));
  for (const { path, type, text } of PAGE_FILES) {
    const asked = type === "text/javascript"
      ? [...text.matchAll(/^import [^]*? from "\.\/(.+?)";/gm)].map(([, name]) =>
        `/playground/${name}`
      )
      : [...text.matchAll(/(?:src|href)="(.+?)"/g)].map(([, name]) => name);
    for (const one of asked) assertEquals(paths.has(one), true, `${one} of ${path}`);
    if (type === "text/html") {
      assertEquals(/<style|style=|<script(?! type="module" src)| on\w+=/.exec(text), null);
    }
  }
});
