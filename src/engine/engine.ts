/**
 * Models from directories, ready to generate and score: what most programs need.
 *
 * @module
 */
import type { KvCacheDType } from "../base/dtype.ts";
import { ArgumentError, SpecMQuantError } from "../base/errors.ts";
import { checkArgument, oneOf, required } from "../base/options.ts";
import { type Device, disposedError } from "../device/mod.ts";
import type { Grammar, GrammarOption } from "../grammar/mod.ts";
import type { Model } from "../model/mod.ts";
import type { ChoiceOptions } from "../speculation/mod.ts";
import type { ChatTemplate, RenderOptions } from "../text/chat_template.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import {
  autoOf,
  type Composition,
  COMPOSITIONS,
  missingFor,
  planOf,
  type ProposingModels,
} from "./composition.ts";
import type { GenerateOptions } from "./generate_options.ts";
import type { Generation } from "./generation.ts";
import { type Loaded, loadModels } from "./loading.ts";
import { checkEngineOptions, type EngineOptions, type Method } from "./options.ts";
import {
  checkChat,
  isChat,
  PROMPT,
  type Prompt,
  SCORED,
  type TextUse,
  type TokenIds,
  tokenIds,
} from "./prompt.ts";
import { type Sampled, samplingDefaults } from "./sampling_defaults.ts";
import { type Score, type ScoreOptions, scoreTokens } from "./score.ts";
import { Session } from "./session.ts";
import type { Tuned, TuneOptions } from "./tune.ts";

/** What a way to propose tokens may be called: all of `Method`, and what hierarchies are made of. */
const NAMES = [...new Set([...COMPOSITIONS.map(({ name }) => name), "hier"])];

/** A target with what proposes for it, loaded. What is called after it has been disposed throws code `"disposed"`. */
export class Engine implements Disposable {
  /** The device that it runs on. */
  readonly device: Device;
  /** The model whose output this is. */
  readonly target: Model;
  /** The target's tokenizer. */
  readonly tokenizer: Tokenizer;
  /** The target's chat template, where it has one. */
  readonly chatTemplate?: ChatTemplate;
  readonly #models: ProposingModels;
  readonly #newSession: (one: Composition) => Session;
  readonly #sampled: Sampled;
  #cleanup = new DisposableStack();
  #composition: Composition;
  #session: Session;

  private constructor(
    { device, target, models, tokenizer, chatTemplate, composition, context, sampled }: Loaded,
    options: EngineOptions,
  ) {
    this.device = device;
    this.target = target;
    this.tokenizer = tokenizer;
    this.chatTemplate = chatTemplate;
    this.#models = models;
    this.#composition = composition;
    this.#sampled = sampled;
    const { promptRows, kvCache, slots } = options;
    this.#newSession = (one) => {
      const drafter = one.method === "auto"
        ? autoOf(models, options)
        : planOf(one, models, options);
      return new Session(target, tokenizer, {
        context,
        drafter,
        method: one.method,
        promptRows,
        kvCache,
        slots,
        costs: one.method === "auto" ? options.costs?.(device, drafter!.settings) : undefined,
      });
    };
    this.#session = this.#newSession(composition);
  }

  /**
   * Loads the models of `options`. Everything is checked before a weight is read: a malformed file, models
   * that do not fit together or into memory, options out of range. Nothing stays loaded when it throws.
   */
  static load(options: EngineOptions): Promise<Engine> {
    // Reading is synchronous; a promise keeps failures and callers in one shape.
    return new Promise((resolve) => resolve(Engine.#load(options)));
  }

  static #load(given: EngineOptions): Engine {
    const options = checkEngineOptions(given);
    using cleanup = new DisposableStack();
    const engine = new Engine(loadModels(options, cleanup), options);
    cleanup.defer(() => engine.#session[Symbol.dispose]());
    engine.#cleanup = cleanup.move();
    return engine;
  }

  /** How tokens are proposed. */
  get method(): Method {
    return this.#composition.method;
  }

  /**
   * The ways to propose tokens that the loaded models allow, by name: methods, and hierarchies with what proposes in them, as in
   * `hier(eagle3)`.
   */
  get methods(): readonly string[] {
    return COMPOSITIONS.filter((one) => missingFor(one, this.#models) === undefined)
      .map(({ name }) => name);
  }

  /**
   * Proposes in the way `name` from the next text on, one of `methods`; `hier` is the first hierarchy of them. Texts stay the
   * same, and what is in the caches is read again. A generation under way ends with code `"disposed"`. Throws an
   * `ArgumentError` where a model is missing for it.
   */
  use(name: string): void {
    if (this.#cleanup.disposed) throw disposedError("change the method", "the engine");
    checkArgument("change the method", "name", name, required(oneOf(NAMES)));
    const missing = (one: Composition) => missingFor(one, this.#models);
    const exact = COMPOSITIONS.filter((one) => one.name === name);
    // Heads before what a target alone is enough for.
    const others = COMPOSITIONS.filter((one) => one.method === name).reverse();
    const next = [...exact, ...others].find((one) => missing(one) === undefined);
    if (next === undefined) {
      throw new ArgumentError(
        "name",
        `Cannot change the method to ${name}: ${missing([...exact, ...others][0])} is missing, ` +
          `expected ${this.methods.join(", ")}`,
      );
    }
    const before = this.#composition;
    this.#session[Symbol.dispose]();
    try {
      this.#session = this.#newSession(next);
      this.#composition = next;
    } catch (error) {
      // Another method may take more memory.
      this.#session = this.#newSession(before);
      throw error;
    }
  }

  /** The longest text, prompt included, in tokens. */
  get context(): number {
    return this.#session.context;
  }

  /** Texts that can be made at once. */
  get slots(): number {
    return this.#session.slots;
  }

  /** Tokens of texts that the caches keep, for prompts that begin with them. */
  get cachedTokens(): number {
    return this.#session.cachedTokens;
  }

  /** The methods that a text may be made by, see `GenerateOptions.method`: with `auto` all that the models given allow. */
  get textMethods(): readonly string[] {
    return this.#session.methods;
  }

  /**
   * How the target asks to have its tokens chosen, in `generation_config.json` or GGUF's metadata: options for `generate`,
   * which is greedy without them. Throws code `"sampling"` where the target does not say, or asks for something that there
   * is none of.
   */
  get samplingDefaults(): ChoiceOptions {
    return samplingDefaults(this.#sampled);
  }

  /**
   * The tokens of a prompt: text with the tokenizer's special tokens, once where it begins with them itself, a chat by the
   * model's template, to which `chat` gives tools and the like.
   */
  encode(prompt: Prompt, chat: RenderOptions = {}): readonly number[] {
    return this.#encode(prompt, { ...PROMPT, doing: "encode" }, chat);
  }

  #encode(prompt: Prompt, use: TextUse, chat: RenderOptions = {}): readonly number[] {
    if (this.#cleanup.disposed) throw disposedError(use.doing, "the engine");
    if (typeof prompt === "string") return this.tokenizer.encodePrompt(prompt);
    if (isChat(prompt)) {
      checkChat(prompt);
      if (this.chatTemplate === undefined) {
        throw new SpecMQuantError(
          "chat_template",
          `Cannot format a chat: ${this.target.dir} has no chat template, expected ` +
            "chat_template.jinja, chat_template in tokenizer_config.json, or tokenizer.chat_template " +
            "in a GGUF file",
        );
      }
      const text = this.chatTemplate.render(prompt, chat);
      return this.tokenizer.encode(text, { addSpecialTokens: false });
    }
    const expected = "text, a chat or token ids";
    return tokenIds(prompt, this.target.config.vocabSize, { ...use, expected });
  }

  /**
   * Continues a prompt. The tokens are those of plain decoding, whatever the method. Of a prompt that begins as a text
   * before did, a chat's next turn, only the rest is read. As many texts as there are slots can be made at once.
   *
   * @example Stream a text
   * ```ts
   * import { Engine } from "@specmquant/specmquant";
   *
   * using engine = await Engine.load({ target: "models/demo/target" });
   * for await (const piece of engine.generate("Question: What is 2 + 3?\nAnswer:")) {
   *   console.log(piece.text);
   * }
   * ```
   */
  generate(prompt: Prompt, options?: GenerateOptions): Generation {
    return this.#session.generate(this.#encode(prompt, PROMPT), options);
  }

  /** Compiles a grammar for the target, to be given to `generate` again and again; see `Session.compileGrammar`. */
  compileGrammar(grammar: GrammarOption | Grammar): Grammar {
    return this.#session.compileGrammar(grammar);
  }

  /**
   * Measures what rounds cost and how often drafts of these models are accepted, and which settings are the fastest, for an
   * engine of method `auto`; see `Session.tune`.
   */
  tune(options: TuneOptions): Tuned {
    return this.#session.tune(options);
  }

  /** Forgets the text before, so that the next generation reads all of its prompt; see `Session.forget`. */
  forget(): void {
    this.#session.forget();
  }

  /** How caches keep keys and values. */
  get kvCache(): KvCacheDType {
    return this.#session.kvCache;
  }

  /** Log-probabilities of a text under the target; text is encoded with special tokens. */
  score(text: string | TokenIds, options?: ScoreOptions): Score {
    const use = { ...SCORED, expected: "text or token ids" };
    const tokens = typeof text === "string"
      ? this.#encode(text, use)
      : tokenIds(text, this.target.config.vocabSize, use);
    return scoreTokens(this.target, tokens, options, this.#session.kvCache);
  }

  /** Frees everything. A generation under way ends with code `"disposed"`. */
  [Symbol.dispose](): void {
    this.#cleanup.dispose();
  }
}
