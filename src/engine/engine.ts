/**
 * Models from directories, ready to generate and score: what most programs need.
 *
 * @module
 */
import { ArgumentError, SpecMQuantError } from "../base/errors.ts";
import { type Checkpoint, openCheckpoint } from "../checkpoint/checkpoint.ts";
import type { ModelConfig } from "../checkpoint/config/config.ts";
import { openHead } from "../checkpoint/head.ts";
import { Device, disposedError } from "../device/mod.ts";
import type { Grammar, GrammarOption } from "../grammar/mod.ts";
import { checkHead, HeadModel, Model, type ModelSummary, summarizeModel } from "../model/mod.ts";
import { type ChoiceOptions, type DrafterPlan, draftModel } from "../speculation/mod.ts";
import { ChatTemplate, type RenderOptions } from "../text/chat_template.ts";
import { Tokenizer } from "../text/tokenizer.ts";
import { autoPlan } from "./auto.ts";
import { kindOf } from "./drafters/registry.ts";
import type { Generation } from "./generation.ts";
import {
  checkEngineOptions,
  type EngineOptions,
  type Method,
  speculationOf,
  wayOf,
} from "./options.ts";
import { headFamily } from "./method.ts";
import { checkMemory, type PlannedModel, withHead } from "./plan.ts";
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
import { inRole } from "./role.ts";
import { type Sampled, samplingDefaults } from "./sampling_defaults.ts";
import { checkSameTokenizer } from "./same_tokenizer.ts";
import { type Score, type ScoreOptions, scoreTokens } from "./score.ts";
import { type GenerateOptions, Session } from "./session.ts";
import type { Tuned, TuneOptions } from "./tune.ts";

/** The longest text where an engine's options do not say. */
const DEFAULT_CONTEXT = 4096;

/** A target with what proposes for it, loaded. What is called after it has been disposed throws code `"disposed"`. */
export class Engine implements Disposable {
  /** The device that it runs on. */
  readonly device: Device;
  /** How tokens are proposed. */
  readonly method: Method;
  /** The model whose output this is. */
  readonly target: Model;
  /** The target's tokenizer. */
  readonly tokenizer: Tokenizer;
  /** The target's chat template, where it has one. */
  readonly chatTemplate?: ChatTemplate;
  readonly #session: Session;
  readonly #sampled: Sampled;
  readonly #cleanup: DisposableStack;

  private constructor(
    device: Device,
    method: Method,
    target: Model,
    tokenizer: Tokenizer,
    chatTemplate: ChatTemplate | undefined,
    session: Session,
    { dir, generation, gguf }: Sampled,
    cleanup: DisposableStack,
  ) {
    this.device = device;
    this.method = method;
    this.target = target;
    this.tokenizer = tokenizer;
    this.chatTemplate = chatTemplate;
    this.#session = session;
    this.#sampled = { dir, generation, gguf };
    this.#cleanup = cleanup;
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
    const family = headFamily(options.head);
    const { method, drafter: kind } = wayOf(options, family);
    const shape = method === "auto"
      ? undefined
      : speculationOf(method, { ...options, inner: options.inner ?? family });
    using files = new DisposableStack();
    const stored = files.use(inRole("target", () => openCheckpoint(options.target)));
    const tokenizer = inRole("target", () => Tokenizer.load(options.target));
    const chatTemplate = inRole("target", () => ChatTemplate.load(options.target));
    const drafts = method === "draft" || method === "hier" || method === "auto";
    const draft = drafts && options.draft
      ? files.use(inRole("draft", () => openCheckpoint(options.draft!)))
      : undefined;
    const head = kind?.head ? files.use(inRole("head", () => openHead(options.head!))) : undefined;
    const { targetHead } = options;
    const second = targetHead ? files.use(inRole("head", () => openHead(targetHead))) : undefined;

    const planned = [
      plan("target", stored.config, inRole("target", () => summarizeModel(stored))),
    ];
    if (second) {
      const summary = inRole("head", () => checkHead(second, stored));
      planned.push(...withHead(planned.pop()!, second, summary, true));
    }
    if (draft) {
      planned.push(plan("draft", draft.config, inRole("draft", () => summarizeModel(draft))));
      inRole("draft", () => checkSameTokenizer(stored, draft));
    }
    if (head) {
      const summary = inRole("head", () => checkHead(head, draft ?? stored));
      planned.push(...withHead(planned.pop()!, head, summary, method === "auto"));
    }
    const context = contextOf(options, stored);

    using cleanup = new DisposableStack();
    const { backend, threads, library, progress, promptRows } = options;
    const device = cleanup.use(Device.open({ backend, threads, library }));
    checkMemory(planned, context, device);
    const heard = (role: string) =>
      progress && ((done: number, total: number) => progress(role, done, total));
    const target = cleanup.use(inRole("target", () => Model.load(device, stored, heard("target"))));
    const middle = draft &&
      cleanup.use(inRole("draft", () => Model.load(device, draft, heard("draft"))));
    const verifier = middle ?? target;
    const top = head &&
      cleanup.use(inRole("head", () => HeadModel.load(device, head, verifier, heard("head"))));

    const ofTarget = second &&
      cleanup.use(inRole("head", () => HeadModel.load(device, second, target, heard("head"))));

    const auto = (): DrafterPlan => {
      const own = top && { kind: kind!, head: top };
      const other = ofTarget && { kind: kindOf(second.config.kind), head: ofTarget };
      const models = middle ? { head: other, draft: middle, draftHead: own } : { head: own };
      return autoPlan(models, options);
    };
    const inner = shape && kind?.plan(shape, top);
    const drafter = shape ? middle ? draftModel(middle, shape, inner) : inner : auto();
    const session = cleanup.use(
      new Session(target, tokenizer, {
        context,
        drafter,
        method,
        promptRows,
        costs: method === "auto" ? options.costs?.(device, drafter!.settings) : undefined,
      }),
    );
    return new Engine(
      device,
      method,
      target,
      tokenizer,
      chatTemplate,
      session,
      stored,
      cleanup.move(),
    );
  }

  /** The longest text, prompt included, in tokens. */
  get context(): number {
    return this.#session.context;
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
   * The tokens of a prompt: text with the tokenizer's special tokens, a chat by the model's template, to which `chat`
   * gives tools and the like.
   */
  encode(prompt: Prompt, chat: RenderOptions = {}): readonly number[] {
    return this.#encode(prompt, { ...PROMPT, doing: "encode" }, chat);
  }

  #encode(prompt: Prompt, use: TextUse, chat: RenderOptions = {}): readonly number[] {
    if (this.#cleanup.disposed) throw disposedError(use.doing, "the engine");
    if (typeof prompt === "string") return this.tokenizer.encode(prompt);
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
   * Continues a prompt. The tokens are those of plain decoding, whatever the method. Of a prompt that begins as the text
   * before did, a chat's next turn, only the rest is read.
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

  /** Log-probabilities of a text under the target; text is encoded with special tokens. */
  score(text: string | TokenIds, options?: ScoreOptions): Score {
    const use = { ...SCORED, expected: "text or token ids" };
    const tokens = typeof text === "string"
      ? this.#encode(text, use)
      : tokenIds(text, this.target.config.vocabSize, use);
    return scoreTokens(this.target, tokens, options);
  }

  /** Frees everything. A generation under way ends with code `"disposed"`. */
  [Symbol.dispose](): void {
    this.#cleanup.dispose();
  }
}

function plan(
  role: string,
  config: ModelConfig,
  { weightBytes, needs }: Pick<ModelSummary, "weightBytes" | "needs">,
): PlannedModel {
  return { role, config, weightBytes, needs };
}

/** The planned context: never beyond what the target was made for. */
export function contextOf(options: Pick<EngineOptions, "context">, target: Checkpoint): number {
  const { maxPositions } = target.config;
  const context = options.context ?? Math.min(DEFAULT_CONTEXT, maxPositions);
  if (!Number.isInteger(context) || context < 2 || context > maxPositions) {
    throw new ArgumentError(
      "context",
      `Cannot plan a context of ${context}: expected 2 to ${maxPositions}, the most that ` +
        `${target.dir} was made for`,
    );
  }
  return context;
}
