/**
 * `specmquant serve` as a process: what it prints, its keys, and how it ends.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import OpenAI from "openai";
import { DEMO_DIR } from "../../scripts/models/trio.ts";
import { expected, MESSAGES } from "./rig.ts";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

/** The command as a process. */
class ServeProcess implements AsyncDisposable {
  readonly process: Deno.ChildProcess;
  readonly #out: ReadableStreamDefaultReader<string>;
  readonly #err: Promise<string>;
  url = "";

  constructor(args: readonly string[], env: Record<string, string> = {}) {
    this.process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", MAIN, "serve", "--port", "0", "--backend", "cpu", ...args],
      stdout: "piped",
      stderr: "piped",
      env,
    }).spawn();
    this.#out = this.process.stdout.pipeThrough(new TextDecoderStream()).getReader();
    this.#err = new Response(this.process.stderr).text();
  }

  /** Waits until it serves. */
  async ready(): Promise<this> {
    const { value = "" } = await this.#out.read();
    this.url = /^Serving at (http:\S+)\/v1, method (\S+) on .*\n$/.exec(value)?.[1] ?? value;
    assertMatch(this.url, /^http:/);
    return this;
  }

  client(apiKey = "none"): OpenAI {
    return new OpenAI({ baseURL: `${this.url}/v1`, apiKey, maxRetries: 0 });
  }

  /** Chats that have been taken: answered, under way or waiting. */
  async taken(): Promise<number> {
    const text = await (await fetch(`${this.url}/metrics`)).text();
    const series = [
      "specmquant_texts_running",
      "specmquant_texts_waiting",
      'specmquant_requests_total{route="/v1/chat/completions",status="200"}',
    ];
    const lines = text.split("\n");
    const value = (name: string) => lines.find((line) => line.startsWith(`${name} `)) ?? " 0";
    return series.reduce((sum, name) => sum + Number(value(name).split(" ")[1]), 0);
  }

  /** Waits until it says that it takes no more: a signal is heard when a round that is under way has ended. */
  async draining(): Promise<void> {
    const takes = async () => {
      const response = await fetch(`${this.url}/readyz`);
      await response.body?.cancel();
      return response.ok;
    };
    // Where it has ended nobody answers.
    while (await takes().catch(() => false)) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** Its exit code, and the events of its log. */
  async end(): Promise<{ code: number; events: Record<string, unknown>[] }> {
    const { code } = await this.process.status;
    const lines = (await this.#err).split("\n").filter((line) => line !== "");
    return { code, events: lines.map((line) => JSON.parse(line)) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.process.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.process.status;
    await this.#err;
    await this.#out.cancel();
  }
}

Deno.test("serve: SIGTERM under load finishes what was taken, and takes no more", async () => {
  await using serve = await new ServeProcess(["--trio", DEMO_DIR, "--sampling", "greedy"]).ready();
  const client = serve.client();
  const [{ id: model }] = (await client.models.list()).data;
  assertEquals(model, "demo");
  const body = { model, messages: MESSAGES, max_tokens: 48 };
  let streamed = "";
  let begun = 0;
  const stream = async () => {
    for await (
      const { choices: [{ delta }] } of await client.chat.completions.create({
        ...body,
        stream: true,
      })
    ) {
      if (delta.content) begun++;
      streamed += delta.content ?? "";
    }
  };
  const asked = [
    stream(),
    ...Array.from({ length: 4 }, () => client.chat.completions.create(body)),
  ];
  while (begun < 5 || await serve.taken() < 5) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  serve.process.kill("SIGTERM");
  await serve.draining();
  await assertRejects(() => client.chat.completions.create(body), OpenAI.APIError);
  const answers = await Promise.all(asked);
  const right = await expected(MESSAGES, { maxTokens: 48 });
  assertEquals(streamed, right.text);
  for (const answer of answers.slice(1)) {
    assertEquals(answer!.choices[0].message.content, right.text);
  }
  const { code, events } = await serve.end();
  assertEquals(code, 0);
  assertEquals(events.map(({ event }) => event).filter((event) => event !== "request"), [
    "listening",
    "draining",
    "ended",
  ]);
  assertEquals(
    events.filter(({ route, status }) => route === "/v1/chat/completions" && status === 200).length,
    5,
  );
});

Deno.test("serve: a second signal ends it at once", async () => {
  await using serve = await new ServeProcess(["--target", `${DEMO_DIR}/target`]).ready();
  const client = serve.client();
  const asked = client.chat.completions.create(
    { model: "target", messages: MESSAGES, ignore_eos: true, n: 50 } as {
      model: string;
      messages: typeof MESSAGES;
    },
  );
  const failed = assertRejects(() => asked, OpenAI.APIConnectionError);
  await new Promise((resolve) => setTimeout(resolve, 300));
  serve.process.kill("SIGTERM");
  await new Promise((resolve) => setTimeout(resolve, 300));
  serve.process.kill("SIGTERM");
  const { signal } = await serve.process.status;
  assertEquals(signal, "SIGTERM");
  await failed;
});

Deno.test("serve: keys come from a file, or from the environment", async () => {
  const file = await Deno.makeTempFile();
  await Deno.writeTextFile(file, "# of two people\nfile-key-1\n\n  file-key-2\n");
  const target = ["--target", `${DEMO_DIR}/target`, "--name", "mine"];
  await using byFile = await new ServeProcess([...target, "--api-keys", file]).ready();
  await using byEnv = await new ServeProcess(target, { SPECMQUANT_API_KEYS: "env-key,b" }).ready();
  for (
    const [serve, keys] of [[byFile, ["file-key-1", "file-key-2"]], [byEnv, [
      "env-key",
      "b",
    ]]] as const
  ) {
    for (const key of keys) {
      assertEquals((await serve.client(key).models.list()).data[0].id, "mine");
    }
    await assertRejects(() => serve.client("none").models.list(), OpenAI.AuthenticationError);
  }
  await Deno.remove(file);
});

Deno.test("serve: what cannot be served is said before it listens", async () => {
  const taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr as Deno.NetAddr;
  const empty = await Deno.makeTempFile();
  const cases: [args: string[], code: number, words: string][] = [
    [
      ["--trio", DEMO_DIR, "--port", `${port}`],
      1,
      `Cannot listen at 127.0.0.1:${port}: address already in use\n`,
    ],
    [["--target", `${DEMO_DIR}/target`, "--api-keys", empty], 2, "it has no key"],
    [["--trio", `${DEMO_DIR}/none`], 1, "error: head: Cannot read"],
    [["--trio", DEMO_DIR, "--method", "eagle3"], 1, "target-eagle3"],
    [[], 2, "--target MODEL or --trio DIR is missing"],
    [["--trio", DEMO_DIR, "--head", "x"], 2, "does nothing with --trio"],
  ];
  await Promise.all(cases.map(async ([args, code, words]) => {
    const { code: found, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", MAIN, "serve", "--backend", "cpu", ...args],
    }).output();
    const text = new TextDecoder().decode(stderr);
    assertEquals(found, code, text);
    assert(text.includes(words), `${args}: ${text}`);
  }));
  taken.close();
  await Deno.remove(empty);
});
