/**
 * Block drafters whose layers read 8-bit rows: in steps over the text and in blocks they compute what the same drafter
 * computes in f16, as far as 8 bits allow. Texts would not show it, as proposals change none.
 */
import { assert, assertLess } from "@std/assert";
import { toF32 } from "../../src/base/half.ts";
import { rows } from "../../src/device/mod.ts";
import { BlockState, HeadModel, Model } from "../../src/model/mod.ts";
import { backendTest } from "../backends.ts";
import { BLOCK_LAYOUTS, writeRandomBlock, writeRandomModel } from "../models.ts";
import { store, TILED } from "../quantized_models.ts";
import { Random } from "../random.ts";
import type { Rig } from "../rig.ts";
import { STORED_SCHEMES } from "../stored_schemes.ts";

const LAYOUT = {
  ...BLOCK_LAYOUTS["z-lab"],
  config: { block_size: 8, dflash_config: { target_layer_ids: [-1, 0], mask_token_id: 5 } },
};

/** Tokens of the text, more than one tile of rows. */
const CONTEXT = 40;

/** What a block of 6 tokens behind random taps says. */
function computed(rig: Rig, head: HeadModel): Float32Array {
  const { device } = rig;
  const slots = CONTEXT + 8;
  const sizes = { context: slots, slots, rows: CONTEXT, drafted: 6, branches: 1 };
  using state = new BlockState(head, sizes);
  state.cache.ensure(slots);
  const taps = new Random(4).normals(CONTEXT * head.fc.k);
  const given = rig.put("f16", [CONTEXT, head.fc.k], Float64Array.from(taps));
  device.upload(rows(state.input, 0, CONTEXT), device.download(given));
  state.queueContext(CONTEXT);
  state.setLength(CONTEXT);
  state.queueBlock(rig.put("i32", [slots], new Array(slots).fill(9)));
  return toF32(device.download(state.hidden), "f16");
}

/** Schemes of f16 models with 8 bits in weights, and in activations or not; those of fp8 are too coarse to tell by. */
const EIGHT_BITS = STORED_SCHEMES.filter(({ name, dtype }) => dtype === "f16" && /^w8a/.test(name));

for (const scheme of EIGHT_BITS) {
  backendTest(`a block drafter in ${scheme.name} computes what it does in f16`, (rig) => {
    const dir = Deno.makeTempDirSync();
    try {
      using model = Model.load(rig.device, writeRandomModel(`${dir}/model`, TILED));
      const shape = { ...TILED, seed: 9 };
      const plain = writeRandomBlock(`${dir}/plain`, shape, LAYOUT);
      const stored = store(writeRandomBlock(`${dir}/stored`, shape, LAYOUT), scheme);
      using head = HeadModel.load(rig.device, plain, model);
      using quantized = HeadModel.load(rig.device, stored, model);
      assert(quantized.summary.weightBytes < head.summary.weightBytes);
      const [expected, found] = [head, quantized].map((one) => computed(rig, one));
      const norm = (values: Float32Array) => Math.hypot(...values);
      const error = norm(expected.map((value, i) => value - found[i])) / norm(expected);
      assertLess(error, 0.08, "relative error");
    } finally {
      Deno.removeSync(dir, { recursive: true });
    }
  }, ["cpu", "cuda"]);
}
