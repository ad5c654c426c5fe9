/**
 * Directories of checkpoints that tests write.
 *
 * @module
 */
import { onWarning } from "../base/warnings.ts";
import { writeSafetensors } from "./containers/safetensors_writer.ts";

/** A configuration of a tiny Llama. */
export const CONFIG = {
  architectures: ["LlamaForCausalLM"],
  vocab_size: 16,
  hidden_size: 8,
  intermediate_size: 16,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  rms_norm_eps: 1e-5,
  max_position_embeddings: 32,
  eos_token_id: 2,
};

/** What is enough for the weights of a model that nothing loads. */
export const MODEL: Record<string, string[]> = { "model.safetensors": ["model.norm.weight"] };
/** The name of an index. */
export const INDEX = "model.safetensors.index.json";

/** Runs `use` in a directory with these JSON files and safetensors files of one-byte tensors. */
export function withDir(
  files: Record<string, unknown>,
  weights: Record<string, string[]>,
  use: (dir: string) => void,
): void {
  const dir = Deno.makeTempDirSync();
  try {
    for (const [name, json] of Object.entries(files)) {
      Deno.writeTextFileSync(`${dir}/${name}`, JSON.stringify(json));
    }
    for (const [name, tensors] of Object.entries(weights)) {
      const one = (tensor: string, i: number) => (
        { name: tensor, dtype: "u8", shape: [1], data: () => Uint8Array.of(i) } as const
      );
      writeSafetensors(`${dir}/${name}`, tensors.map(one));
    }
    use(dir);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

/** The warnings that `work` gives. */
export function warnings(work: () => void): string[] {
  const heard: string[] = [];
  onWarning((message) => heard.push(message));
  try {
    work();
  } finally {
    onWarning();
  }
  return heard;
}
