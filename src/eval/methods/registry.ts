/**
 * Every method that can be compared: which models it takes, and what it asks of an engine.
 *
 * @module
 */
import { ArgumentError } from "../../base/errors.ts";
import { suggestion } from "../../base/nearest.ts";
import { DRAFTERS } from "../../engine/drafters/registry.ts";
import type { EngineOptions, SpeculationOptions } from "../../engine/mod.ts";
import type { ModelSet } from "./models.ts";

/** The models of an engine beside its target, and its method. */
export type EngineParts = Pick<
  EngineOptions,
  "draft" | "head" | "inner" | "method" | "targetHead"
>;

/** A method of the registry. */
export interface MethodKind {
  /** Its name. */
  readonly name: string;
  /** What it takes of `models`, or what they lack, as an end of "expected". */
  parts(models: ModelSet): EngineParts | string;
}

/** All kinds of methods; a new one is one entry here. */
export const METHOD_KINDS: readonly MethodKind[] = [
  { name: "ar", parts: () => ({ method: "ar" }) },
  {
    name: "draft",
    parts: ({ draft }) => draft === undefined ? "a draft model" : { method: "draft", draft },
  },
  ...DRAFTERS.map(({ name, head }): MethodKind => ({
    name,
    parts({ heads }) {
      if (head === undefined) return { method: name };
      const dir = heads[name];
      return dir === undefined ? `${head} of the target` : { method: name, head: dir };
    },
  })),
  {
    name: "hier",
    parts: ({ draft, innerHead }) =>
      draft === undefined || innerHead === undefined
        ? "a draft model and a head of it"
        : { method: "hier", draft, head: innerHead },
  },
  {
    name: "auto",
    parts({ draft, innerHead, heads }) {
      const [own] = Object.values(heads);
      if (draft !== undefined) return { method: "auto", draft, head: innerHead, targetHead: own };
      return own === undefined
        ? "a draft model or a head of the target"
        : { method: "auto", head: own };
    },
  },
];

/** The settings that may stand behind a method's name, as they are written there. */
const SETTINGS: Readonly<Record<string, keyof SpeculationOptions>> = {
  "min-draft": "minDraft",
  siblings: "siblings",
  depth: "depth",
  topk: "topk",
  "tree-size": "treeSize",
};

/** A method as it is compared: a kind, with settings where some are given. */
export interface EvalMethod {
  /** What reports call it: as it was given, e.g. `eagle2:depth=6:tree-size=48`. */
  readonly name: string;
  /** Its kind. */
  readonly kind: MethodKind;
  /** What its proposals are like, where that is said. */
  readonly shape: Partial<SpeculationOptions>;
}

function refuse(text: string, why: string): never {
  throw new ArgumentError("methods", `Cannot use methods ${text}: ${why}`);
}

/** The method written as `text`: a name, and settings as `:depth=6` behind it. Throws an `ArgumentError`. */
export function parseMethod(text: string): EvalMethod {
  const [name, ...settings] = text.split(":");
  const names = METHOD_KINDS.map((kind) => kind.name);
  const kind = METHOD_KINDS.find((one) => one.name === name);
  if (kind === undefined) refuse(name, `expected ${names.join(", ")}${suggestion(name, names)}`);
  const shape: Record<string, number> = {};
  for (const setting of settings) {
    const [key, value] = setting.split("=");
    const option = Object.hasOwn(SETTINGS, key) ? SETTINGS[key] : undefined;
    if (option === undefined || !/^\d+$/.test(value ?? "")) {
      const keys = Object.keys(SETTINGS);
      refuse(text, `${setting} is no setting, expected ${keys.join(", ")}, each as ${keys[2]}=6`);
    }
    shape[option] = Number(value);
  }
  return { name: text, kind, shape };
}

/**
 * The methods called `names`, or all that each of `sets` has models for where none are named. Throws an `ArgumentError` for
 * one that a set lacks models for, and for a name that comes twice.
 */
export function methodsFor(
  sets: readonly ModelSet[],
  names?: readonly string[],
): readonly EvalMethod[] {
  const lacking = (set: ModelSet, kind: MethodKind) => {
    const parts = kind.parts(set);
    return typeof parts === "string" ? parts : undefined;
  };
  if (names === undefined) {
    return METHOD_KINDS.filter((kind) => sets.every((set) => lacking(set, kind) === undefined))
      .map((kind) => ({ name: kind.name, kind, shape: {} }));
  }
  const methods = names.map(parseMethod);
  for (const [i, { name, kind }] of methods.entries()) {
    if (names.indexOf(name) !== i) refuse(name, "it is given twice");
    for (const set of sets) {
      const lack = lacking(set, kind);
      if (lack !== undefined) refuse(name, `${set.name} has no models for it, expected ${lack}`);
    }
  }
  return methods;
}
