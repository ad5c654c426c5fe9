/**
 * A target and its drafter on one sequence at a time: the loop that everything else is for.
 *
 * @module
 */
import { ArgumentError, SpecMQuantError } from "../base/errors.ts";
import {
  BOOLEAN,
  checkArgument,
  checkOptions,
  FUNCTION,
  integer,
  type Kind,
  type Kinds,
  object,
  oneOf,
  required,
  SIGNAL,
  TEXT,
} from "../base/options.ts";
import { Arena } from "../device/mod.ts";
import type { Grammar, GrammarOption } from "../grammar/mod.ts";
import { type Model, MODEL_KIND } from "../model/mod.ts";
import { CHOICE_NAN } from "../ops/mod.ts";
import {
  always,
  AutoPolicy,
  CHOICE_KINDS,
  type ChoiceOptions,
  type Costs,
  type DrafterPlan,
  drawSeed,
  LOG_PROBS_OF,
  type LogProbsOf,
  MAX_TOP_LOG_PROBS,
  measureCosts,
  MEASURED_CONTEXT,
  PLAN_KIND,
  type Policy,
  Round,
  sequenceMemory,
  type Setting,
  type TopToken,
} from "../speculation/mod.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { Breath } from "./breath.ts";
import { ConstrainedText, GRAMMAR_KIND, grammarOf } from "./constrained.ts";
import { Generation, type GenerationResult, type Piece } from "./generation.ts";
import { Output } from "./output.ts";
import { PROMPT, type TokenIds, tokenIds } from "./prompt.ts";
import { statsOf } from "./report.ts";
import { TUNE_KINDS, type Tuned, type TuneOptions, tuneRound } from "./tune.ts";
import { waysOf } from "./ways.ts";

/** Options of one generation; greedy where nothing is said of how tokens are chosen. */
export interface GenerateOptions extends ChoiceOptions {
  /** Most tokens to generate; what is left of the context where absent. */
  readonly maxTokens?: number;
  /** A string that ends the text, or several; they are not part of it. */
  readonly stop?: string | readonly string[];
  /** Go on after a stop token; under a grammar, where nothing can come behind one, it does nothing. */
  readonly ignoreEos?: boolean;
  /**
   * What the text follows: a JSON schema, a grammar in EBNF, a regular expression, or one of them compiled before. A text
   * that ends by itself is one of its texts; one that `maxTokens` cuts is the begin of one.
   */
  readonly grammar?: GrammarOption | Grammar;
  /** Give the log-probability of each token, and of this many of the likeliest in its place: 0 to 20. None where absent. */
  readonly logprobs?: number;
  /** Of which distribution; the model's own where absent. */
  readonly logprobsOf?: LogProbsOf;
  /** How its tokens are proposed, one of the session's `methods`; its own method where absent. The text is the same. */
  readonly method?: string;
  /** Give with the last piece of each round what the round was. */
  readonly rounds?: boolean;
  /** Ends the generation between two rounds, or two pieces of the prompt; its reason is thrown. */
  readonly signal?: AbortSignal;
  /** Hears the tokens of the prompt read, from 0 to all of them. */
  readonly progress?: (done: number, total: number) => void;
}

const GENERATE_KINDS: Kinds<GenerateOptions> = {
  ...CHOICE_KINDS,
  maxTokens: integer(1),
  stop: {
    expected: "text that is not empty, or a list of such",
    fits: (value) =>
      (Array.isArray(value) ? value : [value]).every((one) =>
        typeof one === "string" && one !== ""
      ),
  },
  ignoreEos: BOOLEAN,
  grammar: GRAMMAR_KIND,
  logprobs: integer(0, MAX_TOP_LOG_PROBS),
  logprobsOf: oneOf(LOG_PROBS_OF),
  method: TEXT,
  rounds: BOOLEAN,
  signal: SIGNAL,
  progress: FUNCTION,
};

/** What a session is made of. */
export interface SessionOptions {
  /** The longest text, prompt included, in tokens. */
  readonly context: number;
  /** What proposes tokens; plain decoding where absent. Of several drafters (see `switched`), the fastest at each time; none in a context of less than 64. */
  readonly drafter?: DrafterPlan;
  /** What the rounds of several drafters cost; measured in a moment where absent. */
  readonly costs?: Costs;
  /** Name of the method in statistics; the drafter's where absent. */
  readonly method?: string;
  /**
   * Most tokens of a prompt that are read at once; what suits the backend where absent. With 64 or fewer a text is bit for
   * bit the same whether it continues the one before or is read afresh.
   */
  readonly promptRows?: number;
}

const SESSION_KINDS: Kinds<SessionOptions> = {
  context: required(integer(2)),
  drafter: PLAN_KIND,
  costs: object("costs as they are measured", ({ contexts }) => Array.isArray(contexts)),
  method: TEXT,
  promptRows: integer(1),
};

const TOKENIZER: Kind = required(
  object(
    "a Tokenizer",
    ({ encode, decode }) => typeof encode === "function" && typeof decode === "function",
  ),
);

/** A target, its drafter and their caches. What has been disposed of them throws code `"disposed"`. */
export class Session implements Disposable {
  /** The longest text, in tokens. */
  readonly context: number;
  /** Name of the method in statistics. */
  readonly method: string;
  readonly #target: Model;
  readonly #tokenizer: Tokenizer;
  readonly #arena: Arena;
  readonly #round: Round;
  /** The plan of several drafters, and the methods that it allows. */
  readonly #several?: DrafterPlan;
  readonly #ways: ReadonlyMap<string, Setting>;
  /** What chooses among them, in texts that have no method of their own. */
  #policy?: Policy;
  /** The last text, and how many of its tokens are in the caches. */
  #text: readonly number[] = [];
  #cached = 0;
  /**
   * The output of the generation under way. Only the generation itself holds on to it, so that one which was
   * dropped in the middle makes room when it is collected.
   */
  #running?: WeakRef<Output>;

  /** Allocates all caches and captures all graphs. The models must outlive the session. */
  constructor(target: Model, tokenizer: Tokenizer, options: SessionOptions) {
    const doing = "make a session";
    checkArgument(doing, "target", target, MODEL_KIND);
    checkArgument(doing, "tokenizer", tokenizer, TOKENIZER);
    checkOptions(doing, options, SESSION_KINDS);
    target.expectLive(doing);
    const { context, drafter, promptRows } = options;
    this.context = context;
    this.method = options.method ?? drafter?.name ?? "ar";
    this.#target = target;
    this.#tokenizer = tokenizer;
    this.#arena = new Arena(target.device, "session");
    try {
      const memory = sequenceMemory(target.device, this.#arena, context, drafter, promptRows);
      this.#round = new Round(target, memory, drafter);
      this.#ways = drafter?.several ? waysOf(drafter) : new Map();
      if (drafter?.several) {
        this.#several = drafter;
        this.#choose(drafter, options.costs);
      }
    } catch (error) {
      this.#arena[Symbol.dispose]();
      throw error;
    }
  }

  /** Lets a policy choose among the settings of `drafter`, by `costs`. */
  #choose({ settings }: DrafterPlan, costs?: Costs): void {
    // A text that short is over before anything is gained.
    if (this.context < MEASURED_CONTEXT) return;
    const policy = new AutoPolicy(settings, costs ?? measureCosts(this.#round, settings));
    this.#policy = policy;
  }

  /** The methods that a text may be made by: the session's own, and of several drafters those of each. */
  get methods(): readonly string[] {
    return [...new Set([...this.#ways.keys(), this.method])];
  }

  /**
   * Continues a prompt. Text is encoded with the tokenizer's special tokens; tokens are taken as
   * they are. One generation runs at a time, from its first piece to its last, or until its loop is left.
   * Throws an `ArgumentError` for a prompt that is empty, too long, or outside the vocabulary, and for options
   * that are not what they should be; code `"disposed"`, then or while it runs, where a model, the session or
   * the device has been disposed.
   */
  generate(prompt: string | TokenIds, options: GenerateOptions = {}): Generation {
    this.#expectLive();
    checkOptions(PROMPT.doing, options, GENERATE_KINDS);
    const ids = typeof prompt === "string" ? this.#tokenizer.encode(prompt) : prompt;
    const tokens = tokenIds(ids, this.#target.config.vocabSize, PROMPT);
    this.#checkLength(tokens.length);
    checkArgument(PROMPT.doing, "method", options.method, oneOf(this.methods));
    const grammar = options.grammar && this.compileGrammar(options.grammar);
    let result: GenerationResult | undefined;
    const pieces = this.#run(tokens, options, grammar, (end) => result = end);
    return new Generation(pieces, () => result);
  }

  /**
   * Compiles a grammar for this model. The last few are kept, with all that texts have found of them, so that `generate`
   * compiles the same one once; hold on to more than that. Throws an `ArgumentError` that says what is wrong and where, an
   * `UnsupportedModelError` where the text of a token depends on the tokens beside it.
   */
  compileGrammar(grammar: GrammarOption | Grammar): Grammar {
    return grammarOf(grammar, this.#tokenizer, this.#target.config);
  }

  /**
   * Measures what the rounds of several drafters cost and how often drafts are accepted, and which settings are the fastest;
   * see `tuneRound`. Forgets the text before; what is generated from then on goes by these costs. Throws an `ArgumentError`
   * where there are not several drafters, or while a generation is under way.
   */
  tune(options: TuneOptions): Tuned {
    this.#expectLive();
    checkOptions("tune", options, TUNE_KINDS);
    this.#expectIdle();
    const settings = this.#several?.settings;
    if (settings === undefined || this.context < MEASURED_CONTEXT) {
      throw new ArgumentError(
        "session",
        `Cannot tune: the method is ${this.method} in a context of ${this.context}, expected auto in one of ` +
          `${MEASURED_CONTEXT} or more`,
      );
    }
    for (const prompt of options.prompts) {
      this.#checkLength(tokenIds(prompt, this.#target.config.vocabSize, PROMPT).length);
    }
    this.#cached = 0;
    const tuned = tuneRound(this.#round, settings, options);
    this.#choose(this.#several!, tuned.costs);
    return tuned;
  }

  /**
   * Forgets the text before: the next generation reads all of its prompt. Texts are continued otherwise, and the rows of a
   * long prompt may round otherwise than those of rounds. Drafters forget what they remember of all texts.
   */
  forget(): void {
    this.#cached = 0;
    this.#round.forget();
  }

  /**
   * How many tokens of `prompt` the caches keep: those that the text before begins with, but for the last of them, which is
   * read again: a head pairs its hidden state with the token behind it, which may be another one now.
   */
  #kept(prompt: readonly number[]): number {
    const most = Math.min(this.#cached, prompt.length - 1);
    let common = 0;
    while (common < most && prompt[common] === this.#text[common]) common++;
    return Math.max(0, common - 1);
  }

  #checkLength(length: number): void {
    const { context } = this;
    if (length < context) return;
    const { maxPositions } = this.#target.config;
    const more = context < maxPositions
      ? `; context (--context on the command line) may go up to ${maxPositions} with this model`
      : "";
    throw new ArgumentError(
      "prompt",
      `Cannot generate: the prompt has ${length} tokens, expected at most ${context - 1} with a ` +
        `context of ${context}${more}`,
    );
  }

  #expectIdle(): void {
    if (this.#running?.deref() === undefined) return;
    throw new ArgumentError(
      "session",
      "Cannot generate: another generation of this session is under way, end it first " +
        "(iterate it to its end, leave its loop, or dispose it)",
    );
  }

  #expectLive(): void {
    this.#arena.life.expect(PROMPT.doing);
    this.#target.expectLive(PROMPT.doing);
  }

  async *#run(
    prompt: readonly number[],
    options: GenerateOptions,
    grammar: Grammar | undefined,
    finish: (result: GenerationResult) => void,
  ): AsyncGenerator<Piece, void> {
    const { signal, progress, maxTokens = Infinity, stop = [], ignoreEos = false } = options;
    const { device, config } = this.#target;
    const room = this.context - prompt.length;
    const limit = Math.min(maxTokens, room);
    const output = new Output(this.#tokenizer, {
      after: prompt,
      stopTokens: new Set(ignoreEos && grammar === undefined ? [] : config.eosTokenIds),
      stop: typeof stop === "string" ? [stop] : stop,
      tokens: limit,
      reason: maxTokens <= room ? "length" : "context",
    });
    const round = this.#round;
    const { method = this.method } = options;
    const setting = this.#ways.get(method);
    const policy = setting ? always(setting) : this.#policy;
    const constraint = grammar && new ConstrainedText(grammar);
    const kept = this.#kept(prompt);
    const text = [...prompt];
    const sampled = (options.temperature ?? 0) > 0;
    const seed = sampled ? options.seed ?? drawSeed() : undefined;
    const { logprobs: topCount, logprobsOf = "model" } = options;
    const logged = topCount === undefined ? undefined : logprobsOf;
    const logprobs: number[] = [];
    const top: (readonly TopToken[])[] = [];
    const breath = new Breath();
    const started = performance.now();
    let decoding: number | undefined;
    let reading = false;
    this.#expectLive();
    this.#expectIdle();
    this.#running = new WeakRef(output);
    try {
      for (const level of round.levels) level.reset();
      if (this.#several) round.drafter!.policy = policy;
      const watch = round.watch(options.rounds ?? false);
      // Whatever goes wrong until it is known what the caches hold, they hold nothing.
      this.#cached = 0;
      const scores = logged === "processed";
      round.memory.choice.set({ ...options, seed }, prompt.length, config.vocabSize, scores);
      if (logged) round.prepareLogProbs(logged);
      if (constraint) round.prepareConstraint();
      signal?.throwIfAborted();
      progress?.(kept, prompt.length);
      for (const done of round.read(prompt, prompt.length + limit, kept)) {
        reading = true;
        // A device may only have queued it.
        device.synchronize();
        progress?.(done, prompt.length);
        if (breath.due) await breath.take();
        signal?.throwIfAborted();
      }
      device.synchronize();
      progress?.(prompt.length, prompt.length);
      decoding = performance.now();
      if (constraint?.isOver) output.stop();
      while (output.reason === undefined) {
        const accepted = round.run(logged, constraint);
        for (let j = 0; j < accepted && output.reason === undefined; j++) {
          const token = chosen(round.result[1 + j], prompt.length + output.count, this.#target.dir);
          text.push(token);
          constraint?.accept(token);
          const made = output.push(token, constraint?.isOver);
          const endsRound = j === accepted - 1 || output.reason !== undefined;
          const piece: Piece = {
            text: made,
            token,
            by: round.proposer(j),
            endsRound,
            ...(watch && endsRound && { round: watch.last }),
          };
          if (topCount === undefined) yield piece;
          else {
            logprobs.push(round.logProb(j));
            top.push(round.topLogProbs(j, topCount));
            yield { ...piece, logprob: logprobs.at(-1), top: top.at(-1) };
          }
          // Whoever took the piece may have disposed what the next one is read from.
          if (output.reason === undefined) this.#expectLive();
        }
        if (output.reason !== undefined) break;
        if (breath.due) await breath.take();
        signal?.throwIfAborted();
      }
    } finally {
      this.#running = undefined;
      this.#text = text;
      // As plain decoding would have left them, so that the next text does not depend on the method.
      if (decoding !== undefined) this.#cached = text.length - 1;
      else if (reading) this.#cached = round.state.length;
      const times = { started, decoding, ended: performance.now() };
      const finishReason = output.reason ?? "aborted";
      if (finishReason === "aborted") output.end();
      const tokens = output.tokens();
      finish({
        text: output.text,
        tokens,
        ...(logged && {
          logprobs: logprobs.slice(0, tokens.length),
          top: top.slice(0, tokens.length),
        }),
        promptTokens: prompt.length,
        cachedTokens: kept,
        finishReason,
        seed,
        stats: {
          ...statsOf(method, output.count, round.levels, times),
          ...(policy && !setting && { choices: [...policy.decisions] }),
        },
      });
    }
  }

  /** Frees caches and graphs, not the models. A generation under way ends with code `"disposed"`. */
  [Symbol.dispose](): void {
    this.#round[Symbol.dispose]();
    this.#arena[Symbol.dispose]();
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
