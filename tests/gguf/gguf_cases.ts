/**
 * The GGUF models of tests/data/gguf.
 */
import { fileURLToPath } from "node:url";
import { toF32 } from "../../src/base/half.ts";
import { openSafetensors } from "../../src/checkpoint/containers/safetensors.ts";

/** Where they are. */
export const GGUF_DIR = fileURLToPath(new URL("../data/gguf", import.meta.url));

/** Their names. */
export const GGUF_CASES: readonly string[] = [...Deno.readDirSync(GGUF_DIR)]
  .filter(({ isDirectory }) => isDirectory).map(({ name }) => name).sort();

/** A model and what is known of it. */
export interface GgufCase {
  /** The file, or the first of several. */
  readonly path: string;
  /** The Hugging Face configuration that it was made from. */
  readonly config: {
    readonly [key: string]: unknown;
    readonly rms_norm_eps: number;
    readonly rope_parameters?: Readonly<Record<string, unknown>>;
  };
  /** Its tensors under Hugging Face's names; the hash is that of what they stand for, in f32 and that row order. */
  readonly tensors: Readonly<
    Record<string, {
      readonly type: string;
      readonly shape: readonly number[];
      readonly sha256: string;
      readonly first: readonly number[];
    }>
  >;
}

/** The model called `name`. */
export function ggufCase(name: string): GgufCase {
  const dir = `${GGUF_DIR}/${name}`;
  const [file] = [...Deno.readDirSync(dir)].map(({ name }) => name)
    .filter((name) => name.endsWith(".gguf")).sort();
  return { path: `${dir}/${file}`, ...JSON.parse(Deno.readTextFileSync(`${dir}/golden.json`)) };
}

/** Tokens, and the logits of `transformers` on the dequantized model in float32, [tokens, vocabulary]. */
export function ggufGolden(name: string): { tokens: number[]; logits: Float32Array } {
  using source = openSafetensors(`${GGUF_DIR}/${name}/golden.safetensors`);
  return {
    tokens: [...new Int32Array(source.read("tokens").buffer)],
    logits: toF32(source.read("logits"), "f32"),
  };
}
