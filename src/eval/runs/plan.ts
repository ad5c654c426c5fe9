/**
 * What an evaluation is to do.
 *
 * @module
 */
import type { ChoiceOptions, EngineOptions } from "../../engine/mod.ts";
import type { Problem } from "../benchmarks/benchmark.ts";
import type { OpenBenchmark } from "../benchmarks/open.ts";
import type { ModelSet } from "../methods/models.ts";
import type { EvalMethod } from "../methods/registry.ts";

/** A target, its drafters, and how its tokens are chosen. */
export interface PlannedSet extends ModelSet {
  /** How tokens are chosen; without a seed. */
  readonly choice: ChoiceOptions;
  /** The seeds that each prompt is answered with; one null for greedy text. */
  readonly seeds: readonly (number | null)[];
}

/** An evaluation. */
export interface EvalPlan {
  /** The benchmark. */
  readonly bench: OpenBenchmark;
  /** Those of its problems that are answered. */
  readonly problems: readonly Problem[];
  /** The targets. */
  readonly sets: readonly PlannedSet[];
  /** The methods, each run on each target. */
  readonly methods: readonly EvalMethod[];
  /** Most tokens of one turn. */
  readonly maxTokens: number;
  /** Where and how long: see `EngineOptions`. */
  readonly engine: Pick<EngineOptions, "backend" | "threads" | "library" | "context" | "kvCache">;
}

/** One answer to give. */
export interface Job {
  /** Name of the target. */
  readonly target: string;
  /** Name of the method. */
  readonly method: string;
  /** The seed; null for greedy text. */
  readonly seed: number | null;
  /** The problem's id. */
  readonly problem: string;
}

/** What tells a job from all others. */
export function jobKey({ target, method, seed, problem }: Job): string {
  return JSON.stringify([target, method, seed, problem]);
}

/** The jobs of one method on one target, in the order that they are done in. */
export function jobsOf(
  { problems }: Pick<EvalPlan, "problems">,
  { name, seeds }: PlannedSet,
  method: EvalMethod,
): readonly (Job & { readonly of: Problem })[] {
  return seeds.flatMap((seed) =>
    problems.map((of) => ({ target: name, method: method.name, seed, problem: of.id, of }))
  );
}

/** All jobs of a plan. */
export function allJobs(plan: EvalPlan): readonly Job[] {
  return plan.sets.flatMap((set) => plan.methods.flatMap((method) => jobsOf(plan, set, method)));
}
