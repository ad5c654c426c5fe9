/**
 * Writes what a model, as it is quantized, makes of texts: the hidden states that a draft head is trained on.
 *
 * @module
 */
import { ArgumentError } from "../../base/errors.ts";
import { checkSpace } from "../../base/free_space.ts";
import {
  checkOptions,
  FUNCTION,
  integer,
  type Kinds,
  PATH,
  pathOf,
  required,
  SIGNAL,
} from "../../base/options.ts";
import { openCheckpoint } from "../../checkpoint/checkpoint.ts";
import type { ModelConfig } from "../../checkpoint/config/config.ts";
import {
  type TensorToWrite,
  writeSafetensors,
} from "../../checkpoint/containers/safetensors_writer.ts";
import type { Device } from "../../device/mod.ts";
import { Model } from "../../model/mod.ts";
import { checkpointFiles } from "./config_json.ts";
import { pause } from "./pause.ts";
import { TextReader } from "./text_reader.ts";
import { type TrainingText, trainingTexts } from "./training_texts.ts";
import { verifierTables } from "./verifier_tables.ts";
import { WorkDirectory } from "./work_directory.ts";
import { infoOf } from "./out_place.ts";

/** What {@link writeStates} is asked to do. */
export interface WriteStatesOptions {
  /** The model: a directory or a GGUF file, a path or a `file:` URL like the others. */
  readonly model: string | URL;
  /** The texts, a JSON object a line (see `trainingTexts`). */
  readonly texts: string | URL;
  /** Directory to write, absent or empty. */
  readonly out: string | URL;
  /** Residual streams to keep beside the last hidden states, by how many layers have run, ascending; none by default. */
  readonly taps?: readonly number[];
  /** Most tokens of a text; 2048, or the model's positions where those are fewer, by default. */
  readonly textTokens?: number;
  /** Tokens of a shard, at least, but for the last; 16384 by default. */
  readonly shardTokens?: number;
  /** Opens the device to run on. */
  readonly device: () => Device;
  /** Hears the tokens done in this run, of those that it had to do. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Hears where what is finished lies, where the work ends early. */
  readonly onKept?: (dir: string, done: number, total: number) => void;
  /** Stops the work; finished shards stay for the next run. */
  readonly signal?: AbortSignal;
}

/** What {@link writeStates} did. */
export interface WriteStatesResult {
  /** Texts. */
  readonly texts: number;
  /** Tokens of all of them. */
  readonly tokens: number;
  /** Shards. */
  readonly shards: number;
  /** Those that an earlier run had written. */
  readonly resumed: number;
}

const KINDS: Kinds<WriteStatesOptions> = {
  model: required(PATH),
  texts: required(PATH),
  out: required(PATH),
  taps: { expected: "a list of whole numbers", fits: Array.isArray },
  textTokens: integer(2),
  shardTokens: integer(1),
  device: required(FUNCTION),
  onProgress: FUNCTION,
  onKept: FUNCTION,
  signal: SIGNAL,
};

const DOING = "write hidden states";

/** Name of the file with the embedding and the output projection. */
const TABLES = "verifier.safetensors";

/**
 * Writes `out`: shards `states-00000.safetensors` and on with `ids`, `lengths` and `prompts` (i32), `hidden` [tokens,
 * hidden], which are behind the final norm, and `taps` [tokens, taps hidden], both of the activations' dtype;
 * `verifier.safetensors`; and `config.json`. The directory appears complete or not at all; shards that an earlier run with
 * the same options finished are not written again, and the bytes are the same. Rejects with the signal's reason when aborted.
 */
export async function writeStates(options: WriteStatesOptions): Promise<WriteStatesResult> {
  checkOptions(DOING, options, KINDS);
  const [dir, file, out] = (["model", "texts", "out"] as const).map((name) =>
    pathOf(DOING, name, options[name])
  );
  const { signal, shardTokens = 16384 } = options;
  signal?.throwIfAborted();
  using checkpoint = openCheckpoint(dir);
  const { config } = checkpoint;
  const taps = checkTaps(options.taps ?? [], config, dir);
  const textTokens = Math.min(options.textTokens ?? 2048, config.maxPositions);
  const texts = trainingTexts(dir, file, { tokens: textTokens, vocabSize: config.vocabSize });
  const shards = cutShards(texts, shardTokens);
  using device = options.device();
  const args = {
    program: 1,
    taps,
    shardTokens,
    backend: device.backend,
    texts: await digest(texts),
    model: checkpointFiles(checkpoint),
  };
  using work = new WorkDirectory(out, dir, args);
  const written = new Set(work.files());
  const left = shards.filter((_, i) => !written.has(shardName(i)));
  const resumed = shards.length - left.length;
  const total = tokensOf(left.flat());
  let done = 0;
  try {
    if (!work.finished) {
      const bytes = 2 * config.hiddenSize * ((1 + taps.length) * total + 2 * config.vocabSize);
      checkSpace(out, work.dir, bytes);
      using model = Model.load(device, checkpoint);
      const context = Math.max(...texts.map(({ ids }) => ids.length));
      using reader = new TextReader(model, context, taps);
      for (const [i, shard] of shards.entries()) {
        if (written.has(shardName(i))) continue;
        const tensors: ShardData = { hidden: [], taps: [] };
        for (const { ids } of shard) {
          const read = reader.read(ids);
          tensors.hidden.push(read.hidden);
          tensors.taps.push(read.taps);
          done += ids.length;
          options.onProgress?.(done, total);
          await pause(signal);
        }
        writeSafetensors(
          `${work.model}/${shardName(i)}`,
          shardTensors(shard, tensors, model, taps),
        );
        work.sync();
      }
      if (!written.has(TABLES)) {
        writeSafetensors(`${work.model}/${TABLES}`, verifierTables(model));
      }
      const description = JSON.stringify(describe(config, taps), null, 2);
      work.writeFile(`${work.model}/config.json`, new TextEncoder().encode(`${description}\n`));
    }
    work.finish();
  } catch (error) {
    const kept = shards.filter((_, i) => infoOf(`${work.model}/${shardName(i)}`)?.isFile).length;
    if (kept > 0) options.onKept?.(work.dir, kept, shards.length);
    else work.remove();
    throw error;
  }
  return { texts: texts.length, tokens: tokensOf(texts), shards: shards.length, resumed };
}

function shardName(i: number): string {
  return `states-${`${i}`.padStart(5, "0")}.safetensors`;
}

function tokensOf(texts: readonly TrainingText[]): number {
  return texts.reduce((sum, { ids }) => sum + ids.length, 0);
}

/** Texts in their order, as many to a shard as reach `tokens`. */
function cutShards(texts: readonly TrainingText[], tokens: number): TrainingText[][] {
  const shards: TrainingText[][] = [];
  let room = 0;
  for (const text of texts) {
    if (room <= 0) {
      shards.push([]);
      room = tokens;
    }
    shards.at(-1)!.push(text);
    room -= text.ids.length;
  }
  return shards;
}

function checkTaps(taps: readonly number[], config: ModelConfig, dir: string): readonly number[] {
  const { layers } = config;
  taps.forEach((tap, i) => {
    if (Number.isInteger(tap) && tap >= (taps[i - 1] ?? -1) + 1 && tap <= layers) return;
    throw new ArgumentError(
      "taps",
      `Cannot ${DOING}: taps are ${
        taps.join(", ")
      }, expected ascending numbers of layers that have run, ` +
        `0 to ${layers} for ${dir}`,
    );
  });
  return taps;
}

/** The data of a shard while it is gathered, a piece for each text. */
interface ShardData {
  readonly hidden: Uint8Array[];
  readonly taps: Uint8Array[];
}

function shardTensors(
  shard: readonly TrainingText[],
  data: ShardData,
  { dtype, config: { hiddenSize } }: Model,
  taps: readonly number[],
): TensorToWrite[] {
  const tokens = tokensOf(shard);
  const words = (name: string, values: readonly number[]): TensorToWrite => ({
    name,
    dtype: "i32",
    shape: [values.length],
    data: () => new Uint8Array(Int32Array.from(values).buffer),
  });
  return [
    words("ids", shard.flatMap(({ ids }) => ids)),
    words("lengths", shard.map(({ ids }) => ids.length)),
    words("prompts", shard.map(({ prompt }) => prompt)),
    { name: "hidden", dtype, shape: [tokens, hiddenSize], data: () => data.hidden },
    ...(taps.length === 0 ? [] : [{
      name: "taps",
      dtype,
      shape: [tokens, taps.length * hiddenSize],
      data: () => data.taps,
    }]),
  ];
}

/** The configuration, by the names that it has in Hugging Face's files, and the taps. */
function describe(config: ModelConfig, taps: readonly number[]): Record<string, unknown> {
  return {
    model_type: config.architecture,
    hidden_size: config.hiddenSize,
    intermediate_size: config.intermediateSize,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    num_key_value_heads: config.kvHeads,
    head_dim: config.headDim,
    vocab_size: config.vocabSize,
    max_position_embeddings: config.maxPositions,
    rms_norm_eps: config.rmsNormEps,
    rope_theta: config.ropeTheta,
    tie_word_embeddings: config.tiedEmbeddings,
    bos_token_id: config.bosTokenId,
    eos_token_id: config.eosTokenIds[0],
    pad_token_id: config.padTokenId,
    specmquant_rotation: config.rotation === undefined ? undefined : { seed: config.rotation },
    specmquant_states: { taps },
  };
}

async function digest(texts: readonly TrainingText[]): Promise<string> {
  const words = Int32Array.from(texts.flatMap(({ ids, prompt }) => [ids.length, prompt, ...ids]));
  return new Uint8Array(await crypto.subtle.digest("SHA-256", words)).toHex();
}
