/**
 * Checkpoints that are nearly one that can be read: each is refused with an error that says what is wrong, and
 * where, before anything of it runs.
 */
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { fileURLToPath } from "node:url";
import { DTYPE_BYTES } from "../../src/base/dtype.ts";
import { CheckpointError, SpecMQuantError, UnsupportedModelError } from "../../src/base/errors.ts";
import { type Checkpoint, openCheckpoint } from "../../src/checkpoint/checkpoint.ts";
import {
  sourceOf,
  type TensorInfo,
  type TensorSource,
} from "../../src/checkpoint/containers/source.ts";
import { Device } from "../../src/device/mod.ts";
import { Model, summarizeModel } from "../../src/model/mod.ts";
import { backendTest } from "../backends.ts";

const FORMATS = fileURLToPath(new URL("../data/formats", import.meta.url));
const NAMES = [...Deno.readDirSync(FORMATS)].filter((one) => one.isDirectory)
  .map(({ name }) => name).sort();

/** A source whose tensors are described, and read, otherwise. */
function altered(
  source: TensorSource,
  describe: (info: TensorInfo) => TensorInfo | undefined,
  fill: (info: TensorInfo, into: Uint8Array<ArrayBuffer>) => void = () => {},
): TensorSource {
  return sourceOf({
    file: source.file,
    names: () => source.names(),
    find: (name) => {
      const info = source.find(name);
      return info && describe(info);
    },
    fill: (info, offset, into) => {
      source.readInto(info.name, offset, into);
      fill(info, into);
    },
    close: () => {},
  });
}

function refusal(checkpoint: Checkpoint, tensors: TensorSource, what: string): SpecMQuantError {
  try {
    summarizeModel({ ...checkpoint, tensors });
  } catch (error) {
    assert(error instanceof SpecMQuantError, `${what}: ${error}`);
    return error;
  }
  throw new Error(`${what} was read`);
}

/** Tensors that a layer may do without. */
const OPTIONAL = /\.(g_idx|weight_g_idx)$|^gptq-(lm-head-8bit|8bit) .*\.qzeros$/;

/** Whether scales may be below zero: those of 4-bit weights beside 16-bit rows, and of GPTQ's 8 bits. */
function hasSigns(name: string, { shape }: TensorInfo): boolean {
  return /^(awq|gptq|paper|ct-w4a16)/.test(name) || name === "ct-mixed" && shape[1] > 1;
}

for (const name of NAMES) {
  Deno.test(`refused: ${name} with a tensor missing, of another dtype, of another shape`, () => {
    using checkpoint = openCheckpoint(`${FORMATS}/${name}`);
    const source = checkpoint.tensors;
    const layer = source.names().filter((one) => /_proj\./.test(one));
    assert(layer.length >= 4);
    for (const tensor of layer) {
      const only = (change: (info: TensorInfo) => TensorInfo | undefined) =>
        altered(source, (info) => info.name === tensor ? change(info) : info);
      const changes: [string, (info: TensorInfo) => TensorInfo | undefined][] = [
        ["another dtype", (info) => ({ ...info, dtype: info.dtype === "i16" ? "i8" : "i16" })],
        ["a row more", (info) => resized(info, [info.shape[0] + 1, ...info.shape.slice(1)])],
        ["a dimension more", (info) => resized(info, [1, ...info.shape])],
        ["no dimension", (info) => resized(info, [])],
      ];
      if (!OPTIONAL.test(tensor) && !OPTIONAL.test(`${name} ${tensor}`)) {
        changes.push(["nothing", () => undefined]);
      }
      for (const [what, change] of changes) {
        const error = refusal(checkpoint, only(change), `${tensor} with ${what}`);
        assert(error instanceof CheckpointError, `${tensor} with ${what}: ${error}`);
        // A missing part may show in another of the layer's tensors, or in the layers that it joins.
        const block = /^.*\.(self_attn|mlp)\./.exec(tensor)![0];
        assertStringIncludes(error.tensor ?? "", block, `${tensor} with ${what}`);
      }
    }
  });

  backendTest(
    `refused: ${name} with scales that are none`,
    ({ device }) => {
      using checkpoint = openCheckpoint(`${FORMATS}/${name}`);
      const source = checkpoint.tensors;
      const { used } = device.memory();
      const scales = source.names().filter((one) =>
        /(scales?|s_channel|s_group)$/.test(one) && source.info(one).dtype !== "i8"
      );
      assert(scales.length >= 4);
      for (const [i, tensor] of scales.entries()) {
        if (i % 3 !== 0) continue;
        // All bits set are NaN in every float; the sign alone makes a scale negative.
        for (const set of [(_: number) => 0xff, (byte: number) => byte | 0x80]) {
          const tensors = altered(source, (info) => info, (info, into) => {
            const last = DTYPE_BYTES[info.dtype] * 3;
            if (info.name !== tensor) return;
            for (let at = last - DTYPE_BYTES[info.dtype]; at < last; at++) into[at] = set(into[at]);
          });
          const load = () => Model.load(device, { ...checkpoint, tensors });
          if (set(0) === 0x80 && hasSigns(name, source.info(tensor))) {
            load()[Symbol.dispose]();
            continue;
          }
          const error = assertThrows(
            load,
            CheckpointError,
            "element 2 is",
          );
          assertEquals(error.tensor, tensor);
          assertEquals(device.memory().used, used, "something stayed loaded");
        }
      }
    },
    ["cpu", "cuda"],
  );

  Deno.test(`refused: ${name} with a description of nonsense`, () => {
    const file = ["quant_config.json", "config.json"]
      .find((one) => exists(`${FORMATS}/${name}/${one}`))!;
    const whole = JSON.parse(Deno.readTextFileSync(`${FORMATS}/${name}/${file}`));
    const description = file === "config.json" ? whole.quantization_config : whole;
    if (description === undefined) return; // nothing but names of tensors tells it
    const dir = Deno.makeTempDirSync();
    try {
      for (const { name: one } of Deno.readDirSync(`${FORMATS}/${name}`)) {
        Deno.symlinkSync(`${FORMATS}/${name}/${one}`, `${dir}/${one}`);
      }
      for (const changed of mutations(description)) {
        const json = file === "config.json" ? { ...whole, quantization_config: changed } : changed;
        Deno.removeSync(`${dir}/${file}`);
        Deno.writeTextFileSync(`${dir}/${file}`, JSON.stringify(json));
        try {
          using checkpoint = openCheckpoint(dir);
          summarizeModel(checkpoint);
        } catch (error) {
          assert(
            error instanceof CheckpointError || error instanceof UnsupportedModelError,
            `${JSON.stringify(changed)}: ${error}`,
          );
        }
      }
    } finally {
      Deno.removeSync(dir, { recursive: true });
    }
  });
}

function resized(info: TensorInfo, shape: readonly number[]): TensorInfo {
  const count = shape.reduce((a, b) => a * b, 1);
  return { ...info, shape, bytes: count * DTYPE_BYTES[info.dtype] };
}

function exists(file: string): boolean {
  try {
    return Deno.statSync(file).isFile;
  } catch {
    return false;
  }
}

const NONSENSE: readonly unknown[] = [null, true, -5, 3, 1e300, "x", "re:(", [], ["re:["], {}];

/** The same JSON with one value, however deep, replaced. */
function* mutations(value: unknown): Generator<unknown> {
  yield* NONSENSE;
  if (Array.isArray(value)) {
    for (const [i, item] of value.entries()) {
      for (const one of mutations(item)) yield value.with(i, one);
    }
  } else if (typeof value === "object" && value !== null) {
    for (const [key, item] of Object.entries(value)) {
      for (const one of mutations(item)) yield { ...value, [key]: one };
    }
  }
}

/** Replaces parts of a fixture's description and expects a feature to be refused by name. */
function refusedFeature(name: string, feature: string, change: (config: Description) => void) {
  Deno.test(`refused by name: ${feature}`, () => {
    const dir = Deno.makeTempDirSync();
    try {
      for (const { name: one } of Deno.readDirSync(`${FORMATS}/${name}`)) {
        Deno.copyFileSync(`${FORMATS}/${name}/${one}`, `${dir}/${one}`);
      }
      const config = JSON.parse(Deno.readTextFileSync(`${dir}/config.json`));
      change(config.quantization_config);
      Deno.writeTextFileSync(`${dir}/config.json`, JSON.stringify(config));
      const error = assertThrows(
        () => {
          using checkpoint = openCheckpoint(dir);
          summarizeModel(checkpoint);
        },
        UnsupportedModelError,
      );
      assertStringIncludes(error.feature, feature);
    } finally {
      Deno.removeSync(dir, { recursive: true });
    }
  });
}

// deno-lint-ignore no-explicit-any
type Description = any;
type Group = { weights: Description; input_activations: Description; [key: string]: unknown };

const group = (change: (group: Group) => void) => (config: Description) =>
  change(config.config_groups.group_0);

const REFUSED: [string, string, (config: Description) => void][] = [
  ["gptq-asym-g32", "3-bit GPTQ", (c) => c.bits = 3],
  ["gptq-8bit", "8-bit GPTQ in groups of 32", (c) => c.group_size = 32],
  ["gptq-8bit", "asymmetric 8-bit GPTQ", (c) => {
    c.checkpoint_format = "gptq";
    c.sym = false; // of symmetric ones the zero points tell the version
  }],
  ["gptq-asym-g32", 'checkpoint_format "marlin"', (c) => c.checkpoint_format = "marlin"],
  ["awq-g64", '"gemv"', (c) => c.version = "gemv"],
  ["awq-g64", "AWQ without zero points", (c) => c.zero_point = false],
  ["awq-g64", "8-bit AWQ", (c) => c.bits = 8],
  ["qqq-channel", "asymmetric QQQ", (c) => c.sym = false],
  ["qqq-channel", "QQQ group_size 64", (c) => c.group_size = 64],
  ["qqq-channel", "8-bit QQQ", (c) => c.wbits = 8],
  ["paper-w4a16-g128", "asymmetric GPTQ in Marlin's order", (c) => c.sym = false],
  ["paper-w4a16-g128", "desc_act without static_groups", (c) => c.desc_act = true],
  ["ct-w8a8", "static scales of activations", group((g) => g.input_activations.dynamic = false)],
  ["ct-w8a8", "activations per tensor", group((g) => g.input_activations.strategy = "tensor")],
  ["ct-w8a8", "asymmetric activations", group((g) => g.input_activations.symmetric = false)],
  ["ct-w8a8", "weights per tensor", group((g) => g.weights.strategy = "tensor")],
  ["ct-w8a8", "asymmetric weights", group((g) => g.weights.symmetric = false)],
  ["ct-w8a8", "activations in 16 bits", group((g) => g.input_activations = null)],
  ["ct-fp8", "weights per block", group((g) => g.weights.strategy = "block")],
  ["ct-w8a16", "asymmetric 8-bit weights", group((g) => g.weights.symmetric = false)],
  ["ct-w4a16-channel", "2-bit int weights", group((g) => g.weights.num_bits = 2)],
  ["ct-w4a16-channel", "quantized activations", group((g) => g.input_activations = {})],
  ["ct-w4a16-channel", "output activations", group((g) => g.output_activations = {})],
  ["ct-w4a16-channel", '"nvfp4-pack-quantized"', (c) => c.format = "nvfp4-pack-quantized"],
  ["ct-w8a8", "sparsity format", (c) => c.sparsity_config = { format: "sparse-24-bitmask" }],
  ["ct-w8a8", '"kv_cache_scheme"', (c) => c.kv_cache_scheme = { num_bits: 8 }],
  ["ct-w8a8", '"transform_config"', (c) => c.transform_config = { config_groups: {} }],
  ["ct-w8a8", "bitsandbytes", (c) => c.quant_method = "bitsandbytes"],
  ["ct-w8a8", 'without "config_groups" (format "dense")', (c) => {
    c.format = "dense";
    delete c.config_groups;
  }],
  ["gptq-8bit", 'method "marlin" (repacked', (c) => c.quant_method = "marlin"],
  ["gptq-8bit", 'method "awq_marlin" (repacked', (c) => c.quant_method = "awq_marlin"],
  ["gptq-8bit", "ModelOpt (NVFP4)", (c) => {
    c.quant_method = "modelopt";
    c.quant_algo = "NVFP4";
  }],
  ["gptq-8bit", 'method "bitsandbytes"', (c) => {
    delete c.quant_method;
    c.load_in_4bit = true; // as versions before 4.31 of transformers write it
  }],
];
for (const [name, feature, change] of REFUSED) refusedFeature(name, feature, change);

Deno.test("refused by name: a QoQ zero point that is no multiple of its scale", () => {
  using checkpoint = openCheckpoint(`${FORMATS}/qoq-g128`);
  const tensors = altered(checkpoint.tensors, (info) => info, (info, into) => {
    if (info.name.endsWith("q_proj.s2_scales")) into[7] = 7;
    if (info.name.endsWith("q_proj.s2_zeros")) into[7] = 253; // 3
  });
  using device = Device.open({ backend: "cpu" });
  const error = assertThrows(
    () => Model.load(device, { ...checkpoint, tensors }),
    UnsupportedModelError,
    "element 7 stands for 3 at scale 7",
  );
  assertStringIncludes(error.feature, "q_proj.s2_zeros");
});
