import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Generation, type GenerationResult, type Piece, type Score } from "../../engine/mod.ts";
import { ApiError } from "../wire/api_error.ts";
import { Slots, type TextEngine } from "./slots.ts";
import type { TextEvent } from "./scheduler.ts";

/** An engine whose text is its prompt, a token at a time, and that breaks at token 13. */
class Echo implements TextEngine {
  readonly slots: number;
  /** What it began and ended. */
  readonly log: string[] = [];
  running = 0;
  /** The most at once. */
  most = 0;

  constructor(slots = 1) {
    this.slots = slots;
  }

  generate(prompt: readonly number[], { signal }: { signal?: AbortSignal } = {}): Generation {
    const result = { tokens: prompt } as unknown as GenerationResult;
    // deno-lint-ignore no-this-alias -- a generator has a `this` of its own
    const engine = this;
    async function* pieces(): AsyncGenerator<Piece, void> {
      engine.running++;
      engine.most = Math.max(engine.most, engine.running);
      engine.log.push(`begin ${prompt[0]}`);
      try {
        for (const token of prompt) {
          await new Promise((resolve) => setTimeout(resolve, 1));
          signal?.throwIfAborted();
          if (token === 13) throw new Error("broken");
          yield { text: `${token}`, token, by: "target", endsRound: true };
        }
      } finally {
        engine.running--;
        engine.log.push(`end ${prompt[0]}`);
      }
    }
    return new Generation(pieces(), () => result);
  }

  score(tokens: string | ArrayLike<number | bigint>): Score {
    this.log.push("score");
    return { tokens: [...tokens as number[]], logprobs: [], top: [], perplexity: null };
  }
}

function job(...prompt: number[]) {
  return { prompt, generate: {} };
}

async function texts(events: AsyncIterable<TextEvent>): Promise<string[]> {
  const found: string[] = [];
  for await (const event of events) {
    if ("piece" in event) found[event.index] = (found[event.index] ?? "") + event.piece.text;
  }
  return found;
}

const forever = new AbortController().signal;

Deno.test("slots: of one, each text whole, one after the other, in turns", async () => {
  const engine = new Echo();
  const scheduler = new Slots(engine, 9);
  const submit = (client: string, ...jobs: ReturnType<typeof job>[]) =>
    scheduler.submit({ client, jobs, signal: forever, isStreamed: false });
  const asked = [
    submit("a", job(1, 2), job(3, 4), job(5)),
    submit("b", job(6, 7)),
    submit("a", job(8)),
  ];
  assertEquals([scheduler.running, scheduler.waiting], [1, 4]);
  assertEquals(await Promise.all(asked.map(texts)), [["12", "34", "5"], ["67"], ["8"]]);
  const begun = engine.log.filter((line) => line.startsWith("begin"));
  assertEquals(begun, ["begin 1", "begin 3", "begin 6", "begin 8", "begin 5"]);
  assertEquals(engine.most, 1);
  await scheduler.idle();
  assertEquals([scheduler.running, scheduler.waiting], [0, 0]);
});

Deno.test("slots: texts run though nobody reads", async () => {
  const engine = new Echo();
  const scheduler = new Slots(engine, 9);
  const unread = scheduler.submit({
    client: "a",
    jobs: [job(1, 2, 3)],
    signal: forever,
    isStreamed: true,
  });
  await scheduler.idle();
  assertEquals(engine.log, ["begin 1", "end 1"]);
  assertEquals(await texts(unread), ["123"]);
});

Deno.test("slots: a request that is aborted ends, under way and waiting, and others go on", async () => {
  const engine = new Echo();
  const scheduler = new Slots(engine, 9);
  const [running, waiting] = [new AbortController(), new AbortController()];
  const submit = (client: string, signal: AbortSignal, ...jobs: ReturnType<typeof job>[]) =>
    texts(scheduler.submit({ client, jobs, signal, isStreamed: false }));
  const long = Array.from({ length: 1000 }, () => 1);
  const first = submit("a", running.signal, job(...long), job(...long));
  const second = submit("b", waiting.signal, job(2), job(3));
  const third = submit("c", forever, job(4));
  waiting.abort(new Error("left early"));
  await assertRejects(() => second, Error, "left early");
  assertEquals(scheduler.waiting, 2);
  running.abort(new Error("left late"));
  await assertRejects(() => first, Error, "left late");
  assertEquals(await third, ["4"]);
  assertEquals(engine.log, ["begin 1", "end 1", "begin 4", "end 4"]);
});

Deno.test("slots: what breaks is told, with what came before it, and ends its request alone", async () => {
  const engine = new Echo();
  const scheduler = new Slots(engine, 9);
  const broken = scheduler.submit({
    client: "a",
    jobs: [job(7, 13), job(1)],
    signal: forever,
    isStreamed: false,
  });
  const other = scheduler.submit({
    client: "a",
    jobs: [job(2)],
    signal: forever,
    isStreamed: false,
  });
  const pieces: string[] = [];
  await assertRejects(
    async () => {
      for await (const event of broken) if ("piece" in event) pieces.push(event.piece.text);
    },
    Error,
    "broken",
  );
  assertEquals(pieces, ["7"]);
  assertEquals(await texts(other), ["2"]);
  assertEquals(engine.log.includes("begin 1"), false);
});

Deno.test("slots: a full queue says when to come again; what has begun is not in it", async () => {
  const engine = new Echo();
  const scheduler = new Slots(engine, 2);
  const submit = () =>
    scheduler.submit({
      client: "a",
      jobs: [job(1), job(2), job(3)],
      signal: forever,
      isStreamed: false,
    });
  const taken = [submit(), submit(), submit()];
  const error = assertThrows(submit, ApiError);
  assertEquals([error.status, error.code], [429, "queue_full"]);
  assertEquals(Number(error.headers["retry-after"]) >= 1, true);
  for (const events of taken) assertEquals(await texts(events), ["1", "2", "3"]);
  assertEquals(await texts(submit()), ["1", "2", "3"]);
});

Deno.test("slots: scores come first, and alone where nothing is generated", async () => {
  const scheduler = new Slots(new Echo(), 2);
  const kinds: string[] = [];
  const jobs = [{ ...job(1), score: 0 }, { prompt: [2], score: 1 }, { prompt: [3] }];
  for await (
    const event of scheduler.submit({ client: "a", jobs, signal: forever, isStreamed: false })
  ) {
    const kind = "score" in event ? "score" : "piece" in event ? "piece" : `end ${!!event.end}`;
    kinds.push(`${event.index} ${kind}`);
  }
  assertEquals(kinds, [
    "0 score",
    "0 piece",
    "0 end true",
    "1 score",
    "1 end false",
    "2 end false",
  ]);
});

Deno.test("slots: as many texts at once as there are slots, of whoever's turn it is", async () => {
  const engine = new Echo(3);
  const scheduler = new Slots(engine, 9);
  const submit = (client: string, ...jobs: ReturnType<typeof job>[]) =>
    texts(scheduler.submit({ client, jobs, signal: forever, isStreamed: false }));
  const long = Array.from({ length: 20 }, () => 1);
  const asked = [
    submit("a", job(2, ...long), job(3, ...long), job(4), job(5)),
    submit("b", job(6), job(7)),
    submit("c", job(8)),
  ];
  assertEquals([scheduler.running, scheduler.waiting], [3, 4]);
  await Promise.all(asked);
  await scheduler.idle();
  assertEquals([engine.most, engine.running, scheduler.running], [3, 0, 0]);
  // Two of the first, who was alone when it came, keep two slots; the third goes round.
  const begun = engine.log.filter((line) => line.startsWith("begin"));
  assertEquals(begun.slice(0, 3), ["begin 2", "begin 3", "begin 4"]);
  assertEquals(begun.slice(3, 6).toSorted(), ["begin 5", "begin 6", "begin 8"]);
});

Deno.test("slots: who goes away makes room at once, for who has waited longest", async () => {
  const engine = new Echo(2);
  const scheduler = new Slots(engine, 1);
  const gone = [new AbortController(), new AbortController()];
  const long = Array.from({ length: 1000 }, () => 1);
  const left = gone.map(({ signal }, i) =>
    texts(scheduler.submit({ client: `${i}`, jobs: [job(...long)], signal, isStreamed: true }))
  );
  const waits = texts(
    scheduler.submit({ client: "c", jobs: [job(9)], signal: forever, isStreamed: false }),
  );
  const submit = () =>
    scheduler.submit({ client: "d", jobs: [job(1)], signal: forever, isStreamed: false });
  assertEquals(assertThrows(submit, ApiError).status, 429);
  gone[1].abort(new Error("gone"));
  await assertRejects(() => left[1], Error, "gone");
  assertEquals(await waits, ["9"]);
  assertEquals(await texts(submit()), ["1"]);
  gone[0].abort(new Error("gone"));
  await assertRejects(() => left[0], Error, "gone");
  await scheduler.idle();
  assertEquals(engine.running, 0);
});
