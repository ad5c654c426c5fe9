/**
 * A target, its drafter, and the slots that texts run in.
 *
 * @module
 */
import { KV_CACHE_DTYPES, type KvCacheDType } from "../base/dtype.ts";
import { ArgumentError } from "../base/errors.ts";
import {
  checkArgument,
  checkOptions,
  integer,
  type Kind,
  type Kinds,
  object,
  oneOf,
  required,
  TEXT,
} from "../base/options.ts";
import { Arena, type Lifetime, SharedScratch } from "../device/mod.ts";
import type { Grammar, GrammarOption } from "../grammar/mod.ts";
import { type Model, MODEL_KIND } from "../model/mod.ts";
import {
  always,
  AutoPolicy,
  type Costs,
  type DrafterPlan,
  measureCosts,
  MEASURED_CONTEXT,
  MOST_SLOTS,
  PLAN_KIND,
  Round,
  sequenceMemory,
  type Setting,
} from "../speculation/mod.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { grammarOf } from "./constrained.ts";
import { GENERATE_KINDS, type GenerateOptions } from "./generate_options.ts";
import { Generation } from "./generation.ts";
import { Lockstep } from "./lockstep.ts";
import type { Output } from "./output.ts";
import { PROMPT, type TokenIds, tokenIds } from "./prompt.ts";
import { pickSlot, sharedPrefix, Slot } from "./slot.ts";
import { type Home, type Taken, TextRun } from "./text_run.ts";
import { TUNE_KINDS, type Tuned, type TuneOptions, tuneRound } from "./tune.ts";
import { waysOf } from "./ways.ts";

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
   * bit the same whether it continues the one before, begins like one in another slot or is read afresh.
   */
  readonly promptRows?: number;
  /** How the caches of all models keep keys and values; `f16` where absent. */
  readonly kvCache?: KvCacheDType;
  /** Generations that can be under way at once, each in caches of its own: 1 to 64; 1 where absent. */
  readonly slots?: number;
}

const SESSION_KINDS: Kinds<SessionOptions> = {
  context: required(integer(2)),
  drafter: PLAN_KIND,
  costs: object("costs as they are measured", ({ contexts }) => Array.isArray(contexts)),
  method: TEXT,
  promptRows: integer(1),
  kvCache: oneOf(KV_CACHE_DTYPES),
  slots: integer(1, MOST_SLOTS),
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
  /** How caches keep keys and values. */
  readonly kvCache: KvCacheDType;
  readonly #target: Model;
  readonly #tokenizer: Tokenizer;
  readonly #slots: readonly Slot[];
  readonly #lockstep: Lockstep;
  readonly #home: Home;
  readonly #cleanup: DisposableStack;
  readonly #life: Lifetime;
  /** The plan of several drafters, and the methods that it allows. */
  readonly #several?: DrafterPlan;
  readonly #ways: ReadonlyMap<string, Setting>;
  /** Generations begun. */
  #uses = 0;

  /** Allocates all caches and captures all graphs. The models must outlive the session. */
  constructor(target: Model, tokenizer: Tokenizer, options: SessionOptions) {
    const doing = "make a session";
    checkArgument(doing, "target", target, MODEL_KIND);
    checkArgument(doing, "tokenizer", tokenizer, TOKENIZER);
    checkOptions(doing, options, SESSION_KINDS);
    target.expectLive(doing);
    const { context, drafter, promptRows, kvCache = "f16", slots = 1 } = options;
    this.context = context;
    this.kvCache = kvCache;
    this.method = options.method ?? drafter?.name ?? "ar";
    this.#target = target;
    this.#tokenizer = tokenizer;
    using cleanup = new DisposableStack();
    const { device } = target;
    const arena = cleanup.use(new Arena(device, "session"));
    this.#life = arena.life;
    const scratch = new SharedScratch(arena);
    this.#slots = Array.from({ length: slots }, (_, index) => {
      scratch.rewind();
      const seat = slots > 1 ? { index, of: slots, scratch } : undefined;
      const memory = sequenceMemory(device, arena, context, drafter, { promptRows, kvCache, seat });
      return new Slot(index, cleanup.use(new Round(target, memory, drafter)));
    });
    const rounds = this.#slots.map(({ round }) => round);
    const busy = () => this.#slots.filter(({ isTaken }) => isTaken).length;
    this.#lockstep = cleanup.use(new Lockstep(rounds, busy));
    this.#ways = drafter?.several ? waysOf(drafter) : new Map();
    if (drafter?.several) {
      this.#several = drafter;
      this.#choose(drafter, options.costs);
    }
    this.#home = {
      target,
      tokenizer,
      context,
      lockstep: this.#lockstep,
      expectLive: () => this.#expectLive(),
      prefix: (prompt, slot, held) => sharedPrefix(this.#slots, slot, prompt, held),
      take: (prompt, output, method) => this.#take(prompt, output, method),
    };
    this.#cleanup = cleanup.move();
  }

  /** Generations that can be under way at once, each in caches of its own. */
  get slots(): number {
    return this.#slots.length;
  }

  /** Tokens of texts that the caches of all slots keep. */
  get cachedTokens(): number {
    return this.#slots.reduce(
      (sum, slot) => sum + (slot.isTaken ? slot.round.state.length : slot.cached),
      0,
    );
  }

  /** Lets policies choose among the settings of `drafter`, by `costs`. */
  #choose({ settings }: DrafterPlan, costs?: Costs): void {
    // A text that short is over before anything is gained.
    if (this.context < MEASURED_CONTEXT) return;
    const known = costs ?? measureCosts(this.#slots[0].round, settings);
    for (const slot of this.#slots) slot.policy = new AutoPolicy(settings, known);
  }

  /** The methods that a text may be made by: the session's own, and of several drafters those of each. */
  get methods(): readonly string[] {
    return [...new Set([...this.#ways.keys(), this.method])];
  }

  /**
   * Continues a prompt. Text is encoded with the tokenizer's special tokens; tokens are taken as
   * they are. As many generations run at a time as there are slots, each from its first piece to its last, or until its loop is
   * left; their rounds are verified together, and what each says is what it says alone.
   * Throws an `ArgumentError` for a prompt that is empty, too long, or outside the vocabulary, and for options
   * that are not what they should be; code `"disposed"`, then or while it runs, where a model, the session or
   * the device has been disposed.
   */
  generate(prompt: string | TokenIds, options: GenerateOptions = {}): Generation {
    this.#expectLive();
    checkOptions(PROMPT.doing, options, GENERATE_KINDS);
    const ids = typeof prompt === "string" ? this.#tokenizer.encodePrompt(prompt) : prompt;
    const tokens = tokenIds(ids, this.#target.config.vocabSize, PROMPT);
    this.#checkLength(tokens.length);
    checkArgument(PROMPT.doing, "method", options.method, oneOf(this.methods));
    const grammar = options.grammar && this.compileGrammar(options.grammar);
    const run = new TextRun(this.#home, { prompt: tokens, options, grammar });
    return new Generation(run.pieces(), () => run.result);
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
    const [slot] = this.#slots;
    slot.forget();
    const tuned = tuneRound(slot.round, settings, options);
    this.#choose(this.#several!, tuned.costs);
    return tuned;
  }

  /**
   * Forgets the text before: the next generation reads all of its prompt. Texts are continued otherwise, and the rows of a
   * long prompt may round otherwise than those of rounds. Drafters forget what they remember of all texts.
   */
  forget(): void {
    for (const slot of this.#slots) {
      slot.forget();
      slot.round.forget();
    }
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
    if (this.#slots.some(({ isTaken }) => isTaken)) throw this.#busy();
  }

  #busy(): ArgumentError {
    const many = this.slots === 1 ? "another generation of this session is" : `${this.slots} are`;
    return new ArgumentError(
      "session",
      `Cannot generate: ${many} under way, end ${this.slots === 1 ? "it" : "one of them"} first ` +
        "(iterate it to its end, leave its loop, or dispose it)",
    );
  }

  /** Takes the best free slot for a text. */
  #take(prompt: readonly number[], output: Output, method: string = this.method): Taken {
    const slot = pickSlot(this.#slots, prompt);
    if (slot === undefined) throw this.#busy();
    const kept = slot.kept(prompt);
    const setting = this.#ways.get(method);
    const policy = setting ? always(setting) : slot.policy;
    slot.take(output, ++this.#uses);
    if (this.#several) slot.round.drafter!.policy = policy;
    return { slot, kept, method, policy: setting ? undefined : policy };
  }

  #expectLive(): void {
    this.#life.expect(PROMPT.doing);
    this.#target.expectLive(PROMPT.doing);
  }

  /** Frees caches and graphs, not the models. A generation under way ends with code `"disposed"`. */
  [Symbol.dispose](): void {
    this.#cleanup.dispose();
  }
}
