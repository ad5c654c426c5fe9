/**
 * An unquantized model made of a quantized one, for where no original is at hand.
 *
 * @module
 */
import { uniform } from "../../src/base/random.ts";
import { toF32 } from "../../src/base/half.ts";
import { openCheckpoint } from "../../src/checkpoint/checkpoint.ts";
import {
  type TensorToWrite,
  writeSafetensors,
} from "../../src/checkpoint/containers/safetensors_writer.ts";
import { changedConfig, copyCompanions } from "../../src/quantize/jobs/config_json.ts";
import { READERS } from "../../src/quantize/jobs/layer_plan.ts";
import {
  encodeFloats,
  floatDType,
  type Floats,
  floatToWrite,
} from "../../src/quantize/jobs/tensors.ts";
import { readGptqLinear } from "../../tests/quantize/gptq_linear.ts";

/**
 * Writes to `out` an f16 model with the function of the symmetric 4-bit GPTQ model in `model`. Its weights do
 * not lie on the few numbers that they came from: each dimension between two linear layers is scaled by a
 * factor from 0.5 to 2, drawn from `seed`, and scaled back behind it. So no quantizer finds the old numbers.
 */
export function writeUnquantized(model: string, out: string, seed: number): void {
  using checkpoint = openCheckpoint(model);
  const { tensors: source, quantization, config } = checkpoint;
  if (quantization?.method !== "gptq") throw new Error(`${model} is no GPTQ model`);
  const floats: Floats = new Map();
  for (const name of source.names()) {
    if (!/_proj\.(qweight|scales|qzeros|g_idx)$/.test(name)) {
      const info = source.info(name);
      const dtype = floatDType(info);
      floats.set(name, { dtype, shape: info.shape, values: toF32(source.read(name), dtype) });
    } else if (name.endsWith(".qweight")) {
      const prefix = name.slice(0, -".qweight".length);
      const { n, k, group, qweight, scales } = readGptqLinear(source, prefix, quantization.config);
      const words = new Uint32Array(qweight.buffer);
      const steps = new Float16Array(scales.buffer);
      const values = Float32Array.from({ length: n * k }, (_, at) => {
        const [row, j] = [Math.floor(at / k), at % k];
        const q = (words[(j >> 3) * n + row] >>> (4 * (j & 7))) & 15;
        return (q - 8) * steps[Math.floor(j / group) * n + row];
      });
      floats.set(`${prefix}.weight`, { dtype: "f16", shape: [n, k], values });
    }
  }
  const next = uniform(seed);
  for (let layer = 0; layer < config.layers; layer++) {
    for (const { linears, maker } of READERS) {
      const prefix = `model.layers.${layer}`;
      const { values, shape } = floats.get(`${prefix}.${maker}.weight`)!;
      const factors = Float32Array.from({ length: shape[0] }, () => 4 ** (next() - 0.5));
      const width = shape.length === 1 ? 1 : shape[1];
      // Norms are rounded here, so that the readers scale back exactly what is stored.
      for (let i = 0; i < values.length; i++) {
        const scaled = values[i] / factors[Math.floor(i / width)];
        const stored = width === 1
          ? toF32(encodeFloats(Float32Array.of(scaled), "f16"), "f16")[0]
          : scaled;
        if (width === 1) factors[i] = values[i] / stored;
        values[i] = stored;
      }
      for (const linear of linears) {
        const weight = floats.get(`${prefix}.${linear}.weight`)!;
        const k = weight.shape[1];
        for (let i = 0; i < weight.values.length; i++) {
          const j = i % k;
          const from = maker === "self_attn.v_proj"
            ? Math.floor(Math.floor(j / config.headDim) / (config.heads / config.kvHeads)) *
                config.headDim + (j % config.headDim)
            : j;
          weight.values[i] *= factors[from];
        }
      }
    }
  }
  Deno.mkdirSync(out, { recursive: true });
  const tensors: TensorToWrite[] = [...floats].map(([name, tensor]) => floatToWrite(name, tensor));
  writeSafetensors(`${out}/model.safetensors`, tensors, { format: "pt" });
  copyCompanions(model, out);
  Deno.writeTextFileSync(
    `${out}/config.json`,
    changedConfig(model, { quantization_config: undefined }),
  );
}
