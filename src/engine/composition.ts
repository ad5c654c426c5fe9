/**
 * Methods as compositions of what is loaded: which there are, what each needs, and its plan.
 *
 * @module
 */
import { ArgumentError } from "../base/errors.ts";
import type { HeadModel, Model } from "../model/mod.ts";
import { type DrafterPlan, draftModel } from "../speculation/mod.ts";
import { type AutoHead, autoPlan } from "./auto.ts";
import { EAGLE2 } from "./drafters/eagle2.ts";
import type { DrafterKind, SpeculationOptions } from "./drafters/kind.ts";
import { type DrafterName, DRAFTERS } from "./drafters/registry.ts";
import { type Method, METHODS, speculationOf } from "./options.ts";

/** Heads of one model, by their families. */
export type Heads = { readonly [family in DrafterName]?: HeadModel };

/** Loaded models that proposals can come from. */
export interface ProposingModels {
  /** The draft model. */
  readonly draft?: Model;
  /** Heads of the target. */
  readonly heads: Heads;
  /** Heads of the draft model. */
  readonly draftHeads: Heads;
}

/** A method, in `hier` with what proposes inside. */
export interface Composition {
  /** The method's name, `hier` with what proposes inside where that is no EAGLE-2 head: `hier(eagle3)`. */
  readonly name: string;
  /** The method. */
  readonly method: Method;
  /** What proposes to the draft model in `hier`. */
  readonly inner?: DrafterName;
}

/** All compositions, in the order of the methods. */
export const COMPOSITIONS: readonly Composition[] = METHODS.flatMap((method) =>
  method === "hier" ? DRAFTERS.map(({ name }) => hierOver(name)) : [{ name: method, method }]
);

function hierOver(inner: DrafterName): Composition {
  return { name: inner === EAGLE2.name ? "hier" : `hier(${inner})`, method: "hier", inner };
}

/** The composition that `method` is, with `inner` inside; an EAGLE-2 head where absent. */
export function compositionOf(method: Method, inner: DrafterName = EAGLE2.name): Composition {
  return method === "hier" ? hierOver(inner) : { name: method, method };
}

/** What a composition is made of: whether a draft model is in it, and who proposes to the lowest model. */
interface Parts {
  readonly drafts: boolean;
  readonly kind?: DrafterKind;
  readonly head?: HeadModel;
}

function partsOf({ method, inner }: Composition, models: ProposingModels): Parts {
  const drafts = method === "draft" || method === "hier";
  const found = DRAFTERS.find(({ name }) => name === (inner ?? method));
  const heads = drafts ? models.draftHeads : models.heads;
  return { drafts, kind: found, head: found && heads[found.name] };
}

/** The head of the first family that there is one of. */
function firstOf(heads: Heads): AutoHead | undefined {
  const kind = DRAFTERS.find(({ name }) => heads[name]);
  return kind && { kind, head: heads[kind.name]! };
}

function nothingFor({ draft, heads }: ProposingModels): boolean {
  return draft === undefined && firstOf(heads) === undefined;
}

/** What is missing in `models` for a composition, in words; undefined where nothing is. */
export function missingFor(one: Composition, models: ProposingModels): string | undefined {
  const { drafts, kind, head } = partsOf(one, models);
  if (one.method === "auto") return nothingFor(models) ? "a draft model or a head" : undefined;
  if (drafts && models.draft === undefined) return "a draft model";
  if (kind?.head === undefined || head !== undefined) return undefined;
  return `${kind.head} of the ${drafts ? "draft model" : "target"}`;
}

/** The plan of `auto` with all models, of each with a head of the first family that there is one of; with a target alone, too. */
export function autoOf(
  { draft, heads, draftHeads }: ProposingModels,
  options: Partial<SpeculationOptions>,
): DrafterPlan {
  return autoPlan({ head: firstOf(heads), draft, draftHead: firstOf(draftHeads) }, options);
}

/**
 * The plan of a composition, with the shape that an engine gives it where `options` say nothing else; undefined for `ar`.
 * Throws an `ArgumentError` where a model is missing.
 */
export function planOf(
  one: Composition,
  models: ProposingModels,
  options: Partial<SpeculationOptions> = {},
): DrafterPlan | undefined {
  const missing = missingFor(one, models);
  if (missing !== undefined) {
    throw new ArgumentError(
      "models",
      `Cannot draft with ${one.name}: ${missing} is missing, expected one`,
    );
  }
  if (one.method === "auto") return autoOf(models, options);
  const { drafts, kind, head } = partsOf(one, models);
  const shape = speculationOf(one.method, { ...options, inner: one.inner });
  const lowest = kind?.plan(shape, head);
  return drafts ? draftModel(models.draft!, shape, lowest) : lowest;
}
