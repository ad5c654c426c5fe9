/**
 * What an EAGLE-2 head (arXiv 2406.16858) computes: it predicts a model's next hidden state, behind its final norm, from
 * its last one and the embedding of the token that came out of it.
 *
 * @module
 */
import { columns, rows } from "../device/mod.ts";
import { convert, gatherRows } from "../ops/mod.ts";
import type { HeadParts, HeadSteps } from "./head_steps.ts";
import { queueLayer, queueLinear } from "./queue_layer.ts";
import type { TokenRows } from "./state.ts";
import type { Step } from "./step.ts";
import { cut } from "./workspace.ts";

/** The steps of an EAGLE-2 head. */
export function eagle2Steps({ head, scratch, space, rope, cache }: HeadParts): HeadSteps {
  const { config, fc, output, verifier: { device, dtype } } = head;
  const width = config.hiddenSize;
  const pairs = scratch.allocate(dtype, [space.rows, 2 * width], "pairs");
  const input = columns(pairs, width, 2 * width);
  const hidden = scratch.allocate(dtype, [space.rows, width], "hidden");

  const queueForward = (step: Step, ids: TokenRows): void => {
    const here = cut(space, step.rows);
    const read = rows(pairs, 0, step.rows);
    const { start, shift } = ids;
    head.embedding.queue(columns(read, 0, width), ids.tokens, { start, shift });
    queueLinear(here, fc, here.residual, read, "logits");
    const context = { device, config, space: here, rope };
    head.layers.forEach((layer, i) =>
      queueLayer(context, layer, [{ step, keys: cache.keys[i], values: cache.values[i] }])
    );
    const given = rows(hidden, 0, step.rows);
    convert(device, output ? here.normed : given, here.residual);
    if (output) queueLinear(here, output, given, here.normed, "store");
  };
  return {
    input,
    hidden,
    queueForward,
    queueContinue(step, ids, from, index) {
      gatherRows(device, rows(input, 0, step.rows), from, index);
      queueForward(step, ids);
    },
    queueLogits: (logits, x) => queueLinear(space, head.lmHead, logits, x, "logits"),
  };
}
