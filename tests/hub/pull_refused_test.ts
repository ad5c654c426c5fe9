/**
 * What `pull` says where a hub gives nothing: what is missing, what may not be had, servers that fail or lie, and who
 * hears the token.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  ArgumentError,
  HubAccessError,
  HubNotFoundError,
  HubUnreachableError,
  IntegrityError,
  SpecMQuantError,
  UnsupportedModelError,
} from "../../src/base/errors.ts";

import { pullPatiently } from "../../src/hub/pull.ts";
import { TestHub, TOKEN } from "./hub.ts";
import { assertFiles, fetched, large, llama, place, QUICK, refused, TAKEN } from "./pulled.ts";

Deno.test("pull: gated models, private ones and tokens", async () => {
  const gated = { ...llama(), gated: true };
  const hidden = { ...llama(), hidden: true };
  await using hub = new TestHub({ "org/llama": gated, "org/hidden": hidden });
  const page = `${hub.endpoint}/org/llama`;
  const dir = place();
  await refused(() => fetched(hub, dir), HubAccessError, page, "HF_TOKEN", "conditions");
  await refused(
    () => fetched(hub, dir, { token: "hf_other" }),
    HubAccessError,
    "does not take",
    "token",
  );
  const asHidden = { model: "org/hidden" };
  await refused(
    () => fetched(hub, dir, asHidden),
    HubNotFoundError,
    "no such repository",
    "HF_TOKEN",
  );
  await assertRejects(() => Deno.stat(dir), Deno.errors.NotFound);
  await fetched(hub, dir, { token: TOKEN });
  assertFiles(dir, gated, TAKEN);
  await fetched(hub, place(), { ...asHidden, token: TOKEN });

  // Of an account that is not let in.
  hub.answer = ({ path }) =>
    path.includes("/resolve/")
      ? Response.json({ error: "no" }, { status: 403, headers: { "x-error-code": "GatedRepo" } })
      : undefined;
  const words = [page, "is not one of them"];
  await refused(() => fetched(hub, place(), { token: TOKEN }), HubAccessError, ...words);
  hub.answer = ({ path }) =>
    path.includes("/resolve/")
      ? Response.json({ error: "Not in\nyour region" }, { status: 403 })
      : undefined;
  await refused(
    () => fetched(hub, place(), { token: TOKEN }),
    HubAccessError,
    '("Not in your region")',
  );
});

Deno.test("pull: the token is for the hub alone", async () => {
  await using hub = new TestHub({ "org/llama": llama() });
  await using elsewhere = new TestHub({ "org/llama": llama() });
  const dir = place();
  await fetched(hub, dir, { token: TOKEN });
  const byServer = Map.groupBy(hub.requests, ({ to }) => to);
  assert(byServer.get("hub")!.every(({ authorization }) => authorization === `Bearer ${TOKEN}`));
  assert(byServer.get("cdn")!.length >= 3);
  assert(byServer.get("cdn")!.every(({ authorization }) => authorization === undefined));
  assert(!Deno.readTextFileSync(`${dir}/.pull.json`).includes(TOKEN));

  // A page, a file and a redirect that lead to another hub.
  hub.answer = ({ path }) => {
    if (path.includes("/tree/")) {
      const next = `${elsewhere.endpoint}${path}`;
      return Response.json([], { headers: { link: `<${next}>; rel="next"` } });
    }
    if (!path.includes("/resolve/")) return undefined;
    return Response.redirect(`${elsewhere.endpoint}${path}`, 307);
  };
  await fetched(hub, place(), { token: TOKEN });
  assert(elsewhere.requests.length > TAKEN.length);
  assert(elsewhere.requests.every(({ authorization }) => authorization === undefined));
});

Deno.test("pull: what is missing is told apart", async () => {
  const repository = llama();
  const ghost = { type: "file", path: "merges.txt", size: 5, oid: "12".repeat(20) };
  await using hub = new TestHub({
    "org/llama": { ...repository, entries: [ghost] },
    "org/empty": { files: {} },
    "org/adapter": { files: { "adapter_model.safetensors": large(10, 1) } },
  });
  const of = (model: string, more = {}) => () => fetched(hub, place(), { model, ...more });
  await refused(
    of("org/other"),
    HubNotFoundError,
    "no such repository",
    `${hub.endpoint}/org/other`,
  );
  await refused(of("org/other", { token: TOKEN }), HubNotFoundError, "no such repository");
  await refused(
    of("org/llama@v9"),
    HubNotFoundError,
    'no revision "v9"',
    "Cannot fetch org/llama@v9:",
  );
  await refused(of("org/llama"), HubNotFoundError, 'no file "merges.txt"');
  await refused(of("org/llama", { include: ["*.gguf"] }), ArgumentError, '"*.gguf"', "config.json");
  await refused(of("org/llama", { quant: "Q4_K_M" }), ArgumentError, "it has no GGUF files");
  await refused(of("org/empty"), UnsupportedModelError, "it has no files");
  await refused(of("org/adapter"), UnsupportedModelError, "adapter_model.safetensors");
  for (
    const name of ["llama", "a/b/c", "org/..", "../x", "org/x@", "org/x@../y", "", "org/x@a b"]
  ) {
    await refused(of(name), ArgumentError, "expected ORG/NAME");
  }
  const url = "https://huggingface.co/org/llama/tree/main";
  await refused(of(url), ArgumentError, "here org/llama");
});

Deno.test("pull: names that lead elsewhere are refused, and nothing is written", async () => {
  const oid = "12".repeat(20);
  const bad = [
    "../evil",
    "/etc/evil",
    "a/../../evil",
    "a//b",
    "./x",
    "a/.",
    "a\\..\\b",
    "a\0b",
    "x\ny",
    "",
  ]
    .concat("..", "y".repeat(300));
  for (const path of bad) {
    const entries = [{ type: "file", path, size: 4, oid }];
    await using hub = new TestHub({ "org/llama": { files: {}, entries } });
    const dir = place();
    await refused(
      () => fetched(hub, dir, { include: ["*"] }),
      IntegrityError,
      JSON.stringify(path).slice(0, 50),
    );
    await assertRejects(() => Deno.stat(dir.slice(0, -"/model".length)), Deno.errors.NotFound);
  }
  const wrong = [
    { type: "file", path: "x", size: -1, oid },
    { type: "file", path: "x", size: "4", oid },
    { type: "file", path: "x", size: 4, oid: "zz" },
    { type: "file", path: "x", size: 4, oid, lfs: { oid: "12", size: 4 } },
    { type: "symlink", path: "x", size: 4, oid },
    { type: "file", path: "config.json", size: 4, oid },
    null,
    5,
  ];
  for (const entry of wrong) {
    await using hub = new TestHub({ "org/llama": { ...llama(), entries: [entry] } });
    await assertRejects(() => fetched(hub, place()), SpecMQuantError, "Cannot ");
  }
});

Deno.test("pull: servers that are busy are asked again, when they say so", async () => {
  await using hub = new TestHub({ "org/llama": llama() });
  let times: number[] = [];
  const failing = (status: number, first: number, headers: Record<string, string> = {}) => {
    times = [];
    hub.answer = () => {
      times.push(performance.now());
      return times.length <= first ? new Response("busy", { status, headers }) : undefined;
    };
  };
  const options = { include: ["config.json"] };
  for (const status of [500, 502, 503, 504, 429, 408]) {
    failing(status, 2);
    await fetched(hub, place(), options);
  }
  for (const [name, value] of [["retry-after", "1"], ["ratelimit", '"api";r=0;t=1']]) {
    failing(429, 1, { [name]: value });
    await fetched(hub, place(), options);
    assert(times[1] - times[0] >= 990, `${name}: ${times[1] - times[0]} ms`);
  }
  failing(429, 1, { "retry-after": "3600" });
  await refused(() => fetched(hub, place(), options), HubUnreachableError, "asks to wait 3600 s");
  assertEquals(times.length, 1);
  failing(500, Infinity);
  await refused(
    () => fetched(hub, place(), options),
    HubUnreachableError,
    "status 500 (tried 4 times)",
  );
  assertEquals(times.length, 4);
});

Deno.test("pull: no connection, no answer, and answers of something else", async () => {
  await using hub = new TestHub({ "org/llama": llama() });
  const at = (endpoint: string, patience = QUICK) => () =>
    pullPatiently({ model: "org/llama", endpoint, to: place() }, patience);
  const gone = new TestHub({});
  const { endpoint } = gone;
  await gone[Symbol.asyncDispose]();
  await refused(at(endpoint), HubUnreachableError, "Connection refused", new URL(endpoint).host);
  await refused(
    at("http://no.such.host.invalid"),
    HubUnreachableError,
    "no.such.host.invalid",
    "dns error",
  );
  for (const bad of ["huggingface.co", "ftp://x.org", "http://me:secret@x.org", "", "/x"]) {
    const error = await refused(at(bad), ArgumentError, "expected an address");
    assert(!error.message.includes("secret"));
  }
  const silent = Promise.withResolvers<Response>();
  hub.answer = () => silent.promise;
  await refused(
    at(hub.endpoint, { ...QUICK, silence: 100, tries: 2 }),
    HubUnreachableError,
    "said nothing for 0.1 s",
  );
  silent.resolve(new Response());
  const answers: [() => Response, string][] = [
    [() => new Response("<html>Welcome</html>"), "its answer is not that of a hub"],
    [() => Response.json({ sha: "main" }), "expected 40 digits"],
    [() => Response.json([]), "expected 40 digits"],
    [() => Response.redirect(`${hub.endpoint}/again`, 302), "more than 10 times"],
    [
      () => new Response(null, { status: 302, headers: { location: "file:///etc/passwd" } }),
      "file:",
    ],
    [() => new Response("teapot", { status: 418 }), "status 418"],
  ];
  for (const [answer, words] of answers) {
    hub.answer = answer;
    await assertRejects(at(hub.endpoint), SpecMQuantError, words);
  }
  // Pages without an end.
  hub.answer = ({ path }) =>
    path.includes("/tree/")
      ? Response.json([], { headers: { link: `<${hub.endpoint}${path}>; rel="next"` } })
      : undefined;
  await assertRejects(at(hub.endpoint), HubUnreachableError, "more than 1000 pages");
});
