/**
 * Speculative decoding: drafters, and the rounds that verify what they propose.
 *
 * @module
 */
export * from "./sequence/choice.ts";
export { Company, type Turn } from "./companies/company.ts";
export { type Constraint, FORCED_BY } from "./sequence/constraint.ts";
export * from "./heads/dflash.ts";
export * from "./draft_model.ts";
export * from "./sequence/drafter.ts";
export * from "./heads/dspark.ts";
export * from "./heads/eagle2.ts";
export * from "./heads/eagle3.ts";
export {
  LOG_PROBS_OF,
  type LogProbsOf,
  MAX_TOP_LOG_PROBS,
  type TopToken,
} from "./sequence/log_probs.ts";
export * from "./sequence/memory.ts";
export * from "./measure.ts";
export * from "./policy/auto_policy.ts";
export * from "./policy/costs.ts";
export * from "./policy/expected.ts";
export * from "./policy/policy.ts";
export * from "./policy/setting.ts";
export * from "./rounds/round.ts";
export { MOST_SLOTS, type Seat } from "./sequence/seats.ts";
export { DRAFTER_KINDS } from "./trees/shape.ts";
export * from "./sequence/stats.ts";
export * from "./suffixes/suffix.ts";
export * from "./switched.ts";
export type { Taps } from "./sequence/taps.ts";
export type { TreeOptions } from "./trees/tree.ts";
export type { RoundNode, RoundReport } from "./rounds/round_report.ts";
export type { RoundOptions, UnderWay } from "./rounds/under_way.ts";
