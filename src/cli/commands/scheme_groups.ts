/**
 * The schemes of many linear layers in few lines.
 *
 * @module
 */
import { layerPattern } from "../../checkpoint/names.ts";

/** Linear layers of one name but for the layer's number, in one scheme. */
export interface SchemeGroup {
  /** The name, with `*` for the layer's number where there are several. */
  readonly name: string;
  /** How many there are. */
  readonly count: number;
  /** The scheme of each. */
  readonly scheme: string;
}

/** Groups linear layers, in the order of each group's first. */
export function groupSchemes(
  layers: readonly { readonly prefix: string; readonly scheme: string }[],
): SchemeGroup[] {
  const groups = new Map<string, SchemeGroup>();
  for (const { prefix, scheme } of layers) {
    const pattern = layerPattern(`${prefix}.`).slice(0, -1);
    const key = `${scheme} ${pattern}`;
    const found = groups.get(key);
    groups.set(
      key,
      found === undefined
        ? { name: prefix, count: 1, scheme }
        : { ...found, name: pattern, count: found.count + 1 },
    );
  }
  return [...groups.values()];
}
