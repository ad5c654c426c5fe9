import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { type Answering, Listener } from "./listener.ts";

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A listener at a free port, for as long as `use` runs. */
async function listening(
  answering: Answering,
  use: (url: string, listener: Listener) => Promise<void>,
): Promise<void> {
  const listener = await Listener.open("127.0.0.1", 0, answering);
  try {
    await use(`http://127.0.0.1:${listener.port}`, listener);
  } finally {
    await listener.close();
  }
}

/** A connection that has sent a request with a body of `size` bytes, head and body `gap` milliseconds apart. */
async function posted(port: number, size: number, gap: number): Promise<Deno.TcpConn> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const encoder = new TextEncoder();
  const head = `POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${size}\r\n\r\n`;
  const body = "x".repeat(size);
  for (const text of gap === 0 ? [head + body] : [head, body]) {
    const bytes = encoder.encode(text);
    for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
    await wait(gap);
  }
  return connection;
}

Deno.test("listener: who goes away is heard of before there is an answer, whatever was sent", async () => {
  for (const size of [2, 500, 5000, 70_000]) {
    for (const gap of [0, 20]) {
      const gone = Promise.withResolvers<void>();
      const read = Promise.withResolvers<number>();
      await listening(async (request) => {
        request.signal.addEventListener("abort", () => gone.resolve());
        read.resolve((await request.text()).length);
        await gone.promise;
        return new Response();
      }, async (_, { port }) => {
        const connection = await posted(port, size, gap);
        assertEquals(await read.promise, size);
        connection.close();
        const late = wait(2000).then(() => assert(false, `${size} bytes, ${gap} ms apart`));
        await Promise.race([gone.promise, late]);
        late.catch(() => {});
      });
    }
  }
});

Deno.test("listener: nobody has gone who was answered, and connections are kept", async () => {
  let aborted = 0;
  const addresses: string[] = [];
  await listening(async (request, address) => {
    request.signal.addEventListener("abort", () => aborted++);
    addresses.push(address);
    return Response.json({ body: await request.text(), url: new URL(request.url).pathname });
  }, async (url) => {
    for (const size of [0, 3, 3000, 300_000]) {
      const body = "x".repeat(size);
      const answer = await fetch(`${url}/a/b?c=d`, { method: "POST", body });
      assertEquals(answer.headers.get("connection"), "keep-alive");
      assertEquals(await answer.json(), { body, url: "/a/b" });
    }
    await wait(20);
    assertEquals([aborted, new Set(addresses)], [0, new Set(["127.0.0.1"])]);
  });
});

Deno.test("listener: a stream comes as it is made, no faster than it is read, and who leaves it is heard of", async () => {
  let made = 0;
  const left = Promise.withResolvers<void>();
  const body = () =>
    new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull(controller) {
        made++;
        controller.enqueue(new Uint8Array(100_000));
      },
      cancel: () => left.resolve(),
    });
  const headers = { "content-type": "text/event-stream; charset=utf-8" };
  await listening(() => Promise.resolve(new Response(body(), { headers })), async (url) => {
    const answer = await fetch(url);
    const reader = answer.body!.getReader();
    await reader.read();
    await wait(200);
    const before = made;
    await wait(100);
    // What lies in the buffers of both ends.
    assert(made === before && made < 500, `${made}`);
    await reader.cancel();
    await left.promise;
  });
});

Deno.test("listener: an answer to what has not been read arrives, and one that breaks is cut off", async () => {
  await listening((request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/refused") return Promise.resolve(new Response("no", { status: 413 }));
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(new Uint8Array(3));
        controller.error(new Error("time is over"));
      },
    });
    return Promise.resolve(new Response(body));
  }, async (url) => {
    const answer = await fetch(`${url}/refused`, { method: "POST", body: "x".repeat(3_000_000) });
    assertEquals([answer.status, answer.headers.get("connection")], [413, "close"]);
    assertEquals(await answer.text(), "no");
    await assertRejects(async () => await (await fetch(`${url}/broken`)).text());
  });
});

Deno.test("listener: paths as proxies write them, and what is no request", async () => {
  await listening((request) => Promise.resolve(new Response(request.url)), async (_, { port }) => {
    const cases: [first: string, answer: RegExp][] = [
      ["GET /a//b?c=%zz HTTP/1.1", /^HTTP\/1.1 200 .*\nhttp:\/\/localhost\/a\/\/b\?c=%zz$/s],
      ["GET //other/a HTTP/1.1", /^HTTP\/1.1 200 .*\nhttp:\/\/localhost\/\/other\/a$/s],
      ["GET http://other:1/a?b HTTP/1.1", /^HTTP\/1.1 200 .*\nhttp:\/\/localhost\/a\?b$/s],
      ["OPTIONS * HTTP/1.1", /^HTTP\/1.1 200 .*\nhttp:\/\/localhost\/$/s],
      ["hello", /^HTTP\/1.1 400 /],
      // Fetch knows no such method.
      ["TRACE / HTTP/1.1", /^HTTP\/1.1 405 /],
    ];
    for (const [first, answer] of cases) {
      using connection = await Deno.connect({ hostname: "127.0.0.1", port });
      const head = `${first}\r\nHost: localhost\r\nConnection: close\r\n\r\n`;
      await connection.write(new TextEncoder().encode(head));
      assertMatch(await new Response(connection.readable).text(), answer);
    }
  });
});

Deno.test("listener: it ends when everything has been answered", async () => {
  const begun = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  const listener = await Listener.open("127.0.0.1", 0, async () => {
    begun.resolve();
    await go.promise;
    return new Response("done");
  });
  const url = `http://127.0.0.1:${listener.port}`;
  const answer = fetch(url).then((response) => response.text());
  await begun.promise;
  let isClosed = false;
  const closed = listener.close().then(() => isClosed = true);
  await wait(50);
  assertEquals(isClosed, false);
  await assertRejects(() => fetch(url));
  go.resolve();
  assertEquals(await answer, "done");
  await closed;
});

Deno.test("listener: a port that is taken is said", async () => {
  await listening(() => Promise.resolve(new Response()), async (_, { port }) => {
    const open = () => Listener.open("127.0.0.1", port, () => Promise.resolve(new Response()));
    await assertRejects(open, Error, "EADDRINUSE");
  });
});

Deno.test("listener: what is no request is answered as errors are, and ends the connection", async () => {
  await listening(() => Promise.resolve(new Response("fine")), async (_, { port }) => {
    const long = `x: ${"y".repeat(100_000)}`;
    const broken: readonly (readonly [text: string, status: number])[] = [
      ["X / HTTP/1.1\r\nhost: a\r\n\r\n", 400],
      ["POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx", 400],
      [`GET / HTTP/1.1\r\nhost: a\r\n${long}\r\n\r\n`, 431],
      ["TRACE / HTTP/1.1\r\nhost: a\r\n\r\n", 405],
    ];
    for (const [text, status] of broken) {
      const connection = await Deno.connect({ hostname: "127.0.0.1", port });
      await connection.write(new TextEncoder().encode(text));
      const answer = await new Response(connection.readable).text();
      const [head, body] = answer.split("\r\n\r\n");
      assertMatch(head, new RegExp(`^HTTP/1.1 ${status} `), text.slice(0, 20));
      assertMatch(JSON.parse(body).error.message, /^Cannot /);
    }
  });
});
