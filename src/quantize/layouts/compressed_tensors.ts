/**
 * Linear layers of 8 bits as compressed-tensors stores them (`int-quantized`, `float-quantized`).
 *
 * @module
 */
import type { TensorToWrite } from "../../checkpoint/containers/safetensors_writer.ts";
import { tensorOf } from "./bytes.ts";

/** `prefix`.weight i8 or e4m3 [n, k] and .weight_scale f32 [n, 1]. */
export function compressedTensors(
  prefix: string,
  dtype: "i8" | "f8_e4m3",
  codes: Uint8Array,
  scales: Float32Array,
): TensorToWrite[] {
  const n = scales.length;
  return [
    tensorOf(`${prefix}.weight`, dtype, [n, codes.length / n], codes),
    tensorOf(`${prefix}.weight_scale`, "f32", [n, 1], scales),
  ];
}

/** Bytes of {@link compressedTensors}. */
export function compressedBytes(n: number, k: number): number {
  return n * k + 4 * n;
}

/** The `quantization_config` of 8-bit weights a channel and activations a token. */
export function compressedConfig(type: "int" | "float"): Record<string, unknown> {
  const both = { num_bits: 8, type, symmetric: true, group_size: null, block_structure: null };
  return {
    quant_method: "compressed-tensors",
    format: `${type}-quantized`,
    quantization_status: "compressed",
    config_groups: {
      group_0: {
        targets: ["Linear"],
        weights: { ...both, strategy: "channel", dynamic: false, actorder: null },
        input_activations: { ...both, strategy: "token", dynamic: true },
        output_activations: null,
      },
    },
    ignore: ["lm_head"],
    kv_cache_scheme: null,
  };
}
