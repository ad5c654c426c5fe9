/**
 * Finds the weight files of a directory.
 *
 * @module
 */
import { CheckpointError, UnsupportedModelError } from "../../base/errors.ts";
import { checkDirectory } from "./directory.ts";
import { openIndexed } from "./index.ts";
import { exists } from "./json.ts";
import { openPickle } from "./pickle.ts";
import { attempt } from "../../base/reader.ts";
import { openSafetensors } from "./safetensors.ts";
import type { TensorSource } from "./source.ts";

/** What is looked for, first found first taken. */
const CANDIDATES: readonly (readonly [string, (dir: string, name: string) => TensorSource])[] = [
  ["model.safetensors", (dir, name) => openSafetensors(`${dir}/${name}`)],
  ["model.safetensors.index.json", openIndexed],
  ["pytorch_model.bin", (dir, name) => openPickle(`${dir}/${name}`)],
  ["pytorch_model.bin.index.json", openIndexed],
  // What deepcompressor writes, and what the converters of arXiv 2505.22179 write.
  ["quant_model.pt", (dir, name) => openPickle(`${dir}/${name}`)],
  ["model_gptq.safetensors", (dir, name) => openSafetensors(`${dir}/${name}`)],
  ["model_gptq_marlin.safetensors", (dir, name) => openSafetensors(`${dir}/${name}`)],
];

const EXPECTED = `expected one of ${CANDIDATES.map(([name]) => name).join(", ")}`;

/** Files of other formats, with what they are; looked for where there is nothing to read. */
const OTHERS: readonly (readonly [RegExp, string])[] = [
  [/\.onnx$/, "ONNX"],
  [/^adapter_model\.(safetensors|bin)$/, "a LoRA adapter, which is no model by itself"],
  [/^consolidated\..*\.(pth|safetensors)$/, "weights in their publisher's own layout"],
  [/^(tf_model\.h5|flax_model\.msgpack)$/, "weights for TensorFlow or Flax"],
];

/** Opens the weights of the checkpoint in `dir`. A CheckpointError says what was looked for. */
export function openWeights(dir: string): TensorSource {
  checkDirectory(dir);
  for (const [name, open] of CANDIDATES) {
    if (exists(`${dir}/${name}`)) return open(dir, name);
  }
  const files = namesIn(dir);
  // AutoGPTQ named its files after their contents, e.g. gptq_model-4bit-128g.safetensors.
  const named = files.filter((name) => /^gptq_model-.*\.safetensors$/.test(name));
  if (named.length === 1) return openSafetensors(`${dir}/${named[0]}`);
  refuseOthers(dir, files);
  throw new CheckpointError(dir, `it holds no weights, ${EXPECTED}`);
}

/** Refuses a directory for the weights of another format that it holds, where it does; by their name. */
export function refuseOthers(dir: string, files: readonly string[] = namesIn(dir)): void {
  const gguf = files.find((name) => name.endsWith(".gguf"));
  if (gguf !== undefined) {
    throw new CheckpointError(
      dir,
      `it holds ${gguf}, a GGUF model, and other weights or none that are looked for; the path of that file ` +
        `opens it, ${EXPECTED} opens the directory`,
    );
  }
  for (const [pattern, what] of OTHERS) {
    const file = files.find((name) => pattern.test(name));
    if (file !== undefined) throw new UnsupportedModelError(`${what} (${dir}/${file})`, EXPECTED);
  }
}

function namesIn(dir: string): string[] {
  return attempt(dir, () => [...Deno.readDirSync(dir)]).map(({ name }) => name).sort();
}
