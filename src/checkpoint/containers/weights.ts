/**
 * Finds the weight files of a directory.
 *
 * @module
 */
import { CheckpointError } from "../../base/errors.ts";
import { openIndexed } from "./index.ts";
import { exists } from "./json.ts";
import { openPickle } from "./pickle.ts";
import { attempt } from "./reader.ts";
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

/** Opens the weights of the checkpoint in `dir`. A CheckpointError says what was looked for. */
export function openWeights(dir: string): TensorSource {
  for (const [name, open] of CANDIDATES) {
    if (exists(`${dir}/${name}`)) return open(dir, name);
  }
  // AutoGPTQ named its files after their contents, e.g. gptq_model-4bit-128g.safetensors.
  const named = attempt(dir, () => [...Deno.readDirSync(dir)])
    .map((entry) => entry.name)
    .filter((name) => /^gptq_model-.*\.safetensors$/.test(name));
  if (named.length === 1) return openSafetensors(`${dir}/${named[0]}`);
  throw new CheckpointError(
    dir,
    `it holds no weights, expected one of ${CANDIDATES.map(([name]) => name).join(", ")}`,
  );
}
