/**
 * What a head must read to make one proposal.
 *
 * @module
 */
import { type HeadModel, kvCacheBytes } from "../../../model/mod.ts";
import type { TreeOptions } from "../../../speculation/mod.ts";

/** How often a proposal runs each part of a head. */
interface Passes {
  /** `fc`. */
  readonly fc: number;
  /** All of the layers, with their caches. */
  readonly layers: number;
  /** The keys and values of the text, of all layers together. */
  readonly keys: number;
  /** The output projection. */
  readonly output: number;
  /** What a Markov head adds. */
  readonly markov: number;
}

const block = ({ depth }: TreeOptions): Passes => ({
  fc: 1,
  layers: 1,
  keys: 1,
  output: 1,
  markov: depth,
});

/** Those of each family; an EAGLE-3 head goes on from what its layer gives, an EAGLE-2 head joins it with `fc` again. */
const PASSES: Readonly<
  Record<HeadModel["description"]["kind"], (tree: TreeOptions) => Passes>
> = {
  eagle2: ({ depth }) => ({ fc: depth, layers: depth, keys: 0, output: depth, markov: 0 }),
  eagle3: ({ depth }) => ({ fc: 1, layers: depth, keys: 0, output: depth, markov: 0 }),
  dflash: block,
  dspark: block,
};

/**
 * Bytes that `head` reads for one proposal of the shape `tree` behind `context` tokens: the weights of each pass, and the
 * caches. Rows of embeddings and activations are left out.
 */
export function draftBytes(head: HeadModel, tree: TreeOptions, context: number): number {
  const { fc, layers, lmHead, markov, output, recent, config, context: all } = head;
  const passes = PASSES[head.description.kind](tree);
  const sum = (numbers: readonly number[]) => numbers.reduce((all, one) => all + one, 0);
  const whole = layers.map(({ qkv, output, gateUp, down }) =>
    qkv.bytes + output.bytes + gateUp.bytes + down.bytes
  );
  return passes.fc * fc.bytes +
    passes.layers * (sum(whole) + (output?.bytes ?? 0) + kvCacheBytes(config, context)) +
    passes.keys * (all?.keys.bytes ?? 0) +
    passes.output * (lmHead.bytes + (recent?.first.length ?? 0) * lmHead.k * 2) +
    passes.markov * (markov?.after.bytes ?? 0);
}
