/**
 * What options of `eval` need.
 *
 * @module
 */
import { BENCHMARKS } from "../../../eval/mod.ts";
import type { AnyValues, Need } from "../../options/option.ts";
import { wordList } from "../../options/word_list.ts";

/** Benchmarks of code. */
const OF_CODE = BENCHMARKS.filter(({ measure }) => measure?.runsCode).map(({ name }) => name);

/** Does nothing where the benchmark is a file of the user's. */
export function idleWithFile({ bench }: AnyValues): string | undefined {
  const isNamed = BENCHMARKS.some(({ name }) => name === bench);
  return isNamed ? undefined : "does nothing with a file as --bench";
}

/** Needs answers that are code. */
export function needsCode({ bench }: AnyValues): string | undefined {
  return OF_CODE.some((name) => name === bench) ? undefined : `needs --bench ${wordList(OF_CODE)}`;
}

/** Needs texts that are sampled, or may be. */
export function needsSampling({ temperature, sampling }: AnyValues): string | undefined {
  const isSampled = Number(temperature ?? 0) > 0 || sampling === "model";
  return isSampled ? undefined : "needs --temperature above 0, or --sampling model";
}

/** Needs one of the methods `names`, where methods are named. */
export function needsMethod(...names: readonly string[]): Need {
  return ({ methods }) => {
    if (methods === undefined) return undefined;
    const named = `${methods}`.split(",").map((one) => one.split(":")[0].trim());
    if (named.some((name) => names.includes(name))) return undefined;
    return `needs --methods with ${wordList(names)}`;
  };
}
