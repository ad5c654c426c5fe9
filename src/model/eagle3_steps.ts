/**
 * What an EAGLE-3 head (arXiv 2503.01840) computes: its layer reads the embedding of a token and what `fc` makes of the
 * verifier's taps, and in later steps what it gave itself. Between steps that stays f32, as a residual stream does.
 *
 * @module
 */
import { columns, rows, type Tensor } from "../device/mod.ts";
import { convert, copy, gatherRows, rmsNorm, widen } from "../ops/mod.ts";
import { type HeadParts, type HeadRows, type HeadSteps, placesOf } from "./head_steps.ts";
import { queueLayer, queueLinear } from "./queue_layer.ts";
import { cut, type Workspace } from "./workspace.ts";

/** The steps of an EAGLE-3 head. */
export function eagle3Steps(parts: HeadParts): HeadSteps {
  const { head, scratch, space, rope } = parts;
  const { config, description, fc, layers: [layer], verifier: { device, dtype } } = head;
  if (description.kind !== "eagle3") throw new Error(`${description.kind} has other steps`);
  const { normedResidual, normedOutput } = description;
  const { hiddenSize: width, rmsNormEps: eps } = config;
  const pairs = scratch.allocate(dtype, [space.rows, 2 * width], "pairs");
  const input = scratch.allocate(dtype, [space.rows, fc.k], "taps");
  const hidden = scratch.allocate("f32", [space.rows, width], "hidden");
  const queueTapNorms = tapNorms(parts, input);

  const queueEmbedding = (here: Workspace, sequences: readonly HeadRows[]): void => {
    const { firsts } = placesOf(sequences);
    for (const [i, { step, ids: { tokens, start, shift } }] of sequences.entries()) {
      const own = rows(here.residual, firsts[i], firsts[i] + step.rows);
      head.embedding.queue(own, tokens, { start, shift });
    }
    const left = columns(rows(pairs, 0, here.rows), 0, width);
    rmsNorm(device, left, here.residual, layer.inputNorm!, eps);
  };
  // On what is to be read, in the residual stream.
  const queueStep = (here: Workspace, sequences: readonly HeadRows[]): void => {
    const read = rows(pairs, 0, here.rows);
    const right = columns(read, width, 2 * width);
    rmsNorm(device, right, here.residual, layer.hiddenNorm!, eps);
    if (normedResidual) widen(device, here.residual, right);
    const context = { device, config, space: here, rope };
    const at = sequences.map(({ step, cache: { keys, values } }) => {
      return { step, keys: keys[0], values: values[0] };
    });
    queueLayer(context, layer, at, read);
    const given = rows(hidden, 0, here.rows);
    if (!normedOutput) return copy(device, given, here.residual);
    rmsNorm(device, here.normed, here.residual, head.finalNorm!, eps);
    widen(device, given, here.normed);
  };
  return {
    input,
    hidden,
    queueForward(sequences) {
      const { count } = placesOf(sequences);
      const here = cut(space, count);
      queueEmbedding(here, sequences);
      queueTapNorms(count);
      queueLinear(here, fc, here.residual, rows(input, 0, count), "logits");
      queueStep(here, sequences);
    },
    queueContinue(sequences) {
      const { count, firsts } = placesOf(sequences);
      const here = cut(space, count);
      queueEmbedding(here, sequences);
      for (const [i, { step, from, index }] of sequences.entries()) {
        const own = rows(here.residual, firsts[i], firsts[i] + step.rows);
        gatherRows(device, own, from, index);
      }
      queueStep(here, sequences);
    },
    queueLogits(logits, x) {
      const normed = rows(space.normed, 0, x.shape[0]);
      // What has been normed comes back as it was.
      if (normedOutput) convert(device, normed, x);
      else rmsNorm(device, normed, x, head.finalNorm!, eps);
      queueLinear(space, head.lmHead, logits, normed, "logits");
    },
  };
}

/** Queues the norms of the taps in the first rows of `input`, in place: one for each tap, one for all, or none. */
function tapNorms({ head, scratch, space }: HeadParts, input: Tensor): (count: number) => void {
  const { tapNorms, fc, config: { rmsNormEps: eps }, verifier: { device } } = head;
  if (tapNorms.length === 0) return () => {};
  const width = fc.k / tapNorms.length;
  const wide = scratch.allocate("f32", [space.rows, width], "wide taps");
  return (count) => {
    const here = rows(wide, 0, count);
    tapNorms.forEach((weight, i) => {
      const tap = columns(rows(input, 0, count), i * width, (i + 1) * width);
      widen(device, here, tap);
      rmsNorm(device, tap, here, weight, eps);
    });
  };
}
