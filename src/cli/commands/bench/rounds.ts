/**
 * Rounds of speculation, timed part by part.
 *
 * @module
 */
import { Arena } from "../../../device/mod.ts";
import type { Model } from "../../../model/mod.ts";
import { type DrafterPlan, Round, sequenceMemory } from "../../../speculation/mod.ts";
import { someTokens } from "./filled_state.ts";
import { type Samples, summarize } from "./samples.ts";

/** Rounds before the timed ones. */
const WARM_ROUNDS = 3;
/** Tokens that a text may grow by before it is begun anew. */
const GROWTH = 64;

/** Milliseconds of the parts of a round, on the device; `round` is wall time. */
export interface RoundTimes {
  /** Until the proposal stands, rounds of the levels below included. */
  readonly draft: Samples;
  /** The forward of the proposed rows, and their verification. */
  readonly verify: Samples;
  /** Moving what was accepted. */
  readonly commit: Samples;
  /** All of it, and the reading back of the result. */
  readonly round: Samples;
  /** What a round takes beside its draft. */
  readonly rest: Samples;
  /** Draft time over rounds of the level below; absent where there is none. */
  readonly innerRound?: Samples;
  /** Rounds of the level below, in the mean; absent where there is none. */
  readonly innerRounds?: number;
  /** The mean accept length. */
  readonly tau: number;
}

/** Times `runs` rounds of `model` with the drafter of `plan` behind about `context` tokens. */
export function timeRounds(
  model: Model,
  plan: DrafterPlan,
  context: number,
  runs: number,
): RoundTimes {
  const { device, config } = model;
  using stack = new DisposableStack();
  const arena = stack.use(new Arena(device, "rounds"));
  const longest = context + GROWTH + plan.depth + 1;
  const memory = sequenceMemory(device, arena, longest, plan);
  const round = stack.use(new Round(model, memory, plan));
  const inner = round.levels[1];
  const prompt = [...someTokens(context, config.vocabSize)];
  const begin = (): void => {
    for (const _ of round.read(prompt));
    for (let i = 0; i < WARM_ROUNDS; i++) round.run();
  };
  const parts: number[][] = [[], [], [], [], []];
  const each: number[] = [];
  let [tokens, innerRounds] = [0, 0];
  begin();
  for (let i = 0; i < runs; i++) {
    if (round.state.length > context + GROWTH) begin();
    const { draftMs, verifyMs, commitMs } = round.stats;
    const rounds = inner?.rounds ?? 0;
    const from = performance.now();
    tokens += round.run();
    const wall = performance.now() - from;
    const draft = round.stats.draftMs - draftMs;
    const times = [
      draft,
      round.stats.verifyMs - verifyMs,
      round.stats.commitMs - commitMs,
      wall,
      wall - draft,
    ];
    times.forEach((ms, part) => parts[part].push(ms));
    const drafted = (inner?.rounds ?? 0) - rounds;
    innerRounds += drafted;
    // A sequence that was refused early may stand in part already: no round, no time of one.
    if (drafted > 0) each.push(draft / drafted);
  }
  const [draft, verify, commit, whole, rest] = parts.map(summarize);
  return {
    draft,
    verify,
    commit,
    round: whole,
    rest,
    ...(inner && { innerRound: summarize(each), innerRounds: innerRounds / runs }),
    tau: tokens / runs,
  };
}
