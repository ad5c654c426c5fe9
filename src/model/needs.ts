/**
 * Which buffers the linear layers of a model need, known before anything is loaded.
 *
 * @module
 */
import type { LinearFacts } from "../quant/mod.ts";

/** The linear layers of a decoder layer, or what is known of them. */
export interface LayerLinears<L extends LinearFacts = LinearFacts> {
  /** hidden -> (heads + 2 kvHeads) headDim. */
  readonly qkv: L;
  /** heads headDim -> hidden; reads rows. */
  readonly output: L;
  /** hidden -> 2 intermediate. */
  readonly gateUp: L;
  /** intermediate -> hidden. */
  readonly down: L;
}

/** Buffers beside those that every model has. */
export interface BufferNeeds {
  /** Whether norms write 8-bit rows, [rows, hidden]. */
  readonly normedQuantized: boolean;
  /** Whether the MLP's product is written in the activation dtype, [rows, intermediate]. */
  readonly activatedRows: boolean;
  /** Whether it is written as 8-bit rows. */
  readonly activatedQuantized: boolean;
  /** Bytes of scratch that each row of a forward needs. */
  readonly scratch: number;
  /** Bytes of scratch that each row of logits needs. */
  readonly logitsScratch: number;
}

/** What `layers` need, `others` beside them for each row of a forward, and `lmHead` for each row of logits. */
export function needsOf(
  layers: readonly LayerLinears[],
  others: readonly LinearFacts[],
  lmHead?: LinearFacts,
): BufferNeeds {
  const isQuantized = ({ activationForm }: LinearFacts): boolean => activationForm !== "rows";
  const all = layers.flatMap(({ qkv, output, gateUp, down }) => [qkv, output, gateUp, down]);
  return {
    normedQuantized: layers.some(({ qkv, gateUp }) => isQuantized(qkv) || isQuantized(gateUp)),
    activatedRows: layers.some(({ down }) => !isQuantized(down)),
    activatedQuantized: layers.some(({ down }) => isQuantized(down)),
    scratch: Math.max(0, ...[...all, ...others].map(({ scratch }) => scratch)),
    logitsScratch: lmHead?.scratch ?? 0,
  };
}
