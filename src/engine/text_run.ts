/**
 * One generation from its prompt to its result: the loop that everything else is for.
 *
 * @module
 */
import { SpecMQuantError } from "../base/errors.ts";
import type { Grammar } from "../grammar/mod.ts";
import type { Model } from "../model/mod.ts";
import { CHOICE_NAN } from "../ops/mod.ts";
import {
  drawSeed,
  type LogProbsOf,
  type Policy,
  type Round,
  type SharedPrefix,
  type TopToken,
} from "../speculation/mod.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { ConstrainedText } from "./constrained.ts";
import type { GenerateOptions } from "./generate_options.ts";
import type { GenerationResult, Piece } from "./generation.ts";
import type { Lockstep } from "./lockstep.ts";
import { Output } from "./output.ts";
import { statsOf } from "./report.ts";
import type { Slot } from "./slot.ts";

/** A slot that a text has taken. */
export interface Taken {
  /** The slot. */
  readonly slot: Slot;
  /** Tokens of the prompt that its caches keep. */
  readonly kept: number;
  /** How tokens are proposed. */
  readonly method: string;
  /** What chooses among several drafters, where the text has no method of its own. */
  readonly policy?: Policy;
}

/** Where texts run. */
export interface Home {
  /** Whose texts they are. */
  readonly target: Model;
  /** Of the target. */
  readonly tokenizer: Tokenizer;
  /** The longest text, in tokens. */
  readonly context: number;
  /** What brings rounds together. */
  readonly lockstep: Lockstep;
  /** Throws code `"disposed"` where something that texts need has been disposed. */
  expectLive(): void;
  /** What another slot holds of the prompt of a text in `slot`, at this moment, beyond the `held` tokens. */
  prefix(prompt: readonly number[], slot: Slot, held: number): SharedPrefix | undefined;
  /** Takes a slot for a text with this output; throws an `ArgumentError` where none is free. */
  take(prompt: readonly number[], output: Output, method?: string): Taken;
}

/** A text to make. */
export interface WantedText {
  /** Its prompt. */
  readonly prompt: readonly number[];
  /** How it goes on. */
  readonly options: GenerateOptions;
  /** What it follows. */
  readonly grammar?: Grammar;
}

/** A text on its way. */
export class TextRun {
  /** What came of it, when it has ended. */
  result?: GenerationResult;
  readonly #home: Home;
  readonly #wanted: WantedText;
  readonly #output: Output;
  /** Most tokens that it may have. */
  readonly #limit: number;
  readonly #constraint?: ConstrainedText;
  readonly #logged?: LogProbsOf;
  readonly #seed?: number;
  /** The prompt, and the tokens behind it. */
  readonly #text: number[];
  readonly #logprobs: number[] = [];
  readonly #top: (readonly TopToken[])[] = [];
  /** Tokens of the prompt that were in caches. */
  #cached = 0;
  /** Whether a piece of the prompt has been read. */
  #hasRead = false;
  /** When the prompt had been read. */
  #decoding?: number;

  /** Nothing happens until pieces are asked for. */
  constructor(home: Home, wanted: WantedText) {
    const { prompt, options, grammar } = wanted;
    const { maxTokens = Infinity, stop = [], ignoreEos = false, logprobs, temperature = 0 } =
      options;
    this.#home = home;
    this.#wanted = wanted;
    const room = home.context - prompt.length;
    this.#limit = Math.min(maxTokens, room);
    const { eosTokenIds } = home.target.config;
    this.#output = new Output(home.tokenizer, {
      after: prompt,
      stopTokens: new Set(ignoreEos && grammar === undefined ? [] : eosTokenIds),
      stop: typeof stop === "string" ? [stop] : stop,
      tokens: this.#limit,
      reason: maxTokens <= room ? "length" : "context",
    });
    this.#constraint = grammar && new ConstrainedText(grammar);
    this.#logged = logprobs === undefined ? undefined : options.logprobsOf ?? "model";
    this.#seed = temperature > 0 ? options.seed ?? drawSeed() : undefined;
    this.#text = [...prompt];
  }

  /** Its pieces; once. */
  async *pieces(): AsyncGenerator<Piece, void> {
    const { prompt, options: { signal, method, rounds = false } } = this.#wanted;
    const home = this.#home;
    const output = this.#output;
    const started = performance.now();
    home.expectLive();
    const taken = home.take(prompt, output, method);
    const { slot: { index, round } } = taken;
    try {
      for (const level of round.levels) level.reset();
      const watch = round.watch(rounds);
      this.#prepare(round);
      await this.#read(taken);
      const constraint = this.#constraint;
      if (constraint?.isOver) output.stop();
      while (output.reason === undefined) {
        const turn = { logged: this.#logged, constraint };
        const accepted = await home.lockstep.round(index, turn, signal);
        for (let j = 0; j < accepted && output.reason === undefined; j++) {
          const piece = this.#accept(round, j);
          const endsRound = j === accepted - 1 || output.reason !== undefined;
          yield {
            ...piece,
            endsRound,
            ...(watch && endsRound && { round: watch.last }),
          };
          // Whoever took the piece may have disposed what the next one is read from.
          if (output.reason === undefined) home.expectLive();
        }
        if (output.reason === undefined) signal?.throwIfAborted();
      }
    } finally {
      this.#end(taken, started);
    }
  }

  /** Sets how tokens are chosen, and what rounds need for it. */
  #prepare(round: Round): void {
    const { prompt, options } = this.#wanted;
    const { vocabSize } = this.#home.target.config;
    const scores = this.#logged === "processed";
    const choice = { ...options, seed: this.#seed };
    round.memory.choice.set(choice, prompt.length, vocabSize, scores);
    if (this.#logged) round.prepareLogProbs(this.#logged);
    if (this.#constraint) round.prepareConstraint();
  }

  /** Reads the prompt, piece by piece, between the rounds of others. */
  async #read({ slot, kept }: Taken): Promise<void> {
    const { prompt, options: { signal, progress } } = this.#wanted;
    const home = this.#home;
    const { target: { device }, lockstep } = home;
    this.#cached = kept;
    signal?.throwIfAborted();
    progress?.(kept, prompt.length);
    const length = prompt.length + this.#limit;
    // What others hold of it is known when a piece is read.
    const pieces = slot.round.read(prompt, length, kept, (held) => {
      slot.begin();
      const prefix = home.prefix(prompt, slot, held);
      if (prefix) this.#cached += prefix.held - held;
      return prefix;
    });
    for (let isRead = false; !isRead;) {
      await lockstep.read(() => {
        const { value } = pieces.next();
        isRead = value === undefined || value === prompt.length - 1;
        // What the drafter does behind the last piece is no piece.
        if (value !== undefined && isRead) pieces.next();
        // A device may only have queued it.
        device.synchronize();
        if (value === undefined) return;
        this.#hasRead = true;
        progress?.(value, prompt.length);
      }, signal);
    }
    signal?.throwIfAborted();
    progress?.(prompt.length, prompt.length);
    this.#decoding = performance.now();
  }

  /** Takes the j-th token of the last round. */
  #accept(round: Round, j: number): Omit<Piece, "endsRound"> {
    const { prompt, options: { logprobs: count } } = this.#wanted;
    const at = prompt.length + this.#output.count;
    const token = chosen(round.result[1 + j], at, this.#home.target.dir);
    this.#text.push(token);
    this.#constraint?.accept(token);
    const text = this.#output.push(token, this.#constraint?.isOver);
    const piece = { text, token, by: round.proposer(j) };
    if (count === undefined) return piece;
    const [logprob, top] = [round.logProb(j), round.topLogProbs(j, count)];
    this.#logprobs.push(logprob);
    this.#top.push(top);
    return { ...piece, logprob, top };
  }

  /** Gives the slot back, and makes the result. */
  #end({ slot, method, policy }: Taken, started: number): void {
    const { prompt } = this.#wanted;
    const { round } = slot;
    const output = this.#output;
    const decoding = this.#decoding;
    // As plain decoding would have left them, so that the next text does not depend on the method.
    const cached = decoding !== undefined ? this.#text.length - 1 : round.state.length;
    slot.release(this.#text, decoding !== undefined || this.#hasRead ? cached : undefined);
    const times = { started, decoding, ended: performance.now() };
    const finishReason = output.reason ?? "aborted";
    if (finishReason === "aborted") output.end();
    const tokens = output.tokens();
    this.result = {
      text: output.text,
      tokens,
      ...(this.#logged && {
        logprobs: this.#logprobs.slice(0, tokens.length),
        top: this.#top.slice(0, tokens.length),
      }),
      promptTokens: prompt.length,
      cachedTokens: this.#cached,
      finishReason,
      seed: this.#seed,
      stats: {
        ...statsOf(method, output.count, round.levels, times),
        ...(policy && { choices: [...policy.decisions] }),
      },
    };
  }
}

/** A token chosen for position `at`; throws code `"logits"` where there was none to choose. */
function chosen(choice: number, at: number, dir: string): number {
  if (choice >= 0) return choice;
  const found = choice === CHOICE_NAN
    ? "has a NaN, expected numbers: the weights may be broken, or values beyond what their dtype holds"
    : "allows no token, expected one or more above -infinity";
  throw new SpecMQuantError(
    "logits",
    `Cannot generate: the row of logits for position ${at} of ${dir} ${found}`,
  );
}
