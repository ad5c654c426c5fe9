/**
 * The options of an engine, their defaults, and which method they make.
 *
 * @module
 */
import { ArgumentError } from "../base/errors.ts";
import {
  checkArgument,
  checkOptions,
  FUNCTION,
  integer,
  type Kinds,
  oneOf,
  PATH,
  pathOf,
  required,
} from "../base/options.ts";
import { type Backend, DEVICE_KINDS } from "../device/mod.ts";
import { MAX_TREE_ROWS } from "../ops/mod.ts";
import { DRAFTER_KINDS } from "../speculation/mod.ts";

/** How tokens are proposed: not at all, by a draft model, by a head, or by a draft model with a head. */
export type Method = "ar" | "draft" | "eagle2" | "hier";

/** All methods. */
export const METHODS: readonly Method[] = ["ar", "draft", "eagle2", "hier"];

/** Shape of what is proposed. */
export interface SpeculationOptions {
  /** Tokens that a draft model's sequence has at least. */
  readonly minDraft: number;
  /** Rows of a draft model's proposal that its other choices take, beside the tokens of the sequence. */
  readonly siblings: number;
  /** Levels of a head's tree below its root. */
  readonly depth: number;
  /** Nodes expanded on each level of a tree. */
  readonly topk: number;
  /** Nodes of a tree that are verified, its root included. */
  readonly treeSize: number;
}

/**
 * Defaults of `SpeculationOptions`. With siblings a proposal of the hierarchy has 16 rows, up to which a GPU's products of
 * few rows cost the same as of 9.
 */
export const SPECULATION_DEFAULTS: Readonly<Record<Method, SpeculationOptions>> = {
  ar: { minDraft: 6, siblings: 6, depth: 5, topk: 8, treeSize: 32 },
  draft: { minDraft: 6, siblings: 6, depth: 5, topk: 8, treeSize: 32 },
  eagle2: { minDraft: 6, siblings: 6, depth: 5, topk: 8, treeSize: 32 },
  hier: { minDraft: 6, siblings: 6, depth: 3, topk: 8, treeSize: 24 },
};

/** What an engine is made of. */
export interface EngineOptions extends Partial<SpeculationOptions> {
  /** The target, a directory in Hugging Face layout or a GGUF file: a path or a `file:` URL, like the others. */
  readonly target: string | URL;
  /** The draft model, likewise, for `draft` and `hier`. */
  readonly draft?: string | URL;
  /** Directory of the EAGLE-2 head: of the target for `eagle2`, of the draft model for `hier`. */
  readonly head?: string | URL;
  /** What to do with them; the most that the directories allow where absent. */
  readonly method?: Method;
  /** Where to run; `auto` takes CUDA where a device is present, else the CPU twin. */
  readonly backend?: Backend;
  /** Threads of the CPU twin; all cores where absent. */
  readonly threads?: number;
  /** The native library, for one in an unusual place. */
  readonly library?: string | URL;
  /** The longest text, prompt included; 4096 or the model's own limit, the lower, where absent. */
  readonly context?: number;
  /** Most tokens of a prompt that are read at once; see {@linkcode SessionOptions}. */
  readonly promptRows?: number;
  /** Hears the bytes of weights loaded. */
  readonly progress?: (role: string, done: number, total: number) => void;
}

/** What each option of an engine may be. */
const ENGINE_KINDS: Kinds<EngineOptions> = {
  target: required(PATH),
  draft: PATH,
  head: PATH,
  method: oneOf(METHODS),
  backend: DEVICE_KINDS.backend,
  threads: DEVICE_KINDS.threads,
  library: DEVICE_KINDS.library,
  // Its limits depend on the model.
  context: integer(),
  promptRows: integer(1),
  progress: FUNCTION,
  minDraft: DRAFTER_KINDS.minDraft,
  siblings: DRAFTER_KINDS.siblings,
  depth: DRAFTER_KINDS.depth,
  topk: DRAFTER_KINDS.topk,
  treeSize: DRAFTER_KINDS.treeSize,
};

/** Options with directories as paths. */
export interface CheckedEngineOptions extends EngineOptions {
  /** See {@linkcode EngineOptions}. */
  readonly target: string;
  /** See {@linkcode EngineOptions}. */
  readonly draft?: string;
  /** See {@linkcode EngineOptions}. */
  readonly head?: string;
}

/** Checks what can be checked of `options` alone; throws an `ArgumentError` that names the option. */
export function checkEngineOptions(options: EngineOptions): CheckedEngineOptions {
  const doing = "load an engine";
  checkOptions(doing, options, ENGINE_KINDS);
  const { target, draft, head } = options;
  return {
    ...options,
    target: pathOf(doing, "target", target),
    draft: draft && pathOf(doing, "draft", draft),
    head: head && pathOf(doing, "head", head),
  };
}

/** The method of `options`, checked against the directories given. */
export function methodOf(options: EngineOptions): Method {
  const { draft, head } = checkEngineOptions(options);
  const method = options.method ??
    (draft ? (head ? "hier" : "draft") : (head ? "eagle2" : "ar"));
  const needs = (argument: "draft" | "head", what: string): void => {
    if (options[argument] === undefined) {
      throw new ArgumentError(
        argument,
        `Cannot use method ${method}: no ${argument} is given, expected the path of ${what}`,
      );
    }
  };
  if (method === "draft" || method === "hier") needs("draft", "a draft model");
  if (method === "eagle2") needs("head", "an EAGLE-2 head of the target");
  if (method === "hier") needs("head", "an EAGLE-2 head of the draft model");
  return method;
}

/** The shape of proposals: defaults of `method` under what `options` say. */
export function speculationOf(
  method: Method,
  options: Partial<SpeculationOptions> = {},
): SpeculationOptions {
  checkArgument("generate", "method", method, required(oneOf(METHODS)));
  const defaults = SPECULATION_DEFAULTS[method];
  const valueOf = (name: keyof SpeculationOptions): number => {
    checkArgument("generate", name, options[name], DRAFTER_KINDS[name]);
    return options[name] ?? defaults[name];
  };
  const [minDraft, siblings, depth] = [valueOf("minDraft"), valueOf("siblings"), valueOf("depth")];
  // Where none were asked for, a long sequence leaves room for fewer.
  const room = Math.max(0, MAX_TREE_ROWS - 1 - minDraft - depth);
  return {
    minDraft,
    siblings: options.siblings ?? Math.min(siblings, room),
    depth,
    topk: valueOf("topk"),
    treeSize: valueOf("treeSize"),
  };
}
