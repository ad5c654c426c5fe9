/**
 * Writes a trio in larger shapes to directories, for commands that read models: what costs as much as published models do,
 * and says what the small trio says. With `--f16` models are not quantized, for `quantize` to read; with `--no-rotate`, as
 * the large weights that keep padded tokens away overflow in a rotated output projection.
 *
 *     deno run -A scripts/models/write_inflated.ts --target llama-3-8b --draft llama-3.2-1b --f16 --out inflated
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { type Checkpoint, openCheckpoint } from "../../src/checkpoint/checkpoint.ts";
import type { ModelConfig } from "../../src/checkpoint/config/config.ts";
import {
  type TensorToWrite,
  writeSafetensors,
} from "../../src/checkpoint/containers/safetensors_writer.ts";
import type { TensorInfo, TensorSource } from "../../src/checkpoint/containers/source.ts";
import { openHead } from "../../src/checkpoint/head.ts";
import { inflate, inflateHead } from "../../src/checkpoint/synthetic/inflated.ts";
import { MODEL_SHAPES, modelShape } from "../../src/checkpoint/synthetic/shapes.ts";
import { DEMO_DIR } from "./trio.ts";

/** Files of a model beside its weights and `config.json`. */
const OTHERS = ["tokenizer.json", "tokenizer_config.json", "generation_config.json"];

/** Sizes that two models of a trio get. */
export type Sizes = Readonly<
  Record<
    "target" | "draft",
    Pick<
      ModelConfig,
      "vocabSize" | "hiddenSize" | "intermediateSize" | "layers" | "heads" | "kvHeads"
    >
  >
>;

/** What is written. */
export interface WriteOptions {
  /** The small trio. */
  readonly trio: string;
  /** The sizes. */
  readonly sizes: Sizes;
  /** Whether models become f16; as they are stored where not. */
  readonly f16: boolean;
  /** The directory to make. */
  readonly out: string;
}

type Json = Record<string, unknown>;

function readJson(file: string): Json {
  return JSON.parse(Deno.readTextFileSync(file));
}

function copied(source: TensorSource, { name, dtype, shape }: TensorInfo): TensorToWrite {
  return { name, dtype, shape, data: () => source.chunks(name) };
}

/** A weight f16 [n, k] of symmetric 4-bit GPTQ whose groups are in order. */
function weightOf(source: TensorSource, prefix: string): TensorToWrite {
  const [rows, n] = source.info(`${prefix}.qweight`).shape;
  const [groups] = source.info(`${prefix}.scales`).shape;
  const k = rows * 8;
  const data = () => {
    const words = new Uint32Array(source.read(`${prefix}.qweight`).buffer);
    const scales = new Float16Array(source.read(`${prefix}.scales`).buffer);
    const weight = new Float16Array(n * k);
    for (let j = 0; j < k; j++) {
      const group = Math.floor((j * groups) / k);
      for (let i = 0; i < n; i++) {
        const nibble = (words[(j >> 3) * n + i] >>> (4 * (j & 7))) & 15;
        weight[i * k + j] = (nibble - 8) * scales[group * n + i];
      }
    }
    return new Uint8Array(weight.buffer);
  };
  return { name: `${prefix}.weight`, dtype: "f16", shape: [n, k], data };
}

/** Writes the model in `from` as f16 to `to`. */
function unquantize(from: string, to: string): void {
  using model = openCheckpoint(from);
  const { tensors } = model;
  const written = tensors.names().flatMap((name): TensorToWrite[] => {
    const prefix = name.slice(0, name.lastIndexOf("."));
    if (tensors.find(`${prefix}.qweight`) === undefined) {
      return [copied(tensors, tensors.info(name))];
    }
    return name.endsWith(".qweight") ? [weightOf(tensors, prefix)] : [];
  });
  Deno.mkdirSync(to);
  writeSafetensors(`${to}/model.safetensors`, written);
  const { quantization_config: _, ...config } = readJson(`${from}/config.json`);
  Deno.writeTextFileSync(`${to}/config.json`, JSON.stringify(config));
}

/** Writes weights, and `config` with the sizes of `model`. */
function write(out: string, tensors: TensorSource, config: Json, model: ModelConfig): void {
  Deno.mkdirSync(out);
  writeSafetensors(
    `${out}/model.safetensors`,
    tensors.names().map((name) => copied(tensors, tensors.info(name))),
  );
  const sizes = {
    vocab_size: model.vocabSize,
    hidden_size: model.hiddenSize,
    intermediate_size: model.intermediateSize,
    num_hidden_layers: model.layers,
    num_attention_heads: model.heads,
    num_key_value_heads: model.kvHeads,
    rms_norm_eps: model.rmsNormEps,
    tie_word_embeddings: model.tiedEmbeddings,
  };
  Deno.writeTextFileSync(`${out}/config.json`, JSON.stringify({ ...config, ...sizes }, null, 2));
}

/** Writes the trio; what stands in `out` is a trio as the small one is. */
export function writeInflated({ trio, sizes, f16, out }: WriteOptions): void {
  Deno.mkdirSync(out);
  for (const role of ["target", "draft"] as const) {
    const stored = `${trio}/${role}`;
    const plain = `${out}/${role}.small`;
    if (f16) unquantize(stored, plain);
    try {
      using small: Checkpoint = openCheckpoint(f16 ? plain : stored);
      const shape = { ...small.config, ...sizes[role] };
      using big = inflate(small, shape, { seed: 1 });
      const config = readJson(`${f16 ? plain : stored}/config.json`);
      write(`${out}/${role}`, big.tensors, config, big.config);
      for (const name of OTHERS) Deno.copyFileSync(`${stored}/${name}`, `${out}/${role}/${name}`);
      using head = openHead(`${stored}-eagle2`);
      using bigHead = inflateHead(head, small.config, shape, { seed: 1 });
      const itsConfig = readJson(`${stored}-eagle2/config.json`);
      write(`${out}/${role}-eagle2`, bigHead.tensors, itsConfig, bigHead.config.model);
    } finally {
      if (f16) Deno.removeSync(plain, { recursive: true });
    }
  }
}

/** The sizes of the shape called `name`; attention is as wide, in heads of the small model's width. */
function sizesOf(trio: string, role: string, name: string): Sizes["target"] {
  using small = openCheckpoint(`${trio}/${role}`);
  const { vocabSize, hiddenSize, intermediateSize, layers, headDim, heads, kvHeads } = modelShape(
    name,
  );
  const ratio = headDim / small.config.headDim;
  return {
    vocabSize,
    hiddenSize,
    intermediateSize,
    layers,
    heads: heads * ratio,
    kvHeads: kvHeads * ratio,
  };
}

if (import.meta.main) {
  const { trio, target, draft, f16, out } = parseArgs(Deno.args, {
    string: ["trio", "target", "draft", "out"],
    boolean: ["f16"],
    default: { trio: DEMO_DIR },
  });
  if (target === undefined || draft === undefined || out === undefined) {
    console.error(
      "Cannot write a trio: expected --target SHAPE --draft SHAPE --out DIR, and --trio DIR and --f16 " +
        `where need be; shapes are ${Object.keys(MODEL_SHAPES).join(", ")}`,
    );
    Deno.exit(2);
  }
  writeInflated({
    trio,
    sizes: { target: sizesOf(trio, "target", target), draft: sizesOf(trio, "draft", draft) },
    f16,
    out,
  });
}
