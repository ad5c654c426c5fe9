/**
 * A plan from what a user asks for, checked before a weight is read.
 *
 * @module
 */
import { ArgumentError } from "../base/errors.ts";
import { openCheckpoint } from "../checkpoint/checkpoint.ts";
import type { ChoiceOptions, EngineOptions } from "../engine/mod.ts";
import { inRole } from "../engine/role.ts";
import { samplingDefaults } from "../engine/sampling_defaults.ts";
import { limited, openBenchmark } from "./benchmarks/open.ts";
import { type GivenModels, type ModelSet, modelSets } from "./methods/models.ts";
import { methodsFor } from "./methods/registry.ts";
import type { EvalPlan, PlannedSet } from "./runs/plan.ts";

/** What a user asks for. */
export interface EvalRequest {
  /** Name of a benchmark, or path of a file of prompts. */
  readonly bench: string;
  /** The directory with the benchmark's file. */
  readonly data?: string;
  /** The models. */
  readonly models: GivenModels;
  /** Methods, with settings; all that there are models for where absent. */
  readonly methods?: readonly string[];
  /** Most problems; all where absent. */
  readonly limit?: number;
  /** Most tokens of one turn. */
  readonly maxTokens: number;
  /** How tokens are chosen; its seed is the first. */
  readonly choice: ChoiceOptions;
  /** Whether what `choice` does not say is what each target asks for. */
  readonly asModel: boolean;
  /** How many seeds. */
  readonly seeds: number;
  /** Where and how long: see `EngineOptions`. */
  readonly engine: Pick<EngineOptions, "backend" | "threads" | "library" | "context" | "kvCache">;
}

/** The seed where none is given, so that a run can be repeated. */
const SEED = 0;

/** Makes the plan; an `ArgumentError` names what of the request cannot be. */
export async function makePlan(request: EvalRequest): Promise<EvalPlan> {
  const { bench, data, limit, maxTokens, engine } = request;
  const sets = modelSets(request.models);
  const methods = methodsFor(sets, request.methods);
  const open = await openBenchmark(bench, data);
  return {
    bench: open,
    problems: limited(open.problems, limit),
    sets: sets.map((set) => withChoice(set, request)),
    methods,
    maxTokens,
    engine,
  };
}

function withChoice(set: ModelSet, { choice, asModel, seeds }: EvalRequest): PlannedSet {
  const { seed = SEED, ...said } = choice;
  const whole = asModel ? { ...defaultsOf(set), ...said } : said;
  if ((whole.temperature ?? 0) > 0) {
    return { ...set, choice: whole, seeds: Array.from({ length: seeds }, (_, i) => seed + i) };
  }
  if (seeds > 1) {
    throw new ArgumentError(
      "seeds",
      `Cannot use ${seeds} seeds: the text of ${set.name} is greedy, expected a temperature above 0`,
    );
  }
  return { ...set, choice: whole, seeds: [null] };
}

function defaultsOf({ target }: ModelSet): ChoiceOptions {
  using checkpoint = inRole("target", () => openCheckpoint(target));
  return samplingDefaults(checkpoint);
}
