/**
 * Engines and sessions: generation and scores.
 *
 * @module
 */
export type { SpeculationOptions } from "./drafters/kind.ts";
export { DRAFTER_NAMES, type DrafterName } from "./drafters/registry.ts";
export * from "./engine.ts";
export type { GenerateOptions } from "./generate_options.ts";
export * from "./generation.ts";
export { contextOf } from "./loading.ts";
export {
  type EngineOptions,
  type Method,
  METHODS,
  SPECULATION_DEFAULTS,
  speculationOf,
} from "./options.ts";
export { methodOf } from "./method.ts";
export {
  checkMemory,
  largestContext,
  megabytes,
  type MemoryPlan,
  planMemory,
  type PlannedCaches,
  type PlannedModel,
} from "./plan.ts";
export type { Message, Prompt, TokenIds } from "./prompt.ts";
export * from "./score.ts";
export * from "./session.ts";
export type { Tuned, TunedSetting, TuneOptions } from "./tune.ts";
export type {
  ChoiceOptions,
  LogProbsOf,
  RoundNode,
  RoundReport,
  TopToken,
} from "../speculation/mod.ts";
export { MOST_SLOTS } from "../speculation/mod.ts";
