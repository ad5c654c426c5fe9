/**
 * Checkpoints that are GGUF files.
 *
 * @module
 */
import { type GgufFile, type GgufValue, Metadata, readGguf, showValue } from "../gguf/mod.ts";
import type { ModelConfig } from "./config/config.ts";
import { checkTokenIds, type GenerationConfig } from "./config/generation_config.ts";
import { readGgufConfig } from "./config/gguf_config.ts";
import type { OtherChoice } from "./config/other_choices.ts";
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

/** What keys of sampling begin with. */
const SAMPLING = "general.sampling.";

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
    const value = metadata.raw(`${SAMPLING}${name}`);
    return typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : undefined;
  };
  const [temperature, topK, topP, minP] = ["temp", "top_k", "top_p", "min_p"].map(number);
  const sampled = [temperature, topK, topP, minP].some((value) => value !== undefined);
  const repetitionPenalty = number("penalty_repeat");
  return {
    eosTokenIds: config.eosTokenIds,
    bosTokenId: config.bosTokenId,
    padTokenId: config.padTokenId,
    // There is no key for it: what has a say in sampling is to be sampled.
    ...(sampled && { doSample: true }),
    temperature,
    topK,
    topP,
    minP,
    repetitionPenalty,
    others: otherChoices(metadata, (repetitionPenalty ?? 1) !== 1),
  };
}

/** What the metadata asks for that there is none of; a penalty may be asked for on the last tokens alone. */
function otherChoices(metadata: Metadata, penalizes: boolean): OtherChoice[] {
  const others: [name: string, neutral: number | undefined, sampledOnly: boolean][] = [
    ["sequence", undefined, true],
    ["xtc_probability", 0, true],
    ["mirostat", 0, true],
  ];
  if (penalizes) others.push(["penalty_last_n", -1, false]);
  return others.flatMap(([name, neutral, sampledOnly]) => {
    const key = `${SAMPLING}${name}`;
    const value = metadata.raw(key);
    if (value === undefined || value === neutral || value === "") return [];
    const expected = neutral === undefined ? "none" : `${neutral} or none`;
    return [{ key, found: showValue(value), expected, sampledOnly }];
  });
}

/**
 * The keys that nothing reads. What is about the tokenizer its reader knows, what is about parts has been checked, and
 * what is about all models says who made them.
 */
function unusedOf(metadata: Metadata, { architecture }: ModelConfig): UnusedKey[] {
  const { file } = metadata;
  const keys = metadata.unasked()
    .filter((key) => !/^(tokenizer|split|general)\./.test(key));
  return keys.map((key) => {
    const ofModel = key.startsWith(`${architecture}.`);
    const known = HARMLESS.has(key.slice(architecture.length + 1));
    return { file, key, matters: ofModel && !known && !isOff(metadata.raw(key)) };
  });
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
