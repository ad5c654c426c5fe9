/**
 * Options of commands that make texts: the models, what they do together, and where.
 *
 * @module
 */
import { DRAFTER_NAMES, Engine, type EngineOptions, METHODS } from "../../engine/mod.ts";
import { DRAFTERS } from "../../engine/drafters/registry.ts";
import type { Io } from "../terminal/io.ts";
import { Progress } from "../terminal/progress.ts";
import { idleBeside, isGiven, needsValue } from "./needs.ts";
import type { Need, Option, Values } from "./option.ts";
import { BACKEND_OPTION, KV_CACHE_OPTION, TARGET_OPTION, THREADS_OPTION } from "./shared.ts";

/** The methods of heads. */
export const HEADS: readonly string[] = DRAFTERS.filter(({ head }) => head !== undefined).map((
  { name },
) => name);

/** Needs a draft model, of its own or of a trio where the command takes one. */
const NEEDS_DRAFT: Need = ({ draft, trio }) =>
  isGiven(draft) || isGiven(trio) ? undefined : "needs --draft";

/** Needs a head, likewise. */
const NEEDS_HEAD: Need = ({ head, trio }) =>
  isGiven(head) || isGiven(trio) ? undefined : "needs --head";

/** What an option of trees needs: what grows them. */
const TREES: readonly Need[] = [
  ({ head, trio, method, inner }) =>
    isGiven(head) || isGiven(trio) || method === "suffix" || inner === "suffix"
      ? undefined
      : "needs --head, --method suffix or --inner suffix",
  needsValue("method", ...DRAFTER_NAMES, "hier", "auto"),
];

/** The models, and who proposes; commands may have a directory of all of them, `--trio`, beside these. */
export const MODEL_OPTIONS = [
  TARGET_OPTION,
  {
    name: "draft",
    type: "string",
    value: "MODEL",
    needs: [needsValue("method", "draft", "hier", "auto"), idleBeside("trio")],
    summary: "The draft model, as --target, for the methods draft and hier",
  },
  {
    name: "head",
    type: "string",
    value: "DIR",
    needs: [
      needsValue("method", ...HEADS, "hier", "auto"),
      idleBeside("inner", "suffix"),
      idleBeside("trio"),
    ],
    summary:
      "Directory of a head (EAGLE-2, EAGLE-3, DFlash, DSpark) of the target, or of the draft model for hier",
  },
  {
    name: "target-head",
    type: "string",
    value: "DIR",
    needs: [NEEDS_DRAFT, needsValue("method", "auto"), idleBeside("trio")],
    summary: "Directory of a head of the target beside a draft model, for auto",
  },
  {
    name: "inner",
    type: "string",
    value: "NAME",
    choices: DRAFTER_NAMES,
    needs: [NEEDS_DRAFT, needsValue("method", "hier")],
    summary: "What proposes to the draft model in hier; that of --head where absent",
  },
  {
    name: "method",
    type: "string",
    value: "NAME",
    choices: METHODS,
    summary: "Who proposes tokens; what --draft, --head and --inner make where absent",
  },
] as const satisfies readonly Option[];

/** How long texts may be, where they are made, and the shape of proposals. */
export const SPECULATION_OPTIONS = [
  {
    name: "context",
    type: "integer",
    value: "N",
    min: 2,
    summary: "Longest text in tokens, prompt included; 4096 or the model's limit where absent",
  },
  KV_CACHE_OPTION,
  BACKEND_OPTION,
  THREADS_OPTION,
  {
    name: "min-draft",
    type: "integer",
    value: "N",
    needs: [NEEDS_DRAFT, needsValue("method", "draft", "hier", "auto")],
    summary: "Tokens that a draft model's sequence has at least",
  },
  {
    name: "siblings",
    type: "integer",
    value: "N",
    needs: [NEEDS_DRAFT, needsValue("method", "draft", "hier", "auto")],
    summary: "Rows beside a draft model's sequence for its next best choices",
  },
  {
    name: "depth",
    type: "integer",
    value: "N",
    needs: TREES,
    summary: "Levels of a tree below its root",
  },
  {
    name: "topk",
    type: "integer",
    value: "N",
    needs: [NEEDS_HEAD, needsValue("method", ...HEADS, "hier", "auto")],
    summary: "Nodes expanded on each level of a head's tree",
  },
  {
    name: "tree-size",
    type: "integer",
    value: "N",
    needs: TREES,
    summary: "Nodes of a tree that are verified, its root included",
  },
  {
    name: "least-confidence",
    type: "number",
    value: "X",
    min: 0,
    max: 1,
    needs: [NEEDS_HEAD, needsValue("method", "dspark", "hier")],
    summary: "Chance to be accepted below which a DSpark head's chain ends; whole where absent",
  },
] as const satisfies readonly Option[];

/** The values that make an engine, of these options. */
export type EngineValues =
  & Values<typeof SPECULATION_OPTIONS>
  & Omit<Values<typeof MODEL_OPTIONS>, "target">
  & { readonly target: string };

/**
 * Loads the engine of `values`, with what rounds are known to cost, and shows how far it is; `promptRows` and `slots` as it has
 * them.
 */
export async function loadEngine(
  values: EngineValues,
  io: Io,
  costs: EngineOptions["costs"],
  { promptRows, slots }: Pick<EngineOptions, "promptRows" | "slots"> = {},
): Promise<Engine> {
  const { target, draft, head, inner, method, backend, threads, context } = values;
  const { siblings, depth, topk } = values;
  using bar = new Progress(io.stderr);
  return await Engine.load({
    target,
    draft,
    head,
    targetHead: values["target-head"],
    inner,
    method,
    backend,
    threads,
    context,
    kvCache: values["kv-cache"],
    minDraft: values["min-draft"],
    siblings,
    depth,
    topk,
    treeSize: values["tree-size"],
    leastConfidence: values["least-confidence"],
    costs,
    promptRows,
    slots,
    progress: (role, done, total) => bar.update(`loading the ${role}`, done, total),
  });
}
