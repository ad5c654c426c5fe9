/**
 * What is counted.
 *
 * @module
 */
import type { Engine, GenerationResult } from "../../engine/mod.ts";
import type { Scheduler } from "../queue/scheduler.ts";
import { Counter, Gauge, Histogram, type Metric } from "../wire/metrics.ts";

const SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];
const GAPS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1];
const LENGTHS = Array.from({ length: 16 }, (_, i) => i + 1);

/** All counts of a server. */
export class Metrics {
  /** Answers, by route and status. */
  readonly answers: Counter = new Counter(
    "specmquant_requests_total",
    "Requests answered, by route and status; 499 is a client that went away.",
    true,
  );
  /** Seconds from a request to the end of its answer. */
  readonly seconds: Histogram = new Histogram(
    "specmquant_request_seconds",
    "Seconds from a request that makes text to the end of its answer.",
    SECONDS,
  );
  /** Seconds to the first token, the time in the queue included. */
  readonly firstToken: Histogram = new Histogram(
    "specmquant_time_to_first_token_seconds",
    "Seconds from a request to its first token, the time in the queue included.",
    SECONDS,
  );
  readonly #promptTokens = new Counter(
    "specmquant_prompt_tokens_total",
    "Tokens of prompts, for each text that was made behind one.",
  );
  readonly #cachedTokens = new Counter(
    "specmquant_cached_tokens_total",
    "Those of them that were in the caches.",
  );
  readonly #tokens = new Counter("specmquant_generated_tokens_total", "Tokens made.");
  readonly #drafted = new Counter(
    "specmquant_drafted_tokens_total",
    "Tokens that were proposed to the target.",
  );
  readonly #accepted = new Counter(
    "specmquant_accepted_tokens_total",
    "Tokens of texts that had been proposed.",
  );
  readonly #gaps = new Histogram(
    "specmquant_time_per_token_seconds",
    "Mean seconds from token to token of a text, counted for each of its tokens.",
    GAPS,
  );
  readonly #lengths = new Histogram(
    "specmquant_accept_length",
    "Tokens that a forward of the target committed.",
    LENGTHS,
  );
  readonly #gauges: readonly Metric[];

  /** Counts of the texts that `scheduler` makes with `engine`. */
  constructor(scheduler: Scheduler, engine: Pick<Engine, "slots" | "cachedTokens">) {
    this.#gauges = [
      new Gauge("specmquant_slots", "Texts that can be made at once.", () => engine.slots),
      new Gauge(
        "specmquant_cache_tokens",
        "Tokens in the caches of all slots.",
        () => engine.cachedTokens,
      ),
      new Gauge("specmquant_texts_waiting", "Texts that have not begun.", () => scheduler.waiting),
      new Gauge("specmquant_texts_running", "Texts under way.", () => scheduler.running),
    ];
  }

  /** Counts a text of which `accepted` tokens had been proposed. */
  add({ promptTokens, cachedTokens, stats }: GenerationResult, accepted: number): void {
    const { generatedTokens, levels: [target], acceptLengths, timings } = stats;
    this.#promptTokens.add(promptTokens);
    this.#cachedTokens.add(cachedTokens);
    this.#tokens.add(generatedTokens);
    this.#drafted.add(target.drafted);
    this.#accepted.add(accepted);
    if (generatedTokens > 0) {
      this.#gaps.observe(timings.decodeMs / 1000 / generatedTokens, generatedTokens);
    }
    for (const [length, rounds] of acceptLengths.entries()) {
      if (rounds > 0) this.#lengths.observe(length, rounds);
    }
  }

  /** All of it in Prometheus's text format. */
  render(): string {
    const all: readonly Metric[] = [
      ...this.#gauges,
      this.answers,
      this.seconds,
      this.firstToken,
      this.#gaps,
      this.#lengths,
      this.#promptTokens,
      this.#cachedTokens,
      this.#tokens,
      this.#drafted,
      this.#accepted,
    ];
    return all.map((metric) => metric.render()).join("");
  }
}
