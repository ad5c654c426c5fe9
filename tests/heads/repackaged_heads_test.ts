/**
 * EAGLE-2 heads as trainers and engines store them: the same proposals as from the same head stored as EAGLE does.
 */
import { fileURLToPath } from "node:url";
import { assertEquals, assertThrows } from "@std/assert";
import { CheckpointError, UnsupportedModelError } from "../../src/base/errors.ts";
import { f32ToBf16 } from "../../src/base/half.ts";
import { onWarning } from "../../src/base/warnings.ts";
import { openCheckpoint } from "../../src/checkpoint/checkpoint.ts";
import type { TensorToWrite } from "../../src/checkpoint/containers/safetensors_writer.ts";
import { openHead } from "../../src/checkpoint/head.ts";
import { Device } from "../../src/device/mod.ts";
import { checkHead, HeadModel, Model } from "../../src/model/mod.ts";
import { convertHead, quantizeCheckpoint } from "../../src/quantize/mod.ts";
import { eagle2 } from "../../src/speculation/mod.ts";
import { SMALL, writeRandomHead, writeRandomModel } from "../models.ts";
import { rewrite, type Tensors, tensorsOf } from "../rewrite.ts";
import { decode, prompts } from "../rounds.ts";

const FORMATS = fileURLToPath(new URL("../data/formats", import.meta.url));
const OUTPUT = "lm_head.weight";

type Change = (tensors: Tensors) => void;

/** Runs `body` with a model, a head of it, and a place for others. */
function withHead(body: (dir: string, device: Device) => void): void {
  const dir = Deno.makeTempDirSync();
  try {
    writeRandomModel(`${dir}/model`, SMALL);
    writeRandomHead(`${dir}/head`, { ...SMALL, seed: 9 });
    using device = Device.open({ backend: "cpu" });
    body(dir, device);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

const prefixed: Change = (tensors) => {
  for (const [name, tensor] of [...tensors]) {
    tensors.delete(name);
    tensors.set(`model.${name}`, tensor);
  }
};

Deno.test("repackaged heads propose what they did", () => {
  withHead((dir, device) => {
    using model = Model.load(device, `${dir}/model`);
    const embedding = tensorsOf(`${dir}/model`).get("model.embed_tokens.weight")!;
    const prompt = prompts(5)[4];
    const run = (head: string) => {
      using loaded = HeadModel.load(device, head, model);
      const plan = eagle2(loaded, { depth: 4, topk: 4, treeSize: 16 });
      return [decode(model, prompt, 24, plan), loaded.summary.unused];
    };
    const expected = run(`${dir}/head`);
    const cases: [string, Change, object][] = [
      ["SGLang", () => {}, { architectures: ["LlamaForCausalLMEagle"], bias: undefined }],
      ["vLLM", prefixed, {
        architectures: ["EagleLlamaForCausalLM"],
        model_type: "eagle",
        bias: undefined,
      }],
      ["vLLM, before", () => {}, {
        architectures: ["EAGLEModel"],
        model_type: "eagle",
        truncated_vocab_size: SMALL.vocab,
      }],
      ["an embedding, and no vocabulary", (tensors) => {
        tensors.set("model.embed_tokens.weight", embedding);
      }, { vocab_size: undefined }],
    ];
    for (const [name, change, config] of cases) {
      assertEquals(run(rewrite(`${dir}/head`, `${dir}/${name}`, change, config)), expected, name);
    }
  });
});

Deno.test("heads: an output projection that is their verifier's is left alone, another one refused", () => {
  withHead((dir, device) => {
    const own = tensorsOf(`${dir}/model`).get(OUTPUT)!;
    const bytes = own.data() as Uint8Array<ArrayBuffer>;
    const values = new Float16Array(bytes.buffer.slice(0));
    let count = 0;
    const head = (output: Partial<TensorToWrite>): string =>
      rewrite(`${dir}/head`, `${dir}/${count++}`, (all) => all.set(OUTPUT, { ...own, ...output }));
    using model = Model.load(device, `${dir}/model`);
    const summary = (path: string, verifier: Parameters<typeof checkHead>[1] = model) => {
      using opened = openHead(path);
      const { weightBytes, unused } = checkHead(opened, verifier);
      return [weightBytes, unused.map(({ name, matters }) => [name, matters])];
    };
    const [plain] = summary(`${dir}/head`);
    const left = [plain, [[OUTPUT, false]]];
    assertEquals(summary(head({})), left);
    // Trained in bf16 for what is stored in f16, and for a vocabulary without its padding.
    const bf16 = f32ToBf16(new Float32Array(values));
    assertEquals(summary(head({ dtype: "bf16", data: () => new Uint8Array(bf16.buffer) })), left);
    const shape = [SMALL.vocab - 32, SMALL.hidden];
    const short = bytes.subarray(0, 2 * shape[0] * shape[1]);
    assertEquals(summary(head({ shape, data: () => short })), left);

    values[values.length - 1] += 1;
    const other = head({ data: () => new Uint8Array(values.buffer) });
    const refused = (load: () => unknown) =>
      assertThrows(load, UnsupportedModelError, "an output projection of its own");
    refused(() => summary(other));
    refused(() => HeadModel.load(device, other, model));
    // Alone it can be looked at.
    using opened = openHead(other);
    const itself = { dir: other, config: opened.config.model };
    assertEquals(summary(other, itself), left);

    const tie: Change = (all) => all.delete(OUTPUT);
    const tied = rewrite(`${dir}/model`, `${dir}/tied`, tie, { tie_word_embeddings: true });
    using verifier = openCheckpoint(tied);
    const { data } = tensorsOf(tied).get("model.embed_tokens.weight")!;
    assertEquals(summary(head({ data }), verifier), left);
    refused(() => summary(head({}), verifier));
  });
});

Deno.test("heads: a quantized output projection of the verifier is not compared, and reads", () => {
  using verifier = openCheckpoint(`${FORMATS}/gptq-lm-head-8bit`);
  const { hiddenSize: hidden, intermediateSize, vocabSize: vocab, headDim } = verifier.config;
  const { heads, kvHeads } = verifier.config;
  const dir = Deno.makeTempDirSync();
  try {
    const shape = { seed: 3, layers: 1, hidden, heads, kvHeads, headDim, vocab };
    writeRandomHead(`${dir}/head`, { ...shape, intermediate: intermediateSize });
    const path = rewrite(`${dir}/head`, `${dir}/own`, (all) => {
      const data = () => new Uint8Array(2 * vocab * hidden);
      all.set(OUTPUT, { name: OUTPUT, dtype: "f16", shape: [vocab, hidden], data });
    });
    using head = openHead(path);
    assertEquals(checkHead(head, verifier).unused.map(({ name }) => name), [OUTPUT]);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});

Deno.test("heads: tensors that are not used are listed, and warned of", () => {
  withHead((dir) => {
    const path = rewrite(`${dir}/head`, `${dir}/normed`, (all) => {
      const name = "embedding_layernorm.weight"; // HASS, as speculators stores it
      const data = () => new Uint8Array(128);
      all.set(name, { name, dtype: "f16", shape: [64], data });
    });
    const heard: string[] = [];
    onWarning((message) => heard.push(message));
    try {
      using head = openHead(path);
      checkHead(head, { dir: path, config: head.config.model });
    } finally {
      onWarning();
    }
    assertEquals(heard, [
      `${path}: what it proposes may be worse than it should, as these tensors are not used: ` +
      "embedding_layernorm.weight",
    ]);
    const config = { bias: true };
    const without = rewrite(`${dir}/head`, `${dir}/without`, () => {}, config);
    assertThrows(() => openHead(without), CheckpointError, '"fc.bias": it is missing');
  });
});

Deno.test("heads: an output projection goes when the head is converted for a rotated model", async () => {
  const dir = Deno.makeTempDirSync();
  try {
    const model = writeRandomModel(`${dir}/model`, SMALL);
    const plain = writeRandomHead(`${dir}/plain`, { ...SMALL, seed: 9 });
    const own = tensorsOf(model).get(OUTPUT)!;
    const head = rewrite(plain, `${dir}/head`, (all) => all.set(OUTPUT, own));
    const rotated = `${dir}/rotated`;
    await quantizeCheckpoint({ model, out: rotated, scheme: "f16", rotate: true });
    await convertHead({ head, model: rotated, out: `${dir}/out` });
    using checkpoint = openCheckpoint(rotated);
    using converted = openHead(`${dir}/out`);
    assertEquals(checkHead(converted, checkpoint).unused, []);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});
