/**
 * Engines and sessions: generation and scores.
 *
 * @module
 */
export * from "./engine.ts";
export * from "./generation.ts";
export {
  type EngineOptions,
  type Method,
  methodOf,
  METHODS,
  SPECULATION_DEFAULTS,
  speculationOf,
  type SpeculationOptions,
} from "./options.ts";
export * from "./plan.ts";
export type { Message, Prompt, TokenIds } from "./prompt.ts";
export * from "./score.ts";
export * from "./session.ts";
export type { ChoiceOptions, LogProbsOf, TopToken } from "../speculation/mod.ts";
