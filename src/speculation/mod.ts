/**
 * Speculative decoding: drafters, and the rounds that verify what they propose.
 *
 * @module
 */
export * from "./choice.ts";
export { Company, type Turn } from "./company.ts";
export { type Constraint, FORCED_BY } from "./constraint.ts";
export * from "./dflash.ts";
export * from "./draft_model.ts";
export * from "./drafter.ts";
export * from "./dspark.ts";
export * from "./eagle2.ts";
export * from "./eagle3.ts";
export { LOG_PROBS_OF, type LogProbsOf, MAX_TOP_LOG_PROBS, type TopToken } from "./log_probs.ts";
export * from "./memory.ts";
export * from "./measure.ts";
export * from "./policy/auto_policy.ts";
export * from "./policy/costs.ts";
export * from "./policy/expected.ts";
export * from "./policy/policy.ts";
export * from "./policy/setting.ts";
export * from "./round.ts";
export { MOST_SLOTS, type Seat } from "./seats.ts";
export { DRAFTER_KINDS } from "./shape.ts";
export * from "./stats.ts";
export * from "./suffix.ts";
export * from "./switched.ts";
export type { Taps } from "./taps.ts";
export type { TreeOptions } from "./tree.ts";
export type { RoundNode, RoundReport } from "./round_report.ts";
export type { RoundOptions, UnderWay } from "./under_way.ts";
