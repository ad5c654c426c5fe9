/**
 * A target and its drafter on one sequence at a time: the loop that everything else is for.
 *
 * @module
 */
// A timer of 0 ms takes more than a millisecond to come back; this takes microseconds.
import { setImmediate } from "node:timers";
import { ArgumentError } from "../base/errors.ts";
import { Arena } from "../device/mod.ts";
import type { Model } from "../model/mod.ts";
import { type DrafterPlan, type LevelStats, Round, sequenceMemory } from "../speculation/mod.ts";
import { StopMatcher } from "../text/stop.ts";
import { StreamingDetokenizer } from "../text/detokenizer.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import {
  type FinishReason,
  Generation,
  type GenerationResult,
  type GenerationStats,
  type LevelReport,
  type Piece,
} from "./generation.ts";

/** Milliseconds after which a generation lets timers and signals run. */
const YIELD_MS = 25;

/** Options of one generation. */
export interface GenerateOptions {
  /** Most tokens to generate; what is left of the context where absent. */
  readonly maxTokens?: number;
  /** Strings that end the text; they are not part of it. */
  readonly stop?: readonly string[];
  /** Go on after a stop token. */
  readonly ignoreEos?: boolean;
  /** Ends the generation between two rounds; its reason is thrown. */
  readonly signal?: AbortSignal;
}

/** What a session is made of. */
export interface SessionOptions {
  /** The longest text, prompt included, in tokens. */
  readonly context: number;
  /** What proposes tokens; plain decoding where absent. */
  readonly drafter?: DrafterPlan;
  /** Name of the method in statistics; the drafter's where absent. */
  readonly method?: string;
}

/** A target, its drafter and their caches. */
export class Session implements Disposable {
  /** The longest text, in tokens. */
  readonly context: number;
  /** Name of the method in statistics. */
  readonly method: string;
  readonly #target: Model;
  readonly #tokenizer: Tokenizer;
  readonly #arena: Arena;
  readonly #round: Round;
  #busy = false;

  /** Allocates all caches and captures all graphs. The models must outlive the session. */
  constructor(target: Model, tokenizer: Tokenizer, options: SessionOptions) {
    const { context, drafter } = options;
    if (!Number.isInteger(context) || context < 2) {
      throw new ArgumentError("context", `Cannot plan: context is ${context}, expected 2 or more`);
    }
    this.context = context;
    this.method = options.method ?? drafter?.name ?? "ar";
    this.#target = target;
    this.#tokenizer = tokenizer;
    this.#arena = new Arena(target.device, "session");
    try {
      const memory = sequenceMemory(target.device, this.#arena, context, drafter);
      this.#round = new Round(target, memory, drafter);
    } catch (error) {
      this.#arena[Symbol.dispose]();
      throw error;
    }
  }

  /**
   * Continues a prompt greedily. Text is encoded with the tokenizer's special tokens; tokens are taken as
   * they are. Throws `ArgumentError` for a prompt that is empty, too long, or outside the vocabulary.
   */
  generate(prompt: string | readonly number[], options: GenerateOptions = {}): Generation {
    const tokens = typeof prompt === "string" ? this.#tokenizer.encode(prompt) : prompt;
    this.#check(tokens, options);
    let result: GenerationResult | undefined;
    const pieces = this.#run(tokens, options, (end) => result = end);
    return new Generation(pieces, () => result);
  }

  #check(tokens: readonly number[], { maxTokens }: GenerateOptions): void {
    if (tokens.length === 0) {
      throw new ArgumentError(
        "prompt",
        "Cannot generate: the prompt has no tokens, expected 1 or more",
      );
    }
    if (tokens.length >= this.context) {
      throw new ArgumentError(
        "prompt",
        `Cannot generate: the prompt has ${tokens.length} tokens, expected at most ` +
          `${this.context - 1} with a context of ${this.context}`,
      );
    }
    const { vocabSize } = this.#target.config;
    const stray = tokens.find((id) => !Number.isInteger(id) || id < 0 || id >= vocabSize);
    if (stray !== undefined) {
      throw new ArgumentError(
        "prompt",
        `Cannot generate: token ${stray} is in the prompt, expected 0 to ${vocabSize - 1}`,
      );
    }
    if (maxTokens !== undefined && (!Number.isInteger(maxTokens) || maxTokens < 1)) {
      throw new ArgumentError(
        "maxTokens",
        `Cannot generate: maxTokens is ${maxTokens}, expected 1 or more`,
      );
    }
  }

  async *#run(
    prompt: readonly number[],
    options: GenerateOptions,
    finish: (result: GenerationResult) => void,
  ): AsyncGenerator<Piece, void> {
    if (this.#busy) {
      throw new ArgumentError(
        "session",
        "Cannot generate: another generation of this session is under way, end it first",
      );
    }
    this.#busy = true;
    const { signal, ignoreEos = false } = options;
    const round = this.#round;
    const limit = Math.min(options.maxTokens ?? Infinity, this.context - prompt.length);
    const stops = new Set(ignoreEos ? [] : this.#target.config.eosTokenIds);
    const detokenizer = new StreamingDetokenizer(this.#tokenizer, { after: prompt });
    const matcher = new StopMatcher(options.stop ?? []);
    const output: number[] = [];
    let text = "";
    let reason: FinishReason | undefined;
    const started = performance.now();
    let decoding = started;
    let yielded = started;
    // What was held back for a stop string or half a character is certain at the end.
    const drain = (): string => {
      const matched = matcher.push(detokenizer.flush());
      return matched.text + (matched.stopped ? "" : matcher.flush());
    };
    const breathe = async (): Promise<void> => {
      if (performance.now() - yielded > YIELD_MS) {
        await new Promise((resolve) => setImmediate(resolve));
        yielded = performance.now();
      }
      signal?.throwIfAborted();
    };
    try {
      await breathe();
      for (const _ of round.read(prompt, prompt.length + limit)) await breathe();
      this.#target.device.synchronize();
      decoding = performance.now();
      while (reason === undefined) {
        const accepted = round.run();
        for (let j = 0; j < accepted && reason === undefined; j++) {
          const token = round.result[1 + j];
          output.push(token);
          let piece: string;
          if (stops.has(token)) {
            reason = "stop";
            piece = drain();
          } else {
            const matched = matcher.push(detokenizer.push([token]));
            piece = matched.text;
            if (matched.stopped) reason = "stop";
            else if (output.length >= limit) {
              reason = "length";
              piece += drain();
            }
          }
          text += piece;
          yield { text: piece, token, by: round.proposer(j) };
        }
        if (reason === undefined) await breathe();
      }
    } catch (error) {
      if (signal?.aborted) reason = "aborted";
      throw error;
    } finally {
      this.#busy = false;
      const ended = performance.now();
      finish({
        text,
        tokens: output,
        promptTokens: prompt.length,
        finishReason: reason ?? "aborted",
        stats: this.#stats(output.length, decoding - started, ended - decoding),
      });
    }
  }

  #stats(tokens: number, prefillMs: number, decodeMs: number): GenerationStats {
    const levels = this.#round.levels.map(report);
    return {
      method: this.method,
      targetForwards: levels[0].rounds,
      tau: levels[0].tau,
      acceptLengths: levels[0].acceptLengths,
      levels,
      timings: {
        prefillMs,
        decodeMs,
        tokensPerSecond: decodeMs > 0 ? (tokens / decodeMs) * 1000 : 0,
      },
    };
  }

  /** Frees caches and graphs, not the models. */
  [Symbol.dispose](): void {
    this.#round[Symbol.dispose]();
    this.#arena[Symbol.dispose]();
  }
}

function report(stats: LevelStats): LevelReport {
  const { name, rounds, tokens, catchUps, tau, draftMs, verifyMs, commitMs, readBackMs } = stats;
  return {
    name,
    rounds,
    tokens,
    catchUps,
    tau,
    acceptLengths: [...stats.histogram],
    draftMs,
    verifyMs,
    commitMs,
    readBackMs,
  };
}
