import { assert, assertEquals, assertThrows } from "@std/assert";
import { CheckpointError, SpecMQuantError, UnsupportedModelError } from "../base/errors.ts";
import { openCheckpoint } from "./checkpoint.ts";
import { openIndexed } from "./containers/index.ts";
import { CONFIG, INDEX, withDir } from "./fixtures_test.ts";
import { openHead } from "./head.ts";

Deno.test("checkpoint: one file, generation_config preferred", () => {
  const files = {
    "config.json": CONFIG,
    "generation_config.json": { eos_token_id: [3, 4] },
    "quantize_config.json": { bits: 4, group_size: 32, desc_act: true },
  };
  withDir(files, { "model.safetensors": ["w"] }, (dir) => {
    using checkpoint = openCheckpoint(dir);
    assertEquals(checkpoint.config.eosTokenIds, [3, 4]);
    assertEquals(checkpoint.generation.eosTokenIds, [3, 4]);
    assertEquals(checkpoint.tensors.names(), ["w"]);
    assert(checkpoint.quantization?.method === "gptq");
    assertEquals(checkpoint.quantization.config.groupSize, 32);
    assertEquals(checkpoint.rawConfig.vocab_size, 16);
  });
});

const SHARDS = { "a.safetensors": ["x", "y"], "b.safetensors": ["z"] };
Deno.test("checkpoint: shards", () => {
  const map = { x: "a.safetensors", y: "a.safetensors", z: "b.safetensors" };
  withDir({ "config.json": CONFIG, [INDEX]: { weight_map: map } }, SHARDS, (dir) => {
    using checkpoint = openCheckpoint(dir);
    assertEquals(checkpoint.tensors.names(), ["x", "y", "z"]);
    assertEquals([...checkpoint.tensors.read("y")], [1]);
    assertEquals(checkpoint.tensors.info("z").file, `${dir}/b.safetensors`);
    assertEquals(checkpoint.tensors.find("q"), undefined);
    assertThrows(() => checkpoint.tensors.read("q"), CheckpointError, `tensor "q"`);
  });
});

Deno.test("checkpoint: shards in folders, and an index that says too much or too little", () => {
  // As transformers, which reads every tensor of every shard that an index names.
  const map = {
    z: "parts/b.safetensors",
    x: "parts/a.safetensors",
    gone: "parts/a.safetensors",
  };
  withDir({ [INDEX]: { weight_map: map } }, {}, (dir) => {
    Deno.mkdirSync(`${dir}/parts`);
    withDir({}, SHARDS, (shards) => {
      for (const name of Object.keys(SHARDS)) {
        Deno.renameSync(`${shards}/${name}`, `${dir}/parts/${name}`);
      }
    });
    using source = openIndexed(dir, INDEX);
    assertEquals(source.names(), ["z", "x", "y"]);
    assertEquals([...source.read("y")], [1]);
    assertEquals(source.find("gone"), undefined);
    const message = `tensor "gone": shard parts/a.safetensors does not hold it`;
    assertThrows(() => source.info("gone"), CheckpointError, message);
  });
});

const BAD_INDEX: [unknown, string][] = [
  [{}, `key "weight_map" is missing`],
  [{ weight_map: [] }, `key "weight_map" is []`],
  [{ weight_map: { x: "gone.safetensors" } }, `tensor "x": shard gone.safetensors is unusable`],
  ...["../a", "/etc/a", "a/../b", "./a", "a//b", "a\\b"].map((path): [unknown, string] => {
    const name = `${path}.safetensors`;
    return [{ weight_map: { x: name } }, `its shard is ${JSON.stringify(name)}`];
  }),
  [{ weight_map: { x: "a/...safetensors/b.bin" } }, "shard a/...safetensors/b.bin is unusable"],
  [{ weight_map: { x: 3 } }, "its shard is 3"],
];
for (const [index, message] of BAD_INDEX) {
  Deno.test(`index: refuses ${JSON.stringify(index)}`, () => {
    withDir({ [INDEX]: index }, SHARDS, (dir) => {
      const error = assertThrows(() => openIndexed(dir, INDEX), CheckpointError, message);
      assertEquals(error.file, `${dir}/${INDEX}`);
    });
  });
}

Deno.test("checkpoint: what is missing or wrong is named", () => {
  assertThrows(() => openCheckpoint("no/such/dir"), CheckpointError, "does not exist");
  const refused = (
    files: Record<string, unknown>,
    tensors: string[] | undefined,
    message: string,
    code = "checkpoint",
  ) =>
    withDir(files, tensors ? { "model.safetensors": tensors } : {}, (dir) => {
      const error = assertThrows(() => openCheckpoint(dir), SpecMQuantError, message);
      assertEquals(error.code, code);
    });
  refused({}, ["w"], "config.json: it does not exist");
  refused({ "config.json": [] }, ["w"], "expected an object");
  refused({ "config.json": CONFIG }, undefined, "it holds no weights");
  refused({ "config.json": { ...CONFIG, eos_token_id: 16 } }, ["w"], "eos_token_id holds 16");
  const unsupported = "unsupported_model";
  const exl2 = { ...CONFIG, quantization_config: { quant_method: "exl2" } };
  refused({ "config.json": exl2 }, ["w"], `quantization method "exl2"`, unsupported);
  const gemv = { w_bit: 4, q_group_size: 128, version: "GEMV" };
  refused({ "config.json": CONFIG, "quant_config.json": gemv }, ["w"], `"gemv"`, unsupported);
  refused({ "config.json": CONFIG, "quant_config.json": {} }, ["w"], `key "bits" is missing`);
});

Deno.test("head: fc, its bias, and other kinds", () => {
  const open = (config: object, tensors: string[]) => {
    withDir({ "config.json": config }, { "model.safetensors": tensors }, (dir) => {
      using head = openHead(dir);
      assertEquals(head.tensors.find("fc.weight")?.bytes, 1);
    });
  };
  open(CONFIG, ["fc.weight", "fc.bias"]);
  open({ ...CONFIG, bias: false }, ["fc.weight"]);
  open(CONFIG, ["fc.weight"]);
  open({ ...CONFIG, bias: false }, ["fc.weight", "fc.bias"]);
  open({ ...CONFIG, architectures: ["EagleLlamaForCausalLM"] }, ["model.fc.weight"]);
  const says = { ...CONFIG, bias: true };
  assertThrows(() => open(says, ["fc.weight"]), CheckpointError, `"fc.bias": it is missing`);
  assertThrows(() => open(CONFIG, ["w"]), CheckpointError, `"fc.weight"`);
  assertThrows(() => open(CONFIG, ["fc.weight", "mask_hidden"]), UnsupportedModelError, "P-EAGLE");
});
