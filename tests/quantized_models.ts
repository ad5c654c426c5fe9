/**
 * Random models and heads in any stored scheme.
 *
 * @module
 */
import { toF32 } from "../src/base/half.ts";
import { openSafetensors } from "../src/checkpoint/containers/safetensors.ts";
import {
  type TensorToWrite,
  writeSafetensors,
} from "../src/checkpoint/containers/safetensors_writer.ts";
import type { Device } from "../src/device/mod.ts";
import { copyTree } from "./file_steps.ts";
import type { Trio } from "./methods.ts";
import {
  BLOCK_LAYOUTS,
  type BlockLayout,
  EAGLE3_LAYOUTS,
  type RandomModel,
  writeRandomBlock,
  writeRandomEagle3,
  writeRandomHead,
  writeRandomModel,
} from "./models.ts";
import { withWritten, writtenOnce } from "./rounds.ts";
import { bytesOf, type StoredScheme, toWrite } from "./stored_schemes.ts";

/** A Llama of one layer whose linear layers fit the tiles of every layout; of 256 inputs and of 128. */
export const TILED: RandomModel = {
  seed: 1,
  layers: 1,
  hidden: 256,
  intermediate: 128,
  heads: 4,
  kvHeads: 2,
  headDim: 32,
  vocab: 192,
};

/** An EAGLE-3 head of such a model. */
const EAGLE3 = {
  ...EAGLE3_LAYOUTS.eagle,
  config: { eagle_aux_hidden_state_layer_ids: [0, 1] },
  taps: 2,
  draftVocab: 128,
};

/** Block drafters of such a model; of one rank that every layout of weights has room for. */
const BLOCKS: Readonly<Record<string, BlockLayout>> = {
  dflash: {
    config: {
      block_size: 6,
      dflash_config: { target_layer_ids: [-1, 0], mask_token_id: 5 },
    },
    taps: 2,
  },
  dspark: {
    ...BLOCK_LAYOUTS.DeepSpec,
    config: {
      block_size: 5,
      target_layer_ids: [-1, 0],
      mask_token_id: 5,
      markov_rank: 128,
      markov_head_type: "vanilla",
    },
    taps: 2,
    rank: 128,
    confidence: false,
  },
};

const LINEAR = /^(.*_proj|fc|lm_head|.*\.markov_w2)\.weight$/;

/** Rewrites the f16 checkpoint in `dir` in `scheme`; returns `dir`. */
export function store(dir: string, scheme: StoredScheme): string {
  const file = `${dir}/model.safetensors`;
  const tensors: TensorToWrite[] = [];
  {
    using source = openSafetensors(file);
    for (const name of source.names()) {
      const { shape, dtype: found } = source.info(name);
      const bytes = source.read(name);
      if (found !== "f16") {
        tensors.push({ name, dtype: found, shape, data: () => bytes });
        continue;
      }
      const values = Float64Array.from(toF32(bytes, "f16"));
      const prefix = LINEAR.exec(name)?.[1];
      const [n, k] = shape;
      const packed = prefix === undefined ? undefined : scheme.pack(prefix, { values, n, k });
      if (packed !== undefined) tensors.push(...toWrite(prefix!, packed));
      else {
        const { dtype } = scheme;
        tensors.push({ name, dtype, shape, data: () => bytesOf(dtype, values) });
      }
    }
  }
  writeSafetensors(file, tensors);
  const config = JSON.parse(Deno.readTextFileSync(`${dir}/config.json`));
  if (scheme.config) config.quantization_config = scheme.config;
  Deno.writeTextFileSync(`${dir}/config.json`, JSON.stringify(config));
  return dir;
}

/** Runs `body` with a random trio in `scheme`, EAGLE-3 heads and block drafters among it; the draft model is the target, moved by `noise`. */
export function withStoredModels(
  device: Device,
  scheme: StoredScheme,
  noise: number,
  body: (models: Trio) => void,
): void {
  const unpacked = writtenOnce(`tiled ${noise}`, (dir) => {
    writeRandomModel(`${dir}/target`, TILED);
    writeRandomModel(`${dir}/draft`, { ...TILED, noise });
    writeRandomHead(`${dir}/head`, { ...TILED, seed: 9 });
    writeRandomEagle3(`${dir}/eagle3/eagle`, { ...TILED, seed: 9 }, EAGLE3);
    for (const [kind, layout] of Object.entries(BLOCKS)) {
      writeRandomBlock(`${dir}/blocks/${kind}`, { ...TILED, seed: 9 }, layout);
    }
  });
  const write = (dir: string): void => {
    copyTree(unpacked, dir);
    for (const one of ["target", "draft", "head", "eagle3/eagle"]) store(`${dir}/${one}`, scheme);
    for (const kind of Object.keys(BLOCKS)) store(`${dir}/blocks/${kind}`, scheme);
  };
  const name = JSON.stringify([scheme.name, scheme.dtype, scheme.config, noise]);
  withWritten(device, writtenOnce(name, write), body);
}
