/**
 * Requests that something is wrong with: each is answered, or refused as the client's mistake, in the API's shape; never by
 * 500. What is valid by accident is answered as plain decoding has it. Then nothing is left of them, and the server answers
 * as before.
 *
 * Some hundreds of requests, or with `SPECMQUANT_FUZZ` so many, of each of `SPECMQUANT_FUZZ_SEEDS` (`deno task test:fuzz`).
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Random } from "../random.ts";
import { type Mutation, mutation } from "./mutations.ts";
import { type RawAnswer, send } from "./raw.ts";
import { checkAnswer } from "./right.ts";
import { MODEL, PROMPT, ServerRig } from "./rig.ts";

const REQUESTS = Number(Deno.env.get("SPECMQUANT_FUZZ") ?? 600);
const SEEDS = (Deno.env.get("SPECMQUANT_FUZZ_SEEDS") ?? "16").split(",").map(Number);

/** Requests at once: as many as there are slots, and one that waits. */
const AT_ONCE = 5;

/** Seconds that an answer may take; the server's own limit is longer, so that it does not hide what hangs. */
const SECONDS = 120;

/** Bytes of a request's body that the server takes. */
const BODY_BYTES = 200_000;

/** MiB that the process may grow by after the first fifth: what is freed late, and what engines keep for long texts. */
const MOST_GROWTH = 160;

/** A request in words, short enough to be read. */
function shown({ method, path, headers, body, sent }: Mutation): string {
  const text = body && new TextDecoder().decode(body);
  return `${method} ${path.slice(0, 80)} ${JSON.stringify(headers).slice(0, 200)} ${
    text?.slice(0, 600)
  }` + (sent === undefined ? "" : ` cut at ${sent}`);
}

/** Whether the protocol itself was broken, which is refused before there is a request. */
function breaksProtocol({ method, headers }: Mutation): boolean {
  const isTwice = new Set(headers.map(([name]) => name)).size < headers.length;
  return method === "HEAD" || isTwice ||
    headers.some(([name]) => /^(content-length|transfer-encoding|upgrade)$/.test(name));
}

/** What holds of every answer; whether it was compared with plain decoding. */
async function check(mutation: Mutation, answer: RawAnswer | undefined): Promise<boolean> {
  const { path, body, method } = mutation;
  if (answer === undefined) {
    assert(breaksProtocol(mutation) || mutation.sent !== undefined, "there is no answer");
    return false;
  }
  const { status, text } = answer;
  if (status === 200) {
    // Nothing went wrong behind a stream's first event, either.
    assert(path === "/openapi.json" || !text.includes('"error":{'), text);
    if (method !== "POST" || breaksProtocol(mutation)) return false;
    return await checkAnswer(path, JSON.parse(new TextDecoder().decode(body)), text);
  }
  assert(status >= 400 && status < 500, `${status}: ${text}`);
  if (text === "" && breaksProtocol(mutation)) return false;
  const { error, ...more } = JSON.parse(text);
  assertEquals(more, {});
  assertEquals(Object.keys(error).sort(), ["code", "message", "param", "type"]);
  assertEquals(error.type, "invalid_request_error");
  assert(error.message.startsWith("Cannot ") && error.message.length < 1000, text);
  return false;
}

async function fuzz(seed: number): Promise<void> {
  await using rig = await ServerRig.start({ seconds: 2 * SECONDS, bodyBytes: BODY_BYTES });
  const random = new Random(seed);
  const ask = async () => {
    const { json } = await rig.post(
      "/v1/completions",
      JSON.stringify({ model: MODEL, prompt: PROMPT, temperature: 0, max_tokens: 8 }),
    );
    return json.choices[0].text;
  };
  const before = await ask();
  const counts = new Map<number, number>();
  const memory: number[] = [];
  let compared = 0;
  // Plain decoding makes a text at a time.
  let checked: Promise<unknown> = Promise.resolve();
  let next = 0;
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    while (next < REQUESTS) {
      const number = next++;
      const request = mutation(random);
      try {
        const answer = await send(rig.server.url, request, SECONDS);
        const turn = checked.then(() => check(request, answer));
        checked = turn.catch(() => {});
        if (await turn) compared++;
        const status = answer?.status ?? 0;
        counts.set(status, (counts.get(status) ?? 0) + 1);
      } catch (error) {
        next = Infinity;
        throw new Error(`request ${number} of seed ${seed}: ${shown(request)}`, { cause: error });
      }
      if (number % 50 === 0) memory.push(Deno.memoryUsage().rss / 2 ** 20);
    }
  }));
  const refused = (counts.get(400) ?? 0) + (counts.get(404) ?? 0);
  assert(refused > REQUESTS / 2, JSON.stringify([...counts]));
  assert(compared > REQUESTS / 200, `${compared} answers were compared with plain decoding`);
  assert(await rig.idles(), "texts are left");
  assertEquals(await ask(), before);
  assertEquals(rig.lines.filter((line) => line.includes('"event":"error"')), []);
  const warm = Math.ceil(memory.length / 5);
  const grown = Math.max(...memory.slice(warm)) - Math.max(...memory.slice(0, warm));
  console.log(
    `${JSON.stringify(Object.fromEntries(counts))}, ${compared} compared, ${
      grown.toFixed(0)
    } MiB more`,
  );
  assert(grown < MOST_GROWTH, `the process has grown by ${grown} MiB`);
}

for (const seed of SEEDS) {
  Deno.test(`fuzz: ${REQUESTS} requests of seed ${seed} are answered or refused`, () => fuzz(seed));
}
