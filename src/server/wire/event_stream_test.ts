import { assert, assertEquals, assertRejects } from "@std/assert";
import { ApiError } from "./api_error.ts";
import { eventStream } from "./event_stream.ts";

/** Numbers from 0, until it is left; with a type where there is one. */
async function* numbers(
  count = Infinity,
  type?: string,
): AsyncGenerator<{ type?: string; n: number }, void> {
  for (let n = 0; n < count; n++) {
    await Promise.resolve();
    yield { type, n };
  }
}

/** A stream with what it tells of its end. */
function streamOf(events: AsyncIterable<unknown>) {
  const heard: unknown[] = [];
  const controller = new AbortController();
  const response = eventStream(events, ({ body, code }) => [body, { type: code }], {
    signal: controller.signal,
    grace: 20,
    gone: () => heard.push("gone"),
    ended: (error) => heard.push(error ?? "ended"),
  });
  return { response, heard, controller };
}

Deno.test("event stream: events, with names and without", async () => {
  const plain = streamOf(numbers(2));
  assertEquals(
    await plain.response.text(),
    'data: {"n":0}\n\ndata: {"n":1}\n\ndata: [DONE]\n\n',
  );
  assertEquals(plain.heard, ["ended"]);
  const named = streamOf(numbers(1, "number"));
  assertEquals(
    await named.response.text(),
    'event: number\ndata: {"type":"number","n":0}\n\ndata: [DONE]\n\n',
  );
});

Deno.test("event stream: an error is told in its last events", async () => {
  const error = new ApiError(504, "server_error", "Cannot", { code: "timeout" });
  async function* failing() {
    yield* numbers(1);
    throw error;
  }
  const { response, heard } = streamOf(failing());
  assertEquals((await response.text()).split("\n\n"), [
    'data: {"n":0}',
    `data: ${JSON.stringify(error.body)}`,
    'event: timeout\ndata: {"type":"timeout"}',
    "data: [DONE]",
    "",
  ]);
  assertEquals(heard, [error]);
});

Deno.test("event stream: who leaves is heard of, once", async () => {
  const { response, heard } = streamOf(numbers());
  const reader = response.body!.getReader();
  await reader.read();
  await reader.cancel();
  assertEquals(heard, ["gone", "ended"]);
});

Deno.test("event stream: who does not read is cut off when the time is over", async () => {
  const { response, heard, controller } = streamOf(numbers());
  const reader = response.body!.getReader();
  await reader.read();
  const reason = new Error("time is over");
  controller.abort(reason);
  assertEquals(heard, []);
  await new Promise((resolve) => setTimeout(resolve, 60));
  assertEquals(heard, [reason]);
  await assertRejects(
    async () => {
      while (!(await reader.read()).done) assert(true);
    },
    Error,
    "time is over",
  );
});
