/**
 * What an EAGLE-2 head (arXiv 2406.16858) computes: it predicts a model's next hidden state, behind its final norm, from
 * its last one and the embedding of the token that came out of it.
 *
 * @module
 */
import { columns, rows } from "../device/mod.ts";
import { convert, gatherRows } from "../ops/mod.ts";
import { type HeadParts, type HeadRows, type HeadSteps, placesOf } from "./head_steps.ts";
import { queueLayer, queueLinear } from "./queue_layer.ts";
import { cut } from "./workspace.ts";

/** The steps of an EAGLE-2 head. */
export function eagle2Steps({ head, scratch, space, rope }: HeadParts): HeadSteps {
  const { config, fc, output, verifier: { device, dtype } } = head;
  const width = config.hiddenSize;
  const pairs = scratch.allocate(dtype, [space.rows, 2 * width], "pairs");
  const input = columns(pairs, width, 2 * width);
  const hidden = scratch.allocate(dtype, [space.rows, width], "hidden");

  const queueForward = (parts: readonly HeadRows[]): void => {
    const { count, firsts } = placesOf(parts);
    const here = cut(space, count);
    const read = rows(pairs, 0, count);
    for (const [i, { step, ids: { tokens, start, shift } }] of parts.entries()) {
      const own = rows(pairs, firsts[i], firsts[i] + step.rows);
      head.embedding.queue(columns(own, 0, width), tokens, { start, shift });
    }
    queueLinear(here, fc, here.residual, read, "logits");
    const context = { device, config, space: here, rope };
    head.layers.forEach((layer, i) =>
      queueLayer(
        context,
        layer,
        parts.map(({ step, cache }) => ({ step, keys: cache.keys[i], values: cache.values[i] })),
      )
    );
    const given = rows(hidden, 0, count);
    convert(device, output ? here.normed : given, here.residual);
    if (output) queueLinear(here, output, given, here.normed, "store");
  };
  return {
    input,
    hidden,
    queueForward,
    queueContinue(parts) {
      const { firsts } = placesOf(parts);
      for (const [i, { step, from, index }] of parts.entries()) {
        gatherRows(device, rows(input, firsts[i], firsts[i] + step.rows), from, index);
      }
      queueForward(parts);
    },
    queueLogits: (logits, x) => queueLinear(space, head.lmHead, logits, x, "logits"),
  };
}
