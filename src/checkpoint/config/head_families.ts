/**
 * The families of draft heads.
 *
 * @module
 */
import type { TensorSource } from "../containers/source.ts";
import { DFLASH, DSPARK } from "./block_head.ts";
import { EAGLE2 } from "./eagle2_head.ts";
import { EAGLE3 } from "./eagle3_head.ts";
import type { HeadFamily } from "./head_config.ts";

/** Every family; a new one is a file and a line here. The last one takes what is none of the others'. */
export const HEAD_FAMILIES: readonly HeadFamily[] = [DSPARK, DFLASH, EAGLE3, EAGLE2];

/** The family of a head with these tensors, by their usual names. */
export function familyOf(tensors: TensorSource): HeadFamily {
  return HEAD_FAMILIES.find((family) => family.owns(tensors))!;
}
