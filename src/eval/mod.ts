/**
 * Evaluations: benchmarks, the methods that answer them, and reports of how fast and how well they did.
 *
 * @module
 */
export type { Benchmark } from "./benchmarks/benchmark.ts";
export { BENCHMARKS } from "./benchmarks/registry.ts";
export * from "./evaluate.ts";
export * from "./make_plan.ts";
export { METHOD_KINDS } from "./methods/registry.ts";
export { factsOf } from "./reports/facts.ts";
export { type ReportTable, tablesOf } from "./reports/tables.ts";
export type { Summary } from "./summary/summary.ts";
