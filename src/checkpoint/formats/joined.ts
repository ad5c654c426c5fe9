/**
 * Linear layers that some converters store as one, their outputs behind one another.
 *
 * @module
 */
import type { TensorSource } from "../containers/source.ts";

/** What the layers that begin with one of these are called together. */
const TOGETHER: Readonly<Record<string, string>> = {
  q_proj: "qkv_proj",
  gate_proj: "gate_up_proj",
};

/** The tensors that a joined layer has one of. */
const WEIGHTS = ["weight", "qweight", "B"];

/** The prefix under which layers of these prefixes are stored as one; undefined where they are not. */
export function joinedPrefix(
  source: TensorSource,
  prefixes: readonly string[],
): string | undefined {
  if (prefixes.length < 2) return undefined;
  const [, parent, name] = /^(.*\.)?([^.]+)$/.exec(prefixes[0]) ?? [];
  if (!Object.hasOwn(TOGETHER, name)) return undefined;
  const joined = `${parent ?? ""}${TOGETHER[name]}`;
  const stored = WEIGHTS.some((weight) => source.find(`${joined}.${weight}`) !== undefined);
  return stored ? joined : undefined;
}
