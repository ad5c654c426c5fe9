/**
 * What the `config.json` of a quantized head says of it.
 *
 * @module
 */
import { BLOCK_TENSORS } from "../../checkpoint/config/block_head.ts";
import { isObject } from "../../checkpoint/containers/json.ts";
import type { Head } from "../../checkpoint/head.ts";
import { headConfig } from "../jobs/output_projection.ts";
import type { GptqOptions } from "../methods/gptq.ts";
import type { Method } from "../methods/method.ts";
import type { Quantizer } from "../quantizers/quantizer.ts";
import { w4a16, w8a16Bytes, w8a16Draft } from "../quantizers/w4a16.ts";
import { OUTPUT_READER } from "./head_plan.ts";
import type { HeadOutput } from "./head_options.ts";

/** How a head is quantized. */
export interface HeadScheme {
  /** The scheme of its linear layers. */
  readonly quantizer: Quantizer;
  /** How codes are chosen. */
  readonly method: Method;
  /** For GPTQ. */
  readonly gptq: GptqOptions;
  /** How its output projection is stored, where that is not as the others are. */
  readonly lmHead?: HeadOutput;
}

/**
 * The `quantization_config` of a head of which all is quantized but the linear layers called `plain`, which formats that name
 * layers are told.
 */
export function quantizationConfig(
  { quantizer, method, gptq, lmHead }: HeadScheme,
  plain: readonly string[],
): Record<string, unknown> {
  const { config } = quantizer;
  const isGptq = config.quant_method === "gptq";
  return {
    ...config,
    ...(method.gptq && quantizer.namesGroups && {
      desc_act: gptq.order === "activity",
      static_groups: gptq.order === "static",
      damp_percent: gptq.damping,
    }),
    ...(isGptq && lmHead !== "f16" && headConfig(lmHead ?? "w4a16")),
    ...(isObject(config.config_groups) && { ignore: plain }),
    ..."modules_to_not_convert" in config && { modules_to_not_convert: plain },
  };
}

/** What writes an output projection: a scheme of its own, or that of the others. */
export function outputQuantizer(
  { quantizer, lmHead }: HeadScheme,
): Pick<Quantizer, "bytes" | "draft"> {
  if (lmHead === "w8a16") return { bytes: w8a16Bytes, draft: w8a16Draft };
  const { group_size } = quantizer.config;
  return lmHead === "w4a16" ? w4a16(group_size as number) : quantizer;
}

/** Linear layers of `head` that are left as they are, however it is quantized. */
export function leftAlone({ tensors }: Head, lmHead: HeadOutput | undefined): string[] {
  const { confidence } = BLOCK_TENSORS;
  return [
    ...(tensors.find(`${confidence}.weight`) ? [confidence] : []),
    ...(lmHead === "f16" ? [OUTPUT_READER] : []),
  ];
}
