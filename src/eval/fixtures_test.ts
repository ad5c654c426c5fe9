/**
 * Made-up answers and plans.
 *
 * @module
 */
import { OWN } from "./benchmarks/own.ts";
import type { Problem } from "./benchmarks/benchmark.ts";
import { parseMethod } from "./methods/registry.ts";
import type { Answer } from "./runs/answer.ts";
import type { EvalPlan } from "./runs/plan.ts";

/** What tests say of an answer; the rest has a value. */
export interface AnswerFacts {
  target?: string;
  method?: string;
  seed?: number | null;
  problem?: string;
  task?: string;
  tokens?: number[];
  text?: string;
  prefillMs?: number;
  decodeMs?: number;
  lengths?: number[];
  left?: number;
}

/** An answer of one turn. */
export function answer(facts: AnswerFacts = {}): Answer {
  const { target = "t", method = "ar", seed = null, problem = "1", task = "prompts" } = facts;
  const { tokens = [5, 6], text = "text", prefillMs = 10, decodeMs = 20, left = 0 } = facts;
  const { lengths = tokens.map(() => 1) } = facts;
  const level = {
    name: "target",
    lengths,
    rows: lengths.map(() => 1),
    catchUps: 0,
    draftMs: 1,
    verifyMs: 2,
    commitMs: 3,
  };
  return {
    target,
    method,
    seed,
    problem,
    task,
    device: "cpu: made up",
    date: "2026-01-01T00:00:00.000Z",
    turns: [{
      promptTokens: 3,
      cachedTokens: 0,
      tokens,
      text,
      finishReason: "length",
      prefillMs,
      decodeMs,
      levels: [level],
    }],
    left,
  };
}

/** A plan of `problems` for targets and methods. */
export function planOf(
  problems: readonly Problem[],
  methods: readonly string[],
  targets: readonly string[] = ["t"],
  seeds: readonly (number | null)[] = [null],
): EvalPlan {
  return {
    bench: { benchmark: OWN, name: "made", sha256: "0", problems },
    problems,
    sets: targets.map((name) => ({ name, target: `dir/${name}`, heads: {}, choice: {}, seeds })),
    methods: methods.map(parseMethod),
    maxTokens: 8,
    engine: {},
  };
}
