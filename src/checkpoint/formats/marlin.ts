/**
 * Linear layers of the W4A16 checkpoints of the paper (arXiv 2505.22179), as its converter writes them from
 * GPTQ ones to `model_gptq.safetensors`: the queries', keys' and values' projections as one, gate and up as one.
 *
 * Per layer: `qweight` i32 [k/16, 2 n], tiles in Marlin's order; `scales` f16 [groups, n], permuted in 64s, in 32s
 * where there is one group. Symmetric; neither `qzeros` nor `g_idx`.
 *
 * @module
 */
import { CheckpointError, UnsupportedModelError } from "../../base/errors.ts";
import { expectFloat, expectTensor, readScalesF16 } from "./expect.ts";
import type { Format } from "./format.ts";
import { type GptqConfig, parseGptqConfig } from "./gptq_config.ts";
import { channelScalesInOrder, groupScalesInOrder } from "./marlin_order.ts";
import type { TensorSource } from "../containers/source.ts";

/** Whether a checkpoint that calls itself GPTQ has been through that converter. */
export function isMarlin(source: TensorSource): boolean {
  return source.names().some((name) => name.endsWith(".self_attn.qkv_proj.qweight"));
}

/** The format of the paper's W4A16 checkpoints. Its description is that of the GPTQ checkpoint. */
export const marlin: Format<GptqConfig> = {
  parse(fields) {
    const config = parseGptqConfig(fields);
    if (config.bits !== 4) refuse(`${config.bits}-bit GPTQ in Marlin's order`, "expected 4 bits");
    if (!config.symmetric) {
      refuse("asymmetric GPTQ in Marlin's order (sym false)", "expected sym true");
    }
    if (config.dynamic !== undefined) {
      refuse('"dynamic" of GPTQ in Marlin\'s order', "expected none");
    }
    // The converter drops g_idx: without static groups the order of the inputs is lost.
    if (config.descAct && !config.staticGroups) {
      refuse("desc_act without static_groups in Marlin's order", "expected static_groups true");
    }
    return config;
  },
  linear(source, { prefix, n, k }, { groupSize }) {
    const [weight, scales] = [`${prefix}.qweight`, `${prefix}.scales`];
    const found = source.find(weight);
    if (found === undefined) return undefined;
    const group = groupSize === -1 ? k : Math.min(groupSize, k);
    if (k % group !== 0 || k % 16 !== 0 || n % 64 !== 0) {
      throw new CheckpointError(
        found.file,
        `it belongs to a layer [${n}, ${k}], expected multiples of 64 and of 16 and ${group}`,
        weight,
      );
    }
    const groups = k / group;
    expectTensor(source, weight, ["i32"], [k / 16, 2 * n]);
    expectFloat(source, scales, [groups, n]);
    return {
      kind: "w4a16",
      prefix,
      n,
      k,
      group,
      groups,
      groupSize,
      weight: { tensor: weight, layout: "marlin" },
      asymmetric: false,
      scales() {
        const stored = readScalesF16(source, scales, [groups, n], "any");
        return { scales: groups > 1 ? groupScalesInOrder(stored) : channelScalesInOrder(stored) };
      },
    };
  },
};

function refuse(feature: string, expected: string): never {
  throw new UnsupportedModelError(feature, expected);
}
