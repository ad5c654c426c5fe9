/**
 * The options of an engine, their defaults, and which method they make.
 *
 * @module
 */
import { KV_CACHE_DTYPES, type KvCacheDType } from "../base/dtype.ts";
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
import { type Backend, type Device, DEVICE_KINDS } from "../device/mod.ts";
import { MAX_TREE_ROWS } from "../ops/mod.ts";
import { type Costs, DRAFTER_KINDS, MOST_SLOTS, type Setting } from "../speculation/mod.ts";
import { AUTO_SHAPE } from "./auto.ts";
import { checkConfidence } from "./confidence.ts";
import { EAGLE2 } from "./drafters/eagle2.ts";
import type { DrafterKind, SpeculationOptions } from "./drafters/kind.ts";
import { DRAFTER_NAMES, type DrafterName, DRAFTERS } from "./drafters/registry.ts";

/**
 * How tokens are proposed: not at all, by a draft model, by what is no complete model, by a draft model to which that
 * proposes, or by whichever of these is the fastest as the text goes on.
 */
export type Method = "ar" | "draft" | DrafterName | "hier" | "auto";

/** All methods. */
export const METHODS: readonly Method[] = ["ar", "draft", ...DRAFTER_NAMES, "hier", "auto"];

const SHAPE: SpeculationOptions = { minDraft: 6, siblings: 6, depth: 6, topk: 6, treeSize: 16 };

/**
 * Defaults of `SpeculationOptions`; those of `hier` are of a head inside. A GPU's products cost the same for 1 to 8 rows, and for
 * 9 to 16: trees and, with siblings, a hierarchy's proposals have 16, trees inside it 8 (docs/speculation.md).
 */
export const SPECULATION_DEFAULTS: Readonly<Record<Method, SpeculationOptions>> = {
  ar: SHAPE,
  draft: SHAPE,
  ...Object.fromEntries(
    DRAFTERS.map(({ name, shape }) => [name, { ...SHAPE, ...shape }]),
  ) as Record<
    DrafterName,
    SpeculationOptions
  >,
  hier: { ...SHAPE, minDraft: 8, siblings: 2, ...EAGLE2.innerShape },
  auto: AUTO_SHAPE,
};

/** What an engine is made of. */
export interface EngineOptions extends Partial<SpeculationOptions> {
  /** The target, a directory in Hugging Face layout or a GGUF file: a path or a `file:` URL, like the others. */
  readonly target: string | URL;
  /** The draft model, likewise, for `draft` and `hier`. */
  readonly draft?: string | URL;
  /** Directory of a head: of the draft model for `hier`, else of the target; what it is makes the method. */
  readonly head?: string | URL;
  /** Directory of a head of the target beside a draft model, for `auto`. */
  readonly targetHead?: string | URL;
  /** What proposes to the draft model in `hier`; that of the head where absent. */
  readonly inner?: DrafterName;
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
  /** How the caches of all models keep keys and values: in 16 bits, or in 8, half the memory; `f16` where absent. */
  readonly kvCache?: KvCacheDType;
  /**
   * Texts that can be made at once, 1 to 64, each in caches of its own, whose memory is planned before anything is loaded; 1
   * where absent.
   */
  readonly slots?: number;
  /**
   * What rounds cost on a device, where that is known, for `auto`, which measures it in a moment otherwise; it must have
   * been measured with these models and settings.
   */
  readonly costs?: (device: Device, settings: readonly Setting[]) => Costs | undefined;
  /** Hears the bytes of weights loaded. */
  readonly progress?: (role: string, done: number, total: number) => void;
}

/** What each option of an engine may be. */
const ENGINE_KINDS: Kinds<EngineOptions> = {
  target: required(PATH),
  draft: PATH,
  head: PATH,
  targetHead: PATH,
  inner: oneOf(DRAFTER_NAMES),
  method: oneOf(METHODS),
  backend: DEVICE_KINDS.backend,
  threads: DEVICE_KINDS.threads,
  library: DEVICE_KINDS.library,
  // Its limits depend on the model.
  context: integer(),
  promptRows: integer(1),
  kvCache: oneOf(KV_CACHE_DTYPES),
  slots: integer(1, MOST_SLOTS),
  costs: FUNCTION,
  progress: FUNCTION,
  minDraft: DRAFTER_KINDS.minDraft,
  siblings: DRAFTER_KINDS.siblings,
  depth: DRAFTER_KINDS.depth,
  topk: DRAFTER_KINDS.topk,
  treeSize: DRAFTER_KINDS.treeSize,
  leastConfidence: DRAFTER_KINDS.leastConfidence,
};

/** Options with directories as paths. */
export interface CheckedEngineOptions extends EngineOptions {
  /** See {@linkcode EngineOptions}. */
  readonly target: string;
  /** See {@linkcode EngineOptions}. */
  readonly draft?: string;
  /** See {@linkcode EngineOptions}. */
  readonly head?: string;
  /** See {@linkcode EngineOptions}. */
  readonly targetHead?: string;
}

/** Checks what can be checked of `options` alone; throws an `ArgumentError` that names the option. */
export function checkEngineOptions(options: EngineOptions): CheckedEngineOptions {
  const doing = "load an engine";
  checkOptions(doing, options, ENGINE_KINDS);
  const { target, draft, head, targetHead } = options;
  return {
    ...options,
    target: pathOf(doing, "target", target),
    draft: draft && pathOf(doing, "draft", draft),
    head: head && pathOf(doing, "head", head),
    targetHead: targetHead && pathOf(doing, "targetHead", targetHead),
  };
}

/** What an engine does: its method, and in `hier` and methods of its own what is no complete model in it. */
export interface Way {
  /** The method. */
  readonly method: Method;
  /** What proposes in it beside complete models. */
  readonly drafter?: DrafterKind;
}

/** The way of `options`, checked against the directories given; `family` is that of the head, where there is one. */
export function wayOf(options: CheckedEngineOptions, family?: DrafterName): Way {
  const { draft, head, targetHead, inner } = options;
  const method = options.method ?? (inner ? "hier" : draft || head ? "auto" : "ar");
  const needs = (argument: "draft" | "head", what: string): void => {
    if (options[argument] === undefined) {
      throw new ArgumentError(
        argument,
        `Cannot use method ${method}: no ${argument} is given, expected the path of ${what}`,
      );
    }
  };
  const refuse = (
    argument: "inner" | "head" | "targetHead",
    value: string,
    found: string,
  ): never => {
    throw new ArgumentError(argument, `Cannot use ${argument} ${value}: ${found}`);
  };
  if (targetHead !== undefined && (method !== "auto" || draft === undefined)) {
    const found = draft === undefined ? "no draft is given" : `method is ${method}`;
    refuse("targetHead", targetHead, `${found}, expected a draft model and method auto`);
  }
  if (inner !== undefined && method !== "hier") {
    refuse("inner", inner, `method is ${method}, expected hier`);
  }
  if (method === "draft" || method === "hier") needs("draft", "a draft model");
  const name = method === "hier"
    ? inner ?? family ?? EAGLE2.name
    : method === "auto"
    ? family
    : method;
  const drafter = DRAFTERS.find((one) => one.name === name);
  if (drafter?.head && method !== "auto") {
    const what = name === (inner ?? method) ? drafter.head : "a head";
    needs("head", `${what} of the ${method === "hier" ? "draft model" : "target"}`);
    if (family !== undefined && family !== name) {
      const option = method === "hier" ? "inner" : "method";
      throw new ArgumentError(
        option,
        `Cannot use ${option} ${name}: ${head} is of kind ${family}, expected ${drafter.head}`,
      );
    }
  }
  if (head !== undefined && inner !== undefined && !drafter?.head) {
    refuse("head", head, `inner is ${inner}, which has none`);
  }
  checkConfidence(options.leastConfidence, method, drafter);
  return { method, drafter };
}

/** The shape of proposals: defaults of `method`, and of its inner drafter, under what `options` say. */
export function speculationOf(
  method: Method,
  options: Partial<SpeculationOptions> & Pick<EngineOptions, "inner"> = {},
): SpeculationOptions {
  checkArgument("generate", "method", method, required(oneOf(METHODS)));
  checkArgument("generate", "inner", options.inner, ENGINE_KINDS.inner);
  const inner = method === "hier" && DRAFTERS.find(({ name }) => name === options.inner);
  const { leastConfidence } = options;
  checkConfidence(leastConfidence, method, inner || DRAFTERS.find(({ name }) => name === method));
  const defaults = { ...SPECULATION_DEFAULTS[method], ...(inner && inner.innerShape) };
  const valueOf = (name: Exclude<keyof SpeculationOptions, "leastConfidence">): number => {
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
    ...(leastConfidence === undefined ? {} : { leastConfidence }),
  };
}
