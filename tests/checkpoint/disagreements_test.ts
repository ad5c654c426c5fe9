/**
 * Checkpoints whose configuration and files disagree, or that are stored in another way than usual: what is computed is
 * what transformers 5 computes, which is said with each case, and what is not used is told.
 */
import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { CheckpointError } from "../../src/base/errors.ts";
import { onWarning } from "../../src/base/warnings.ts";
import { openCheckpoint } from "../../src/checkpoint/checkpoint.ts";
import type { TensorToWrite } from "../../src/checkpoint/containers/safetensors_writer.ts";
import { Device } from "../../src/device/mod.ts";
import { scoreTokens } from "../../src/engine/mod.ts";
import { Model } from "../../src/model/mod.ts";
import { quantizeCheckpoint } from "../../src/quantize/mod.ts";
import { SMALL, writeRandomModel } from "../models.ts";
import { rewrite, type Tensors } from "../rewrite.ts";

const [EMBEDDING, OUTPUT] = ["model.embed_tokens.weight", "lm_head.weight"];
const TOKENS = Array.from({ length: 12 }, (_, i) => (37 * i + 5) % SMALL.vocab);

/** What a case makes of the tensors of a plain model, and of its configuration. */
interface Case {
  tensors?(tensors: Tensors): void;
  config?: object;
}

interface Found {
  logprobs: readonly (number | null)[];
  tied: boolean;
  unused: [name: string, matters: boolean][];
  warnings: string[];
}

/** What the model in `dir` says of `TOKENS`, and what is said of the model. */
function read(device: Device, dir: string): Found {
  const warnings: string[] = [];
  onWarning((message) => warnings.push(message.replaceAll(`${dir}: `, "")));
  try {
    using checkpoint = openCheckpoint(dir);
    using model = Model.load(device, checkpoint);
    const { logprobs } = scoreTokens(model, TOKENS);
    const unused = model.summary.unused.map(({ name, matters }): [string, boolean] => [
      name,
      matters,
    ]);
    return { logprobs, tied: checkpoint.config.tiedEmbeddings, unused, warnings };
  } finally {
    onWarning();
  }
}

function withPlain(body: (device: Device, plain: string, of: (one: Case) => Found) => void): void {
  const dir = Deno.makeTempDirSync();
  try {
    using device = Device.open({ backend: "cpu" });
    const plain = writeRandomModel(`${dir}/plain`, SMALL);
    let count = 0;
    body(device, plain, ({ tensors, config }) => {
      return read(device, rewrite(plain, `${dir}/${count++}`, tensors, config));
    });
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

const TIED = { tie_word_embeddings: true };
const copy = (tensors: Tensors, from: string, to: string) =>
  tensors.set(to, { ...tensors.get(from)!, name: to });

Deno.test("disagree: embeddings are tied as the tensors are (PreTrainedModel.tie_weights)", () => {
  withPlain((device, plain, of) => {
    const untied = read(device, plain);
    assertEquals([untied.tied, untied.unused, untied.warnings], [false, [], []]);
    const tied = of({ tensors: (all) => all.delete(OUTPUT), config: TIED });
    assertEquals([tied.tied, tied.unused, tied.warnings], [true, [], []]);
    assertNotEquals(tied.logprobs, untied.logprobs);

    // Both are there and differ: not tied, with a warning.
    const differing = of({ config: TIED });
    assertEquals([differing.logprobs, differing.tied], [untied.logprobs, false]);
    assertEquals(differing.warnings, [
      "its configuration ties embeddings (tie_word_embeddings), but lm_head.weight differs from " +
      "model.embed_tokens.weight; lm_head.weight is used",
    ]);
    // Both are there and equal: tied, as in every PyTorch file.
    const equal = of({ tensors: (all) => copy(all, EMBEDDING, OUTPUT), config: TIED });
    assertEquals([equal.logprobs, equal.tied, equal.warnings], [tied.logprobs, true, []]);
    assertEquals(equal.unused, [[OUTPUT, false]]);
    // The output projection alone is there: it is the embedding, too.
    const swapped = of({
      tensors: (all) => {
        copy(all, EMBEDDING, OUTPUT);
        all.delete(EMBEDDING);
      },
      config: TIED,
    });
    assertEquals([swapped.logprobs, swapped.tied, swapped.warnings], [tied.logprobs, true, []]);
    // Not tied, and none is there: transformers would make one up.
    assertThrows(() => of({ tensors: (all) => all.delete(OUTPUT) }), CheckpointError, "lm_head");
  });
});

Deno.test("disagree: biases that the configuration does not have are not used, and warned of", () => {
  // nn.Linear(bias=False) has no place for them: they are "unexpected keys" of transformers.
  withPlain((device, plain, of) => {
    const { logprobs } = read(device, plain);
    const biased = (value: number) =>
      of({
        tensors(all) {
          for (let i = 0; i < SMALL.layers; i++) {
            const name = `model.layers.${i}.self_attn.o_proj.bias`;
            const data = () => new Uint8Array(Float16Array.of(...new Array(64).fill(value)).buffer);
            all.set(name, { name, dtype: "f16", shape: [64], data });
          }
        },
      });
    const found = biased(0.5);
    assertEquals(found.logprobs, logprobs);
    assertEquals(found.unused.map(([, matters]) => matters), [true, true]);
    assertEquals(found.warnings, [
      "what it says may not be what it should, as these tensors are not used: " +
      "model.layers.*.self_attn.o_proj.bias (2)",
    ]);
    // Quantizers write biases of zeros.
    const zeros = biased(0);
    assertEquals([zeros.logprobs, zeros.warnings], [logprobs, []]);
    assertEquals(zeros.unused.map(([, matters]) => matters), [false, false]);
  });
});

Deno.test("disagree: other tensors are listed, and warned of unless known", () => {
  withPlain((device, plain, of) => {
    const { logprobs } = read(device, plain);
    const extra = (name: string, dtype: TensorToWrite["dtype"], bytes: number) =>
      ({ name, dtype, shape: [4], data: () => new Uint8Array(bytes) }) as const;
    const found = of({
      tensors(all) {
        for (
          const tensor of [
            extra("model.layers.0.self_attn.rotary_emb.inv_freq", "f32", 16),
            extra("model.layers.2.mlp.up_proj.weight", "f16", 8),
            extra("model.layers.0.self_attn.sinks", "bf16", 8),
            extra("scales", "f8_e8m0", 4),
            extra("packed", "f4", 2),
            extra("spectrum", "c64", 32),
          ]
        ) all.set(tensor.name, tensor);
      },
    });
    assertEquals(found.logprobs, logprobs);
    assertEquals(found.unused, [
      ["model.layers.0.self_attn.rotary_emb.inv_freq", false],
      ["model.layers.2.mlp.up_proj.weight", true],
      ["model.layers.0.self_attn.sinks", true],
      ["scales", true],
      ["packed", true],
      ["spectrum", true],
    ]);
    assertEquals(found.warnings.length, 1);
    // An unusual dtype is refused where it is read.
    const read8 = () =>
      of({
        tensors: (all) => {
          const norm = "model.norm.weight";
          const data = () => new Uint8Array(64);
          all.set(norm, { name: norm, dtype: "f8_e8m0", shape: [64], data });
        },
      });
    assertThrows(read8, CheckpointError, '"model.norm.weight": its dtype is f8_e8m0, expected f16');
  });
});

Deno.test("disagree: names without model. before them, and with too many (rename_source_key)", () => {
  withPlain((device, plain, of) => {
    const { logprobs } = read(device, plain);
    const renamed = (rename: (name: string) => string, config = {}): Case => ({
      tensors(all) {
        const named = [...all].map(([name, tensor]) => [rename(name), tensor] as const);
        all.clear();
        for (const [name, tensor] of named) all.set(name, tensor);
      },
      config,
    });
    const bare = of(renamed((name) => name.replace(/^model\./, ""), {
      architectures: ["LlamaModel"],
    }));
    assertEquals([bare.logprobs, bare.unused, bare.warnings], [logprobs, [], []]);
    const under = of(renamed((name) => name === OUTPUT ? `model.${OUTPUT}` : name));
    assertEquals([under.logprobs, under.unused], [logprobs, []]);
    // A tensor that has the right name keeps it.
    const both = of({
      tensors(all) {
        const name = "norm.weight";
        const data = () => new Uint8Array(128);
        all.set(name, { name, dtype: "f16", shape: [64], data });
      },
    });
    assertEquals([both.logprobs, both.unused], [logprobs, [["norm.weight", true]]]);
  });
});

Deno.test("disagree: a quantized copy of a model that is not tied does not say that it is", async () => {
  const dir = Deno.makeTempDirSync();
  try {
    using device = Device.open({ backend: "cpu" });
    const plain = writeRandomModel(`${dir}/plain`, SMALL);
    const model = rewrite(plain, `${dir}/model`, () => {}, TIED);
    const out = `${dir}/out`;
    await quantizeCheckpoint({ model, out, scheme: "w4a16-g32", method: "rtn" });
    const { tie_word_embeddings } = JSON.parse(Deno.readTextFileSync(`${out}/config.json`));
    const { tied, warnings } = read(device, out);
    assertEquals([tie_word_embeddings, tied, warnings], [false, false, []]);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});
