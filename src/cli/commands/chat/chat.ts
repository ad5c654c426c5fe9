/**
 * A chat over an engine: what was said, how answers are made, and the making of one.
 *
 * @module
 */
import { ArgumentError } from "../../../base/errors.ts";
import type { ChoiceOptions, Engine, GenerationResult } from "../../../engine/mod.ts";
import { DRAFTERS } from "../../../engine/drafters/registry.ts";
import { UsageError } from "../../options/usage_error.ts";
import { depthLegend, paintByDepth } from "../../terminal/color.ts";
import type { Io } from "../../terminal/io.ts";
import { writeJson } from "../../terminal/json.ts";
import { Progress } from "../../terminal/progress.ts";
import { jsonOf, statisticsLine } from "../generate_output.ts";
import { Conversation, type Turn } from "./conversation.ts";
import type { Settings } from "./settings.ts";

/** How a chat is shown, and what it does where the context is full. */
export interface ChatOptions {
  /** How answers are made. */
  readonly settings: Settings;
  /** Whose words hold for what `settings` do not give: nobody's, or the model's. */
  readonly sampling: "greedy" | "model";
  /** A line of JSON for each turn, in place of text. */
  readonly json: boolean;
  /** Whether a person sits at a terminal. */
  readonly interactive: boolean;
  /** Whether the oldest turns are forgotten where the context is full; that is an error otherwise. */
  readonly dropOldest: boolean;
  /** Whether text is coloured by who proposed it. */
  readonly colors: boolean;
  /** Whether a line of statistics follows each answer. */
  readonly stats: boolean;
}

/** Everyone who can propose a token. */
const PROPOSERS = [
  "target",
  "draft",
  ...new Set(DRAFTERS.map(({ proposer }) => proposer)),
];

/** The share of the context that answers have room in where turns are dropped and nothing else is said. */
const ROOM = 1 / 4;

/** A chat. */
export class Chat {
  /** What was said. */
  readonly conversation: Conversation = new Conversation();
  /** How answers are made. */
  readonly settings: Settings;
  /** The models. */
  readonly engine: Engine;
  /** See {@link ChatOptions}. */
  sampling: "greedy" | "model";
  /** See {@link ChatOptions}. */
  stats: boolean;
  /** The last answer's figures; undefined before there is one. */
  last?: GenerationResult;
  readonly #options: ChatOptions;
  readonly #io: Io;
  #colors = false;
  #turn = 0;

  /** A chat that nothing has been said in. Throws code `"chat_template"` where the target has none. */
  constructor(engine: Engine, options: ChatOptions, io: Io) {
    this.engine = engine;
    this.settings = options.settings;
    this.sampling = options.sampling;
    this.stats = options.stats;
    this.#options = options;
    this.#io = io;
    // Before anything is asked.
    engine.encode([{ role: "user", content: "hello" }]);
    if (this.sampling === "model") void engine.samplingDefaults;
    if (options.colors) this.colors = true;
  }

  /** Whether text is coloured; never where colours are not wanted, or there is no terminal. */
  get colors(): boolean {
    return this.#colors;
  }

  set colors(on: boolean) {
    this.#colors = on && this.canColor;
  }

  /** Whether there can be colours: on a terminal that has them, unless NO_COLOR is set, and not in JSON. */
  get canColor(): boolean {
    return this.#io.stdout.color && !this.#options.json;
  }

  /** What the colours mean. */
  get legend(): string {
    return `proposed by ${depthLegend(PROPOSERS)}; numbers are depths in a round`;
  }

  /** Columns of tables. */
  get columns(): number {
    return this.#options.interactive ? this.#io.stdout.columns : Infinity;
  }

  /** Says something that is no answer: beside the answers, where a program reads them. */
  async say(text: string): Promise<void> {
    const { stdout, stderr } = this.#io;
    await (this.#options.interactive ? stdout : stderr).write(`${text}\n`);
  }

  /** How tokens are chosen. */
  get choice(): ChoiceOptions {
    const theirs = this.sampling === "model" ? this.engine.samplingDefaults : {};
    return { ...theirs, ...this.settings.choice };
  }

  /**
   * Answers `asked`, and shows it as it comes. What was said until `signal` aborts stays said; where that is nothing, and where
   * the context has no room for what is asked, which is an `ArgumentError`, it is `conversation.unanswered`. Gives whether there
   * is an answer.
   */
  async answer(asked: string, signal: AbortSignal, seed?: number): Promise<boolean> {
    const { conversation, engine } = this;
    conversation.unanswered = asked;
    const { prompt, dropped } = this.#fit(asked);
    if (dropped > 0) await this.say(`The context was full: the oldest ${turns(dropped)} forgotten`);
    const choice = { ...this.choice, ...(seed !== undefined && { seed }) };
    const maxTokens = this.settings.maxTokens;
    using bar = new Progress(this.#io.stderr);
    const generation = engine.generate(prompt, {
      ...choice,
      maxTokens,
      signal,
      progress: (done, total) => {
        if (done < total) bar.update("reading", done, total);
        else bar.clear();
      },
    });
    let ended = true;
    let depth = 0;
    try {
      for await (const { text, by, endsRound } of generation) {
        depth++;
        if (text !== "" && !this.#options.json) {
          ended = text.endsWith("\n");
          await this.#io.stdout.write(this.colors ? paintByDepth(by, depth, text) : text);
        }
        if (endsRound) depth = 0;
      }
    } catch (error) {
      if (!signal.aborted || error !== signal.reason) throw error;
    }
    const { result } = generation;
    this.last = result;
    const answered = result.text !== "" || result.finishReason !== "aborted";
    if (answered) conversation.add({ user: asked, assistant: result.text });
    await this.#showEnd(asked, result, choice, dropped, ended);
    return answered;
  }

  /** Answers what was asked last once more: with another seed, where tokens are sampled. */
  async retry(signal: AbortSignal): Promise<void> {
    const { conversation } = this;
    const waiting = conversation.unanswered;
    const turn: Turn | undefined = waiting === undefined ? conversation.takeLast() : undefined;
    const asked = waiting ?? turn?.user;
    if (asked === undefined) {
      throw new UsageError("Cannot retry: nothing was asked, expected a turn");
    }
    const seed = this.settings.choice.seed;
    const next = turn && seed !== undefined ? (this.last?.seed ?? seed) + 1 : undefined;
    let answered = false;
    try {
      answered = await this.answer(asked, signal, next);
    } finally {
      // What was not answered anew keeps its answer.
      if (!answered && turn !== undefined) conversation.add(turn);
    }
  }

  /** The prompt of what is asked, behind as many turns as fit where the oldest may be forgotten. */
  #fit(asked: string): { prompt: readonly number[]; dropped: number } {
    const { conversation, engine } = this;
    const { context } = engine;
    const encode = () => engine.encode(conversation.messages(asked));
    let prompt = encode();
    let dropped = 0;
    if (this.#options.dropOldest) {
      const room = Math.min(this.settings.maxTokens ?? context * ROOM, context / 2);
      while (prompt.length + room > context && conversation.dropOldest(1) > 0) {
        dropped++;
        prompt = encode();
      }
    }
    if (prompt.length < context) return { prompt, dropped };
    throw new ArgumentError(
      "context",
      `Cannot answer: the chat has ${prompt.length} tokens, expected at most ${
        context - 1
      } with a ` +
        `context of ${context}; /drop forgets the oldest turn, /clear all of them, and /retry asks ` +
        "again; --drop-oldest forgets as many as it takes",
    );
  }

  async #showEnd(
    asked: string,
    result: GenerationResult,
    choice: ChoiceOptions,
    dropped: number,
    ended: boolean,
  ): Promise<void> {
    const { json, interactive } = this.#options;
    this.#turn++;
    if (json) {
      const textOf = (id: number) =>
        this.engine.tokenizer.decode([id], { skipSpecialTokens: false });
      const { stats, ...rest } = jsonOf(result, { choice, textOf }) as Record<string, unknown>;
      const { cachedTokens: cached } = result;
      const turn = { turn: this.#turn, asked, ...rest, cached_tokens: cached, dropped, stats };
      await writeJson(this.#io.stdout, turn);
    } else {
      // A terminal shows a key that stops an answer in its line; over a pipe an answer without text is a line all the same.
      const open = interactive ? result.finishReason === "aborted" : result.text === "";
      if (!ended || open) await this.#io.stdout.write("\n");
    }
    if (this.stats && !json) await this.say(statisticsLine(result));
    if (result.finishReason !== "context") return;
    await this.say(
      `The context of ${this.engine.context} tokens is full, and the answer is cut: /drop forgets ` +
        "the oldest turn, /clear all of them, and /retry asks again",
    );
  }
}

/** A number of turns, in words. */
export function turns(count: number): string {
  return count === 1 ? "turn is" : `${count} turns are`;
}
