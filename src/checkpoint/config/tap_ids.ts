/**
 * The numbers by which files name the hidden states that a head reads.
 *
 * Here a tap is the number of layers that have run (see `HeadTaps`). Files count in two ways, one apart for the same
 * tensor: z-lab, DeepSpec and SpecForge give the layer behind which it lies, counted from 0, -1 being the embedding;
 * speculators and vLLM the number of layers that have run.
 *
 * @module
 */
import type { Fields } from "../containers/json.ts";

/** Counted from behind a layer. */
const BEHIND = "target_layer_ids";

/** Counted by layers that have run. */
const RUN = "aux_hidden_state_layer_ids";

/** Counted either way: what trainers of the first kind wrote was carried into files of the second. */
const EITHER = "eagle_aux_hidden_state_layer_ids";

/** The first of the three taps that EAGLE-3's paper and every trainer take: two layers have run. */
const FIRST_TAP = 2;

/** The taps that `config` or `inner` names; undefined where they name none. */
export function namedTaps(config: Fields, inner?: Fields): number[] | undefined {
  const behind = layerIds(config, BEHIND) ?? (inner && layerIds(inner, BEHIND));
  if (behind) return behind.map((id) => id + 1);
  const run = layerIds(config, RUN);
  if (run) return run;
  const either = layerIds(config, EITHER) ?? (inner && layerIds(inner, EITHER));
  // Only who counts from behind a layer has a 1 for the first; SGLang tells them apart in this way, too.
  return either && either[0] === FIRST_TAP - 1 ? either.map((id) => id + 1) : either;
}

/** Ids that rise; an empty list says nothing. */
function layerIds(fields: Fields, key: string): number[] | undefined {
  const value = fields.raw(key);
  if (value === undefined || Array.isArray(value) && value.length === 0) return undefined;
  const rises = (id: unknown, i: number) =>
    typeof id === "number" && Number.isInteger(id) && id >= -1 &&
    (i === 0 || id > (value as number[])[i - 1]);
  if (Array.isArray(value) && value.every(rises)) return value;
  return fields.fail(key, "a list of layers, lowest first");
}
