/**
 * Inputs that were quantized in another order than they are stored in.
 *
 * @module
 */
import { CheckpointError } from "../../base/errors.ts";
import { expectTensor } from "./expect.ts";
import type { TensorSource } from "../containers/source.ts";

/**
 * The permutation that sorts inputs by their group, i32 [k]: sorted input j is stored input order[j]. `name` is
 * i32 [k], the group of each input, `group` inputs in each (the last may be short). Undefined where the inputs
 * are sorted.
 */
export function readOrder(
  source: TensorSource,
  name: string,
  k: number,
  group: number,
): Int32Array<ArrayBuffer> | undefined {
  const { file } = expectTensor(source, name, ["i32"], [k]);
  const index = new Int32Array(source.read(name).buffer);
  if (index.every((value, j) => value === Math.floor(j / group))) return undefined;
  const groups = Math.ceil(k / group);
  // Stable counting sort: next[g] is where the next input of group g goes.
  const next = Int32Array.from({ length: groups }, (_, g) => g * group);
  const order = new Int32Array(k);
  for (let j = 0; j < k; j++) {
    const g = index[j];
    if (!(g >= 0 && g < groups)) {
      throw new CheckpointError(file, `element ${j} is ${g}, expected 0 to ${groups - 1}`, name);
    }
    if (next[g] >= Math.min((g + 1) * group, k)) {
      const size = Math.min(group, k - g * group);
      throw new CheckpointError(file, `group ${g} has more than ${size} inputs`, name);
    }
    order[next[g]++] = j;
  }
  return order;
}
