import { assert, assertEquals, assertRejects } from "@std/assert";
import { readGptqLinear } from "../../../tests/quantize/gptq_linear.ts";
import { random as seeded } from "../../../tests/random.ts";
import type { DType } from "../../base/dtype.ts";
import { ArgumentError, CheckpointError, UnsupportedModelError } from "../../base/errors.ts";
import { f32ToBf16, type FloatDType, toF32 } from "../../base/half.ts";
import { openCheckpoint } from "../../checkpoint/checkpoint.ts";
import {
  type TensorToWrite,
  writeSafetensors,
} from "../../checkpoint/containers/safetensors_writer.ts";
import type { QuantizeProgress } from "./options.ts";
import { quantizeCheckpoint } from "./quantize_checkpoint.ts";

const CONFIG = `{
  "architectures": ["LlamaForCausalLM"], "vocab_size": 24, "hidden_size": 128,
  "intermediate_size": 200, "num_hidden_layers": 2, "num_attention_heads": 2,
  "rms_norm_eps": 1e-05, "max_position_embeddings": 64, "rope_theta": 10000.0, "eos_token_id": 1
}`;

const LINEARS: Record<string, [number, number]> = {
  "self_attn.q_proj": [128, 128],
  "self_attn.k_proj": [64, 128],
  "self_attn.v_proj": [64, 128],
  "self_attn.o_proj": [128, 128],
  "mlp.gate_proj": [200, 128],
  "mlp.up_proj": [200, 128],
  "mlp.down_proj": [128, 200], // the last group is short
};
const DTYPES: FloatDType[] = ["f16", "bf16"];

function tensor(name: string, dtype: DType, shape: number[], seed: number): TensorToWrite {
  const random = seeded(seed);
  const count = shape.reduce((a, b) => a * b, 1);
  const values = Float32Array.from({ length: count }, () => random() - random());
  const make = { f16: Float16Array.from(values), bf16: f32ToBf16(values), f32: values };
  return { name, dtype, shape, data: () => new Uint8Array(make[dtype as FloatDType].buffer) };
}

/** A small random model; `change` may alter its tensors. */
function makeModel(dir: string, change = (t: TensorToWrite) => t): void {
  Deno.mkdirSync(dir);
  const tensors = [
    tensor("model.embed_tokens.weight", "f16", [24, 128], 1),
    tensor("model.norm.weight", "f32", [128], 2),
    tensor("lm_head.weight", "bf16", [24, 128], 3),
  ];
  DTYPES.forEach((dtype, layer) => {
    const prefix = `model.layers.${layer}`;
    tensors.push(tensor(`${prefix}.input_layernorm.weight`, "f16", [128], 4));
    tensors.push(tensor(`${prefix}.self_attn.q_proj.bias`, "f16", [128], 5));
    Object.entries(LINEARS).forEach(([name, shape], i) =>
      tensors.push(tensor(`${prefix}.${name}.weight`, dtype, shape, 10 * layer + i + 6))
    );
  });
  writeSafetensors(`${dir}/model.safetensors`, tensors.map(change));
  Deno.writeTextFileSync(`${dir}/config.json`, CONFIG);
  Deno.writeTextFileSync(`${dir}/tokenizer.json`, "{}");
  Deno.writeTextFileSync(`${dir}/chat_template.jinja`, "x");
  Deno.mkdirSync(`${dir}/additional_chat_templates`);
  Deno.writeTextFileSync(`${dir}/additional_chat_templates/tool_use.jinja`, "y");
  Deno.writeTextFileSync(`${dir}/real_generation.json`, `{"eos_token_id": 1}`);
  Deno.symlinkSync("real_generation.json", `${dir}/generation_config.json`);
  Deno.writeTextFileSync(`${dir}/pytorch_model.bin.index.json`, "{}");
}

/** Runs `use` in a temporary directory and checks that no partial files are left in it. */
async function withTemp(use: (dir: string) => Promise<void>): Promise<void> {
  const dir = Deno.makeTempDirSync();
  try {
    await use(dir);
    const left = [...Deno.readDirSync(dir)].map((e) => e.name).filter((n) => n.includes("partial"));
    assertEquals(left, []);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

/** Rounding needs no calibration text, so no tokenizer and no device. */
const HOW = { scheme: "w4a16-g128", method: "rtn" };

/** The bytes of every file of a directory, those in its folders with it. */
function filesOf(dir: string, folder = ""): Map<string, Uint8Array> {
  const entries = [...Deno.readDirSync(`${dir}/${folder}`)];
  const files = entries.flatMap(({ name, isDirectory }): [string, Uint8Array][] => {
    const path = folder + name;
    if (isDirectory) return [...filesOf(dir, `${path}/`)];
    return [[path, Deno.readFileSync(`${dir}/${path}`)]];
  });
  return new Map(files.sort(([a], [b]) => a < b ? -1 : 1));
}

Deno.test("quantize: a small model, opened again", () =>
  withTemp(async (dir) => {
    const [model, out] = [`${dir}/model`, `${dir}/out`];
    makeModel(model);
    Deno.mkdirSync(out); // empty: allowed
    const seen: QuantizeProgress[] = [];
    const result = await quantizeCheckpoint({
      model,
      out,
      ...HOW,
      onProgress: (progress) => seen.push(progress),
    });
    assertEquals(result.quantized, 14);
    assert(result.bytesAfter < 0.4 * result.bytesBefore);
    assertEquals([result.method, result.resumed, result.calibrationTokens], ["rtn", 0, 0]);
    assertEquals([seen.at(-1)?.done, seen.at(-1)?.total], [4, 4]);
    assert(seen.every(({ done }, i) => i === 0 || done >= seen[i - 1].done), "progress went back");

    using before = openCheckpoint(model);
    using after = openCheckpoint(out);
    const { quantization } = after;
    assert(quantization?.method === "gptq");
    for (const name of before.tensors.names()) {
      if (!/_proj\.weight$/.test(name)) {
        assertEquals(after.tensors.read(name), before.tensors.read(name), name);
        assertEquals(after.tensors.info(name).dtype, before.tensors.info(name).dtype);
        continue;
      }
      assertEquals(after.tensors.find(name), undefined);
      const { dtype, shape: [n, k] } = before.tensors.info(name);
      const w = toF32(before.tensors.read(name), dtype as FloatDType);
      const linear = readGptqLinear(after.tensors, name.slice(0, -7), quantization.config);
      assertEquals([linear.n, linear.k, linear.group, linear.order], [n, k, 128, undefined]);
      const words = new Uint32Array(linear.qweight.buffer);
      const scales = new Float16Array(linear.scales.buffer);
      for (let o = 0; o < n; o++) {
        for (let j = 0; j < k; j++) {
          const s = scales[Math.floor(j / 128) * n + o];
          const q = (words[(j >> 3) * n + o] >>> (4 * (j & 7))) & 15;
          const value = w[o * k + j];
          // In steps, of either sign.
          const clipped = Math.max(-8, Math.min(7, value / s));
          assert(Math.abs(clipped - (q - 8)) <= 0.5 * (1 + 1e-6), `${name} [${o}, ${j}]`);
        }
      }
    }
    const names = [...Deno.readDirSync(out)].map((entry) => entry.name).sort();
    assertEquals(names, [
      "additional_chat_templates",
      "chat_template.jinja",
      "config.json",
      "generation_config.json",
      "model-00001-of-00004.safetensors",
      "model-00002-of-00004.safetensors",
      "model-00003-of-00004.safetensors",
      "model-00004-of-00004.safetensors",
      "model.safetensors.index.json",
      "real_generation.json",
      "tokenizer.json",
    ]);
    const further = `${out}/additional_chat_templates/tool_use.jinja`;
    assertEquals(Deno.readTextFileSync(further), "y");
    assert(Deno.lstatSync(`${out}/generation_config.json`).isFile);
    // Python tells 10000.0 from 10000, so the text of numbers is kept.
    assert(Deno.readTextFileSync(`${out}/config.json`).includes("10000.0"));

    await assertRejects(
      () => quantizeCheckpoint({ model: out, out: `${dir}/again`, ...HOW }),
      ArgumentError,
      "quantized already",
    );
    const repeat = `${dir}/repeat`;
    await quantizeCheckpoint({ model, out: repeat, ...HOW });
    assertEquals(filesOf(repeat), filesOf(out)); // deterministic
  }));

Deno.test("quantize: refuses bad places and schemes", () =>
  withTemp(async (dir) => {
    const model = `${dir}/model`;
    makeModel(model);
    const refuses = (out: string, message: string) =>
      assertRejects(() => quantizeCheckpoint({ model, out, ...HOW }), ArgumentError, message);
    await refuses(model, "the model's directory");
    await refuses(`${model}/`, "the model's directory");
    await refuses(`${model}/inside`, "inside the model's directory");
    Deno.symlinkSync(model, `${dir}/link`);
    await refuses(`${dir}/link/inside`, "inside the model's directory");
    Deno.mkdirSync(`${dir}/full`);
    Deno.writeTextFileSync(`${dir}/full/note`, "");
    await refuses(`${dir}/full`, "it exists");
    await refuses(`${dir}/full/note`, "it exists");
    await refuses(`${dir}/no/such`, "does not exist");
    await assertRejects(
      () => quantizeCheckpoint({ model, out: `${dir}/out`, scheme: "w9" }),
      ArgumentError,
      `the scheme is "w9"`,
    );
    assertEquals([...Deno.readDirSync(model)].length, 8);
  }));

/** Aborts after `steps` reports; what was done then lies in the work directory. */
async function interrupted(dir: string, steps: number): Promise<void> {
  const controller = new AbortController();
  let count = 0;
  await assertRejects(
    () =>
      quantizeCheckpoint({
        model: `${dir}/model`,
        out: `${dir}/out`,
        ...HOW,
        onProgress: () => void (++count === steps && controller.abort(new Error("enough"))),
        signal: controller.signal,
      }),
    Error,
    "enough",
  );
  assertEquals(count, steps);
}

Deno.test("quantize: after an abort it goes on where it was, to the same bytes", () =>
  withTemp(async (dir) => {
    const [model, out] = [`${dir}/model`, `${dir}/out`];
    makeModel(model);
    await quantizeCheckpoint({ model, out: `${dir}/whole`, ...HOW });
    const partial = () => [...Deno.readDirSync(dir)].some(({ name }) => name === "out.partial");
    await interrupted(dir, 1);
    assertEquals(partial(), false); // nothing was finished, so nothing is left
    await interrupted(dir, 12);
    assertEquals(partial(), true);
    const { resumed } = await quantizeCheckpoint({ model, out, ...HOW });
    assertEquals(resumed, 2);
    assertEquals(filesOf(out), filesOf(`${dir}/whole`));
  }));

Deno.test("quantize: work begun otherwise, or by another process, is refused", () =>
  withTemp(async (dir) => {
    const [model, out] = [`${dir}/model`, `${dir}/out`];
    makeModel(model);
    await interrupted(dir, 12);
    const refuses = (more: object, message: string) =>
      assertRejects(
        () => quantizeCheckpoint({ model, out, ...HOW, ...more }),
        ArgumentError,
        message,
      );
    await refuses(
      { scheme: "w4a16-channel" },
      'begun with scheme "w4a16-g128", expected "w4a16-ch',
    );
    await refuses({ rotate: true }, "begun with rotation none, expected 0");
    {
      using other = Deno.openSync(`${out}.partial`);
      other.lockSync(true);
      await refuses({}, "another process");
    }
    // A link to nothing, as a download leaves that was stopped, is no file.
    Deno.symlinkSync("nothing", `${model}/lost.json`);
    Deno.writeTextFileSync(`${model}/tokenizer.json`, "{ }");
    await refuses({}, "begun with model");
    Deno.removeSync(`${out}.partial`, { recursive: true });
  }));

Deno.test("quantize: options without effect are refused", () =>
  withTemp(async (dir) => {
    const [model, out] = [`${dir}/model`, `${dir}/out`];
    makeModel(model);
    const refuses = (options: object, message: string) =>
      assertRejects(
        () => quantizeCheckpoint({ model, out, ...HOW, ...options }),
        ArgumentError,
        message,
      );
    await refuses({ method: "magic" }, "rtn, clip, gptq");
    await refuses({ scheme: "f16" }, "expected --rotate");
    await refuses({ method: "gptq", calibration: undefined }, "no device");
    await refuses({ seed: 3 }, "expected --rotate");
    await refuses({ calibration: "x" }, "reads no text");
    await refuses({ calibrationTokens: 9 }, "reads no text");
    await refuses({ scheme: "f16", rotate: true }, "--method: nothing is quantized with f16");
    await refuses(
      { scheme: "f16", rotate: true, method: undefined, zeroPoints: "awq" },
      "--zero-points: nothing is quantized with f16",
    );
    await refuses({ order: "static" }, "not GPTQ");
    await refuses({ scheme: "w8a8", method: "rtn", lmHead: "w4a16" }, "only GPTQ's layout");
    await refuses({ scheme: "w8a8", method: "rtn", zeroPoints: "awq" }, "its layout decides");
  }));

Deno.test("quantize: numbers out of range are refused, in the library too", () =>
  withTemp(async (dir) => {
    const [model, out] = [`${dir}/model`, `${dir}/out`];
    makeModel(model);
    const cases: [options: object, message: string][] = [
      // Beyond it, four seeds in a row would give the rotations of others.
      [
        { rotate: true, seed: 2 ** 30 },
        "seed is 1073741824, expected a whole number from 0 to 107374",
      ],
      [{ rotate: true, seed: 0.5 }, "seed is 0.5"],
      [{ rotate: true, seed: NaN }, "seed is NaN"],
      [{ threads: 2 ** 31 }, "threads is 2147483648"],
      [{ method: "gptq", damping: 1.5 }, "damping is 1.5, expected a number from 0 to 1"],
      [{ method: "gptq", damping: NaN }, "damping is NaN"],
      [{ method: "gptq", calibrationTexts: 0 }, "calibrationTexts is 0"],
      [{ method: "gptq", calibrationTokens: 2 ** 31 }, "calibrationTokens is 2147483648"],
    ];
    for (const [options, message] of cases) {
      await assertRejects(
        () => quantizeCheckpoint({ model, out, ...HOW, ...options }),
        ArgumentError,
        message,
      );
    }
  }));

Deno.test("quantize: weights that cannot be quantized are named", () =>
  withTemp(async (dir) => {
    const name = "model.layers.0.mlp.up_proj.weight";
    const change = (more: Partial<TensorToWrite>) => (t: TensorToWrite) =>
      t.name === name ? { ...t, ...more } : t;
    const infinite = () => new Uint8Array(new Float16Array(200 * 128).fill(Infinity).buffer);
    makeModel(`${dir}/a`, change({ data: infinite }));
    makeModel(`${dir}/b`, change({ shape: [6400, 4] }));
    makeModel(`${dir}/c`, change({ dtype: "i16" }));
    const run = (model: string) =>
      quantizeCheckpoint({ model: `${dir}/${model}`, out: `${dir}/out`, ...HOW });
    await assertRejects(() => run("a"), CheckpointError, `tensor "${name}"`);
    await assertRejects(() => run("b"), UnsupportedModelError, `tensor "${name}" of 4 inputs`);
    await assertRejects(() => run("c"), CheckpointError, "it is i16 [200, 128]");
    assertEquals([...Deno.readDirSync(dir)].length, 3);
  }));
