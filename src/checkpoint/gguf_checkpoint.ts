/**
 * Checkpoints that are GGUF files.
 *
 * @module
 */
import { type GgufFile, type GgufValue, Metadata, readGguf, showValue } from "../gguf/mod.ts";
import type { ModelConfig } from "./config/config.ts";
import { checkTokenIds, type GenerationConfig } from "./config/generation_config.ts";
import { readGgufConfig } from "./config/gguf_config.ts";
import { type UnusedKey, warnOfUnused } from "./config/unused_keys.ts";
import { ggufSource } from "./containers/gguf.ts";
import type { Checkpoint } from "./opened.ts";

/** Tensors that the configuration has taken up. */
const IN_CONFIG = ["rope_freqs.weight"];

/** Longest list that `rawConfig` has whole. */
const SHORT_LIST = 64;

/** Keys of an architecture that say nothing about what a model computes for a text, behind its name. */
const HARMLESS: ReadonlySet<string> = new Set([
  "tensor_data_layout",
  "use_parallel_residual",
  "expert_used_count",
  "attention.causal",
  "pooling_type",
]);

/** The penalty that greedy decoding would need, and does not have. */
const PENALTY = "general.sampling.penalty_repeat";

/** Opens the GGUF model in `file`, found for the path `dir`; see `openCheckpoint`. */
export function openGgufCheckpoint(dir: string, file: string): Checkpoint {
  return ggufCheckpoint(dir, readGguf(file));
}

/** The checkpoint that is `gguf`, which is disposed with it, or where it is refused. */
export function ggufCheckpoint(dir: string, gguf: GgufFile): Checkpoint {
  const { file } = gguf;
  try {
    const metadata = new Metadata(gguf);
    const config = readGgufConfig(gguf, metadata);
    checkTokenIds(file, config.eosTokenIds, config.vocabSize);
    const tensors = ggufSource(gguf, config, IN_CONFIG);
    const generation = generationOf(metadata, config);
    const unused = unusedOf(metadata, config);
    warnOfUnused(dir, unused, ({ key }) => `"${key}"`);
    return {
      dir,
      config,
      tensors,
      rawConfig: rawConfig(gguf),
      quantization: { method: "gguf", config: {} },
      generation,
      unusedKeys: unused,
      gguf: { version: gguf.version, files: gguf.files },
      [Symbol.dispose]: () => tensors[Symbol.dispose](),
    };
  } catch (error) {
    gguf[Symbol.dispose]();
    throw error;
  }
}

/** What the metadata says of sampling, where it says something; a number that is none is none of it. */
function generationOf(metadata: Metadata, config: ModelConfig): GenerationConfig {
  const number = (name: string) => {
    const value = metadata.raw(`general.sampling.${name}`);
    return typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : undefined;
  };
  return {
    eosTokenIds: config.eosTokenIds,
    bosTokenId: config.bosTokenId,
    padTokenId: config.padTokenId,
    temperature: number("temp"),
    topK: number("top_k"),
    topP: number("top_p"),
    repetitionPenalty: number("penalty_repeat"),
  };
}

/**
 * The keys that nothing reads. What is about the tokenizer its reader knows, what is about parts has been checked, and
 * what is about all models says who made them.
 */
function unusedOf(metadata: Metadata, { architecture }: ModelConfig): UnusedKey[] {
  const { file } = metadata;
  const keys = metadata.unasked()
    .filter((key) => !/^(tokenizer|split|general)\./.test(key));
  const unused = keys.map((key) => {
    const ofModel = key.startsWith(`${architecture}.`);
    const known = HARMLESS.has(key.slice(architecture.length + 1));
    return { file, key, matters: ofModel && !known && !isOff(metadata.raw(key)) };
  });
  const penalty = metadata.raw(PENALTY);
  if (penalty === undefined) return unused;
  return [...unused, { file, key: PENALTY, matters: penalty !== 1 }];
}

/** What an unknown option is where it is not used. */
function isOff(value: GgufValue | undefined): boolean {
  return value === false || value === 0 || value === "" || value === undefined;
}

/** The metadata as JSON has it; of long lists only the length. */
function rawConfig({ metadata }: GgufFile): Record<string, unknown> {
  const plain = (value: GgufValue): unknown => {
    if (typeof value === "bigint") return `${value}`;
    if (typeof value !== "object") return value;
    if (value.length > SHORT_LIST) return showValue(value);
    return Array.from<unknown, unknown>(value, (one) => typeof one === "bigint" ? `${one}` : one);
  };
  return Object.fromEntries([...metadata].map(([key, value]) => [key, plain(value)]));
}
