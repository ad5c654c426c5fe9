/**
 * Models from directories, ready to generate and score: what most programs need.
 *
 * @module
 */
import { ArgumentError, SpecMQuantError } from "../base/errors.ts";
import { type Checkpoint, openCheckpoint } from "../checkpoint/checkpoint.ts";
import type { ModelConfig } from "../checkpoint/config.ts";
import { openHead } from "../checkpoint/head_config.ts";
import { Device } from "../device/mod.ts";
import {
  checkHead,
  checkSameVocabulary,
  HeadModel,
  Model,
  type ModelSummary,
  summarizeModel,
} from "../model/mod.ts";
import { type DrafterPlan, draftModel, eagle2 } from "../speculation/mod.ts";
import { type ChatMessage, ChatTemplate, type RenderOptions } from "../text/chat_template.ts";
import { Tokenizer } from "../text/tokenizer.ts";
import type { Generation } from "./generation.ts";
import { type EngineOptions, type Method, methodOf, speculationOf } from "./options.ts";
import { checkMemory, type PlannedModel } from "./plan.ts";
import { type Score, type ScoreOptions, scoreTokens } from "./score.ts";
import { type GenerateOptions, Session } from "./session.ts";

/** The longest text where an engine's options do not say. */
const DEFAULT_CONTEXT = 4096;

/** One turn of a chat: who speaks, what is said, and what else the model's template knows. */
export type Message = ChatMessage;

/** A prompt: text, a chat, or token ids taken as they are. */
export type Prompt = string | readonly Message[] | readonly number[];

/** A target with what proposes for it, loaded. */
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
  readonly #cleanup: DisposableStack;

  private constructor(
    device: Device,
    method: Method,
    target: Model,
    tokenizer: Tokenizer,
    chatTemplate: ChatTemplate | undefined,
    session: Session,
    cleanup: DisposableStack,
  ) {
    this.device = device;
    this.method = method;
    this.target = target;
    this.tokenizer = tokenizer;
    this.chatTemplate = chatTemplate;
    this.#session = session;
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

  static #load(options: EngineOptions): Engine {
    const method = methodOf(options);
    const shape = speculationOf(method, options);
    using files = new DisposableStack();
    const stored = files.use(openCheckpoint(options.target));
    const tokenizer = Tokenizer.load(options.target);
    const chatTemplate = ChatTemplate.load(options.target);
    const draft = method === "draft" || method === "hier"
      ? files.use(openCheckpoint(options.draft!))
      : undefined;
    const head = method === "eagle2" || method === "hier" ? openHead(options.head!) : undefined;
    if (head) files.use(head);

    const planned = [plan("target", stored.config, summarizeModel(stored))];
    if (draft) {
      planned.push(plan("draft", draft.config, summarizeModel(draft)));
      checkSameVocabulary(stored, draft);
    }
    if (head) {
      // The output projection that it uses is that of the last model before it.
      const { logitsScratch } = planned[planned.length - 1].needs;
      const { weightBytes, needs } = checkHead(head, draft ?? stored);
      planned.push(
        plan("head", head.config.model, { weightBytes, needs: { ...needs, logitsScratch } }),
      );
    }
    const context = contextOf(options, stored);

    using cleanup = new DisposableStack();
    const { backend, threads, library, progress } = options;
    const device = cleanup.use(Device.open({ backend, threads, library }));
    checkMemory(planned, context, device);
    const heard = (role: string) =>
      progress && ((done: number, total: number) => progress(role, done, total));
    const target = cleanup.use(Model.load(device, stored, heard("target")));
    const middle = draft && cleanup.use(Model.load(device, draft, heard("draft")));
    const top = head &&
      cleanup.use(HeadModel.load(device, head, middle ?? target, heard("head")));

    const trees: DrafterPlan | undefined = top && eagle2(top, shape);
    const drafter = middle ? draftModel(middle, shape, trees) : trees;
    const session = cleanup.use(new Session(target, tokenizer, { context, drafter, method }));
    return new Engine(device, method, target, tokenizer, chatTemplate, session, cleanup.move());
  }

  /** The longest text, prompt included, in tokens. */
  get context(): number {
    return this.#session.context;
  }

  /**
   * The tokens of a prompt: text with the tokenizer's special tokens, a chat by the model's template, to which `chat`
   * gives tools and the like.
   */
  encode(prompt: Prompt, chat: RenderOptions = {}): readonly number[] {
    if (typeof prompt === "string") return this.tokenizer.encode(prompt);
    if (isChat(prompt)) {
      if (this.chatTemplate === undefined) {
        throw new SpecMQuantError(
          "chat_template",
          `Cannot format a chat: ${this.target.dir} has no chat template, expected ` +
            "chat_template.jinja, or chat_template in tokenizer_config.json",
        );
      }
      const text = this.chatTemplate.render(prompt, chat);
      return this.tokenizer.encode(text, { addSpecialTokens: false });
    }
    return prompt;
  }

  /**
   * Continues a prompt greedily. The tokens are those of plain decoding, whatever the method.
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
    return this.#session.generate(this.encode(prompt), options);
  }

  /** Log-probabilities of a text under the target; text is encoded with special tokens. */
  score(text: string | readonly number[], options?: ScoreOptions): Score {
    return scoreTokens(this.target, this.encode(text), options);
  }

  /** Frees everything. */
  [Symbol.dispose](): void {
    this.#cleanup.dispose();
  }
}

function isChat(prompt: readonly Message[] | readonly number[]): prompt is readonly Message[] {
  return prompt.length > 0 && typeof prompt[0] === "object";
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
