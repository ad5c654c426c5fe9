/**
 * An open checkpoint, whatever it was opened from.
 *
 * @module
 */
import type { ModelConfig } from "./config/config.ts";
import type { GenerationConfig } from "./config/generation_config.ts";
import type { UnusedKey } from "./config/unused_keys.ts";
import type { TensorSource } from "./containers/source.ts";
import type { QuantizationConfig } from "./formats/quantization.ts";

/** An open checkpoint. Disposing it closes its files. */
export interface Checkpoint extends Disposable {
  /** The directory or the GGUF file, as given. */
  readonly dir: string;
  /**
   * The model's configuration: its special tokens those of {@link Checkpoint.generation}, its embeddings tied where
   * its tensors are.
   */
  readonly config: ModelConfig;
  /** The weights, by their usual names. */
  readonly tensors: TensorSource;
  /** `config.json` as parsed; of GGUF the metadata, of lists of more than 64 only their lengths. */
  readonly rawConfig: Record<string, unknown>;
  /** How the weights are quantized, where they are. */
  readonly quantization?: QuantizationConfig;
  /** `generation_config.json`, completed from `config.json`; of GGUF what the metadata says. */
  readonly generation: GenerationConfig;
  /** Keys of the JSON files, or of GGUF's metadata, that nothing uses. */
  readonly unusedKeys: readonly UnusedKey[];
  /** Where it is GGUF: the version of the format, and the files, first to last. */
  readonly gguf?: { readonly version: number; readonly files: readonly string[] };
}
