import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { CheckpointError, UnsupportedModelError } from "../base/errors.ts";
import { openCheckpoint } from "./checkpoint.ts";
import { CONFIG, INDEX, MODEL, withDir } from "./fixtures_test.ts";
import { openHead } from "./head.ts";

const POINTER = "version https://git-lfs.github.com/spec/v1\n" +
  `oid sha256:${"4d7a214614ab2935".repeat(4)}\nsize 4976698672\n`;

Deno.test("checkpoint: a Git LFS pointer is called one, whatever file it stands for", () => {
  const whole = { "config.json": CONFIG, "generation_config.json": {}, [INDEX]: null };
  for (
    const name of [
      "model.safetensors",
      "pytorch_model.bin",
      "quant_model.pt",
      INDEX,
      "shard-1.safetensors",
      "config.json",
      "generation_config.json",
    ]
  ) {
    const files: Record<string, unknown> = { ...whole };
    delete files[INDEX];
    if (name.startsWith("shard")) files[INDEX] = { weight_map: { w: name } };
    withDir(files, name.endsWith("config.json") ? MODEL : {}, (dir) => {
      Deno.writeTextFileSync(`${dir}/${name}`, POINTER);
      const message = `${dir}/${name}: it is a Git LFS pointer`;
      assertThrows(() => openCheckpoint(dir), CheckpointError, message);
    });
  }
});

Deno.test("checkpoint: what looks like the name of a model on the Hub is taken for one", () => {
  for (const open of [openCheckpoint, openHead]) {
    const { message } = assertThrows(() => open("meta-llama/Llama-3.1-8B"), CheckpointError);
    assertStringIncludes(
      message,
      "it does not exist; it looks like the name of a model on Hugging",
    );
    assertStringIncludes(message, '"hf download meta-llama/Llama-3.1-8B --local-dir DIR"');
    for (const path of ["src/checkpoints", "./a/b", "a/b/c", "llama", "/no/where"]) {
      const error = assertThrows(() => open(path), CheckpointError, `${path}: it does not exist`);
      assert(!error.message.includes("Hugging"), error.message);
    }
  }
});

Deno.test("checkpoint: files of other formats are named", () => {
  for (
    const [file, what] of [
      ["model.onnx", "ONNX"],
      ["adapter_model.safetensors", "LoRA"],
      ["consolidated.00.pth", "publisher's own layout"],
    ]
  ) {
    for (const config of [{}, { "config.json": CONFIG }]) {
      withDir({ ...config, [file]: 0 }, {}, (dir) => {
        const error = assertThrows(() => openCheckpoint(dir), UnsupportedModelError, what);
        assertStringIncludes(error.feature, file);
      });
    }
  }
  const modelopt = { producer: { name: "modelopt" }, quantization: { quant_algo: "FP8" } };
  withDir({ "config.json": CONFIG, "hf_quant_config.json": modelopt }, MODEL, (dir) => {
    assertThrows(() => openCheckpoint(dir), UnsupportedModelError, "NVIDIA ModelOpt (FP8)");
  });
});

Deno.test("checkpoint: compression_config is the older name of quantization_config", () => {
  const weights = { num_bits: 8, strategy: "channel" };
  const input_activations = { num_bits: 8, dynamic: true, strategy: "token" };
  const group = { targets: ["Linear"], weights, input_activations };
  const described = (more: object) => ({
    "config.json": { ...CONFIG, compression_config: { format: "int-quantized", ...more } },
  });
  withDir(described({ config_groups: { group_0: group } }), MODEL, (dir) => {
    using checkpoint = openCheckpoint(dir);
    assertEquals(checkpoint.quantization?.method, "compressed-tensors");
  });
  const sparse = described({ sparsity_config: { format: "sparse-bitmask" } });
  withDir(sparse, MODEL, (dir) => {
    assertThrows(() => openCheckpoint(dir), UnsupportedModelError, 'format "sparse-bitmask"');
  });
  withDir(described({}), MODEL, (dir) => {
    assertThrows(() => openCheckpoint(dir), UnsupportedModelError, 'without "config_groups"');
  });
});

Deno.test("checkpoint: a head is no model, and a model is no head", () => {
  const heads = [["fc.weight"], ["model.fc.weight", "model.layers.0.mlp.up_proj.weight"], ["d2t"]];
  for (const names of [...heads, ["midlayer.hidden_norm.weight"]]) {
    // Whatever its configuration calls it.
    for (const architectures of [["LlamaForCausalLM"], ["LlamaForCausalLMEagle3"]]) {
      const files = { "config.json": { ...CONFIG, architectures } };
      withDir(files, { "model.safetensors": names }, (dir) => {
        const message = `it holds a draft head (tensor "${names[0]}"), expected a complete model`;
        assertThrows(() => openCheckpoint(dir), CheckpointError, message);
      });
    }
  }
  const layers = { "config.json": { ...CONFIG, num_hidden_layers: 32 } };
  withDir(layers, { "model.safetensors": ["model.norm.weight"] }, (dir) => {
    const message = `it holds a complete model (tensor "model.norm.weight"), expected a draft head`;
    assertThrows(() => openHead(dir), CheckpointError, message);
  });
});
