/**
 * Linear layers of QQQ checkpoints (HandH1998/QQQ): symmetric 4-bit weights for 8-bit activations.
 *
 * Per layer: `B` i32 [k/16, 2 n], tiles of 16 x 16 in Marlin's order; `s_channel` f32 [1, n], permuted in 32s;
 * in groups of 128 also `s_group` f16 [k/128, n], permuted in 64s. A layer of one group is stored per channel.
 *
 * @module
 */
import { CheckpointError, UnsupportedModelError } from "../../base/errors.ts";
import { expectTensor, readScales, readScalesF16 } from "./expect.ts";
import type { Format } from "./format.ts";
import { channelScalesInOrder, groupScalesInOrder } from "./marlin_order.ts";
import type { W4A8Scales } from "./stored_linear.ts";

/** A QQQ checkpoint. */
export interface QqqConfig {
  /** Inputs that share a scale; -1 means all of a channel. */
  readonly groupSize: -1 | 128;
}

/** Stored per-channel nibbles are taken as 16 times their value: QQQ shifts them into the upper half of an i8. */
const SHIFT = 16;

/** What QQQ cuts outputs and inputs into. */
const TILE = 64;

/** Zero point of unpacked nibbles. */
const MIDDLE = 8;

/** The format of QQQ. */
export const qqq: Format<QqqConfig> = {
  parse(fields) {
    const bits = fields.integer(fields.raw("wbits") === undefined ? "bits" : "wbits");
    if (bits !== 4) refuse(`${bits}-bit QQQ`, "expected 4 bits");
    if (!fields.boolean("sym", true)) refuse("asymmetric QQQ (sym false)", "expected sym true");
    const groupSize = fields.integer("group_size", undefined, -1);
    if (groupSize !== -1 && groupSize !== 128) {
      return refuse(`QQQ group_size ${groupSize}`, "expected -1 or 128");
    }
    return { groupSize };
  },
  linear(source, { prefix, n, k }, { groupSize }) {
    const [weight, channel, inGroup] = ["B", "s_channel", "s_group"].map((x) => `${prefix}.${x}`);
    const found = source.find(weight);
    if (found === undefined) return undefined;
    const group = groupSize === -1 || groupSize === k ? 0 : groupSize;
    const multiple = Math.max(group, TILE);
    if (k % multiple !== 0 || n % TILE !== 0) {
      throw new CheckpointError(
        found.file,
        `it belongs to a layer [${n}, ${k}], expected multiples of ${TILE} and ${multiple}`,
        weight,
      );
    }
    expectTensor(source, weight, ["i32"], [k / 16, 2 * n]);
    expectTensor(source, channel, ["f32"], [1, n]);
    if (group > 0) expectTensor(source, inGroup, ["f16"], [k / group, n]);
    return {
      kind: "w4a8",
      origin: "qqq",
      prefix,
      n,
      k,
      group,
      groupSize,
      weight: { tensor: weight, layout: group > 0 ? "qqq_group" : "qqq" },
      scales(): W4A8Scales {
        const stored = channelScalesInOrder(readScales(source, channel, [1, n]));
        if (group === 0) {
          const scales = stored.map((scale) => SHIFT * scale);
          return { scales, offsets: scales.map((scale) => MIDDLE * scale) };
        }
        const groupScales = groupScalesInOrder(readScalesF16(source, inGroup, [k / group, n]));
        const groupZeros = new Uint8Array(groupScales.length).fill(MIDDLE);
        return { scales: stored, groupScales, groupZeros };
      },
    };
  },
};

function refuse(feature: string, expected: string): never {
  throw new UnsupportedModelError(feature, expected);
}
