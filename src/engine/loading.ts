/**
 * How the models of an engine are loaded: everything is checked before a weight is read.
 *
 * @module
 */
import { ArgumentError } from "../base/errors.ts";
import { type Checkpoint, openCheckpoint } from "../checkpoint/checkpoint.ts";
import type { ModelConfig } from "../checkpoint/config/config.ts";
import { openHead } from "../checkpoint/head.ts";
import { Device } from "../device/mod.ts";
import { checkHead, HeadModel, Model, type ModelSummary, summarizeModel } from "../model/mod.ts";
import { ChatTemplate } from "../text/chat_template.ts";
import { Tokenizer } from "../text/tokenizer.ts";
import { type Composition, compositionOf, type ProposingModels } from "./composition.ts";
import { headFamily } from "./method.ts";
import { type CheckedEngineOptions, type EngineOptions, wayOf } from "./options.ts";
import { checkMemory, type PlannedModel, withHead } from "./plan.ts";
import { inRole } from "./role.ts";
import { checkSameTokenizer } from "./same_tokenizer.ts";
import type { Sampled } from "./sampling_defaults.ts";

/** The longest text where an engine's options do not say. */
const DEFAULT_CONTEXT = 4096;

/** What an engine is made of. */
export interface Loaded {
  /** The device that all of it is on. */
  readonly device: Device;
  /** The model whose output is wanted. */
  readonly target: Model;
  /** What may propose. */
  readonly models: ProposingModels;
  /** The target's. */
  readonly tokenizer: Tokenizer;
  /** The target's, where it has one. */
  readonly chatTemplate?: ChatTemplate;
  /** What proposes at first. */
  readonly composition: Composition;
  /** The longest text, in tokens. */
  readonly context: number;
  /** What the target says of how tokens are chosen. */
  readonly sampled: Sampled;
}

/** Loads the models of `options`; `cleanup` disposes all of it. */
export function loadModels(options: CheckedEngineOptions, cleanup: DisposableStack): Loaded {
  const family = headFamily(options.head);
  const { method, drafter: kind } = wayOf(options, family);
  const composition = compositionOf(method, options.inner ?? family);
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

  const { backend, threads, library, progress, kvCache, slots } = options;
  const device = cleanup.use(Device.open({ backend, threads, library }));
  checkMemory(planned, context, device, { kvCache, slots });
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

  const own = top && { [head.config.kind]: top };
  const models: ProposingModels = middle
    ? {
      draft: middle,
      heads: ofTarget ? { [second.config.kind]: ofTarget } : {},
      draftHeads: own ?? {},
    }
    : { heads: own ?? {}, draftHeads: {} };
  const { dir, generation, gguf } = stored;
  const sampled = { dir, generation, gguf };
  return { device, target, models, tokenizer, chatTemplate, composition, context, sampled };
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
