import { assertEquals, assertRejects } from "@std/assert";
import { askedWait, wait } from "./patience.ts";

Deno.test("askedWait: seconds, a date, or the hub's own header", () => {
  const now = Date.UTC(2026, 0, 1);
  const asked = (headers: Record<string, string>) => askedWait(new Headers(headers), now);
  assertEquals(asked({}), undefined);
  assertEquals(asked({ "retry-after": "7" }), 7000);
  assertEquals(asked({ "retry-after": "Thu, 01 Jan 2026 00:00:09 GMT" }), 9000);
  assertEquals(asked({ "retry-after": "Wed, 31 Dec 2025 00:00:09 GMT" }), 0);
  assertEquals(asked({ "retry-after": "soon" }), undefined);
  assertEquals(asked({ ratelimit: '"resolvers";r=0;t=173' }), 173_000);
  assertEquals(asked({ ratelimit: '"resolvers";r=12;t=173' }), undefined);
});

Deno.test("wait: ends at once where it is aborted", async () => {
  const controller = new AbortController();
  const started = performance.now();
  setTimeout(() => controller.abort(new Error("enough")), 5);
  await assertRejects(() => wait(60_000, controller.signal), Error, "enough");
  await assertRejects(() => wait(60_000, controller.signal), Error, "enough");
  assertEquals(performance.now() - started < 10_000, true);
  await wait(1, undefined);
});
