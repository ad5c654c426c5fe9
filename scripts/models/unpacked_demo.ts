/**
 * Writes the demo's target in 16 bits: a checkpoint such as models are published in, for the tutorial on one's own.
 *
 *     deno run -A scripts/models/unpacked_demo.ts DIR
 *
 * @module
 */
import { openCheckpoint } from "../../src/checkpoint/checkpoint.ts";
import { describeGptqLinear } from "../../src/checkpoint/formats/gptq.ts";
import { parseGptqConfig } from "../../src/checkpoint/formats/gptq_config.ts";
import { Fields } from "../../src/checkpoint/containers/json.ts";
import { openSafetensors } from "../../src/checkpoint/containers/safetensors.ts";
import {
  type TensorToWrite,
  writeSafetensors,
} from "../../src/checkpoint/containers/safetensors_writer.ts";
import type { TensorSource } from "../../src/checkpoint/containers/source.ts";
import { DEMO_DIR } from "./trio.ts";

/** Tensors of a packed layer beside its codes. */
const PARTS = /\.(?:qzeros|scales|g_idx)$/;

/** The zero point of codes without one of their own. */
const ZERO = 8;

/** The weight of the layer at `prefix`, [n, k], as f16: (q - 8) s. */
function unpacked(source: TensorSource, prefix: string, description: Fields): TensorToWrite {
  const { n, k, group, scales } = describeGptqLinear(source, prefix, parseGptqConfig(description));
  const values = new Float16Array(n * k);
  const codes = new Uint32Array(source.read(`${prefix}.qweight`).buffer); // [k/8, n]
  const { scales: s } = scales(); // [groups, n]
  for (let j = 0; j < k; j++) {
    for (let i = 0; i < n; i++) {
      const q = codes[(j >> 3) * n + i] >>> 4 * (j & 7) & 15;
      values[i * k + j] = (q - ZERO) * s[Math.floor(j / group) * n + i];
    }
  }
  const data = () => new Uint8Array(values.buffer);
  return { name: `${prefix}.weight`, dtype: "f16", shape: [n, k], data };
}

if (import.meta.main) {
  const [dir] = Deno.args;
  if (dir === undefined) {
    console.error("Cannot write a model: no directory is given, expected DIR");
    Deno.exit(2);
  }
  const from = `${DEMO_DIR}/target`;
  // The whole of it is checked before anything is written.
  openCheckpoint(from)[Symbol.dispose]();
  const { quantization_config, ...config } = JSON.parse(
    Deno.readTextFileSync(`${from}/config.json`),
  );
  const description = new Fields(`${from}/config.json`, quantization_config);
  using source = openSafetensors(`${from}/model.safetensors`);
  const tensors = source.names().filter((name) => !PARTS.test(name)).map((name): TensorToWrite => {
    const prefix = /^(.*)\.qweight$/.exec(name)?.[1];
    if (prefix !== undefined) return unpacked(source, prefix, description);
    const { dtype, shape } = source.info(name);
    return { name, dtype, shape, data: () => source.read(name) };
  });
  Deno.mkdirSync(dir);
  writeSafetensors(`${dir}/model.safetensors`, tensors);
  for (const name of ["generation_config.json", "tokenizer.json", "tokenizer_config.json"]) {
    Deno.copyFileSync(`${from}/${name}`, `${dir}/${name}`);
  }
  Deno.writeTextFileSync(`${dir}/config.json`, `${JSON.stringify(config, undefined, 2)}\n`);
  console.log(`${dir} has the demo's target in 16 bits`);
}
