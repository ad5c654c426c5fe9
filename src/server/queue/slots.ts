/**
 * One engine that makes as many texts at once as it has slots.
 *
 * @module
 */
import { Breath, turn } from "../../engine/breath.ts";
import type { Engine, GenerationResult } from "../../engine/mod.ts";
import { ApiError } from "../wire/api_error.ts";
import { Channel } from "./channel.ts";
import type { Scheduler, TextEvent, TextJob, TextRequest } from "./scheduler.ts";
import { Turns } from "./turns.ts";

/** One job of a request, on its way. */
interface Ticket {
  readonly index: number;
  readonly job: TextJob;
  readonly request: Accepted;
}

/** A request on its way. */
interface Accepted {
  readonly signal: AbortSignal;
  readonly channel: Channel<TextEvent>;
  readonly isStreamed: boolean;
  /** Jobs that have not ended. */
  open: number;
  /** Whether a job of it has begun, or none will. */
  hasBegun: boolean;
}

/** What of an engine makes texts. */
export type TextEngine = Pick<Engine, "generate" | "score" | "slots">;

/** See the module. */
export class Slots implements Scheduler {
  readonly #engine: TextEngine;
  readonly #most: number;
  readonly #turns = new Turns<Ticket>();
  readonly #breath = new Breath();
  /** Those who wait until nothing waits or runs. */
  #idlers: (() => void)[] = [];
  #running = 0;
  /** Requests of which no job has begun. */
  #queued = 0;
  /** The mean of the last texts' seconds. */
  #seconds = 1;

  /** Makes texts with `engine`, which nothing else may use, for at most `most` requests that wait. */
  constructor(engine: TextEngine, most: number) {
    this.#engine = engine;
    this.#most = most;
  }

  /** See {@linkcode Scheduler}. */
  get waiting(): number {
    return this.#turns.size;
  }

  /** See {@linkcode Scheduler}. */
  get running(): number {
    return this.#running;
  }

  /** See {@linkcode Scheduler}. */
  submit({ client, jobs, signal, isStreamed }: TextRequest): AsyncIterable<TextEvent> {
    signal.throwIfAborted();
    // What begins at once does not wait.
    if (this.#running >= this.#engine.slots && this.#queued >= this.#most) throw this.#full();
    const channel = new Channel<TextEvent>();
    const request = { signal, channel, isStreamed, open: jobs.length, hasBegun: false };
    this.#queued++;
    this.#turns.add(client, request, jobs.map((job, index) => ({ index, job, request })));
    signal.addEventListener("abort", () => {
      this.#begin(request);
      this.#turns.drop(client, request);
      channel.fail(signal.reason);
    }, { once: true });
    this.#fill();
    return channel;
  }

  /** See {@linkcode Scheduler}. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      this.#idlers.push(resolve);
      this.#tellIdlers();
    });
  }

  #tellIdlers(): void {
    if (this.#running > 0 || this.#turns.size > 0) return;
    const idlers = this.#idlers;
    this.#idlers = [];
    for (const resolve of idlers) resolve();
  }

  #begin(request: Accepted): void {
    if (!request.hasBegun) this.#queued--;
    request.hasBegun = true;
  }

  #full(): ApiError {
    const rounds = this.#turns.size / this.#engine.slots;
    const seconds = Math.min(60, Math.max(1, Math.ceil(this.#seconds * rounds)));
    return new ApiError(
      429,
      "rate_limit_error",
      `Cannot take this request: ${this.#queued} are waiting, expected fewer than ${this.#most}`,
      { code: "queue_full", headers: { "retry-after": `${seconds}` } },
    );
  }

  /** Begins what may begin. */
  #fill(): void {
    while (this.#running < this.#engine.slots) {
      const ticket = this.#turns.take();
      if (ticket === undefined) return;
      this.#begin(ticket.request);
      this.#running++;
      void this.#runAndFill(ticket);
    }
  }

  async #runAndFill(ticket: Ticket): Promise<void> {
    const started = performance.now();
    await this.#run(ticket);
    const seconds = (performance.now() - started) / 1000;
    this.#seconds += (seconds - this.#seconds) / 8;
    this.#running--;
    this.#fill();
    this.#tellIdlers();
  }

  /** Runs a job to its end. What goes wrong is told to who iterates, and ends the request's other jobs. */
  async #run({ index, job, request }: Ticket): Promise<void> {
    const { prompt, generate, score } = job;
    const { signal, channel, isStreamed } = request;
    if (channel.isOver) return;
    try {
      if (score !== undefined) {
        channel.push({ index, score: this.#engine.score(prompt, { top: score, signal }) });
        // It had the device without a pause.
        if (this.#breath.due) await this.#breath.take();
      }
      let end: GenerationResult | undefined;
      if (generate !== undefined) {
        const generation = this.#engine.generate(prompt, { ...generate, signal });
        for await (const piece of generation) {
          channel.push({ index, piece });
          // Before the device takes this thread again; of several slots, who asks waits anyway.
          if (isStreamed && piece.endsRound && this.#engine.slots === 1) await turn();
        }
        end = generation.result;
      }
      channel.push({ index, end });
      if (--request.open === 0) channel.close();
    } catch (error) {
      channel.fail(error);
    }
  }
}
