/**
 * A directory of a target and all that drafts for it, in place of an option for each.
 *
 * @module
 */
import { exists } from "../../checkpoint/containers/json.ts";
import type { DrafterName, Method } from "../../engine/mod.ts";
import { HEADS } from "./engine.ts";
import type { Alternatives, StringOption } from "./option.ts";

/** The directory. */
export const TRIO_OPTION: StringOption & { readonly name: "trio" } = {
  name: "trio",
  type: "string",
  value: "DIR",
  summary: "A directory with target, draft, target-eagle2 and draft-eagle2, or other heads; " +
    "--target stands above its target",
};

/** What commands with a trio need: it, or a target, or both. */
export const TRIO_OR_TARGET: Alternatives = {
  names: ["target", "trio"],
  needed: "always",
  together: true,
};

/** Paths of models, as options name them. */
export interface TrioModels {
  /** The target. */
  readonly target: string;
  /** The draft model. */
  readonly draft?: string;
  /** A head of the draft model, where there is one of these, or else of the target. */
  readonly head?: string;
  /** A head of the target beside a draft model. */
  readonly "target-head"?: string;
}

/**
 * The models in `dir` that a method takes: all, for auto, where none is named. A model may be a directory or a GGUF file. A
 * `target` from elsewhere is taken in place of that in `dir`.
 */
export function trioModels(
  dir: string,
  { target, method: given, inner }: {
    readonly target?: string;
    readonly method?: Method;
    readonly inner?: DrafterName;
  },
): TrioModels {
  const method = given ?? (inner === undefined ? "auto" : "hier");
  const isAuto = method === "auto";
  const drafts = method === "draft" || method === "hier" || isAuto;
  const named = method === "hier" || isAuto ? inner : method;
  /** The head of `role`, of the family that is named, or the first that is there. */
  const headOf = (role: "target" | "draft"): string | undefined => {
    if (named !== undefined) return HEADS.includes(named) ? `${dir}/${role}-${named}` : undefined;
    const [first] = HEADS;
    return `${dir}/${role}-${HEADS.find((name) => exists(`${dir}/${role}-${name}`)) ?? first}`;
  };
  const takesHead = method !== "ar" && method !== "draft" && method !== "suffix";
  const head = takesHead ? headOf(drafts ? "draft" : "target") : undefined;
  return {
    target: target ?? modelIn(dir, "target"),
    ...(drafts && { draft: modelIn(dir, "draft") }),
    ...(head && { head }),
    ...(isAuto && { "target-head": headOf("target") }),
  };
}

/** A model of a trio: its directory, or its GGUF file where that is what there is. */
function modelIn(dir: string, role: "target" | "draft"): string {
  const path = `${dir}/${role}`;
  return !exists(path) && exists(`${path}.gguf`) ? `${path}.gguf` : path;
}
