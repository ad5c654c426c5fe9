/**
 * Every benchmark.
 *
 * @module
 */
import type { Benchmark } from "./benchmark.ts";
import { GSM8K } from "./gsm8k.ts";
import { HUMANEVAL } from "./humaneval.ts";
import { MT_BENCH } from "./mt_bench.ts";
import { SPEC_BENCH } from "./spec_bench.ts";

/** All benchmarks with data that is published; a new one is one file and one line here. */
export const BENCHMARKS: readonly Benchmark[] = [SPEC_BENCH, MT_BENCH, GSM8K, HUMANEVAL];
