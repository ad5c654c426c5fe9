/**
 * What a trimmed head stores.
 *
 * @module
 */
import { DTYPE_BYTES } from "../../base/dtype.ts";
import type { Checkpoint } from "../../checkpoint/checkpoint.ts";
import { BLOCK_TENSORS } from "../../checkpoint/config/block_head.ts";
import { DRAFT_TENSORS, RECENT_TOKENS } from "../../checkpoint/config/draft_vocabulary.ts";
import { isObject, readJson } from "../../checkpoint/containers/json.ts";
import type { TensorToWrite } from "../../checkpoint/containers/safetensors_writer.ts";
import type { Head } from "../../checkpoint/head.ts";
import { headTokens } from "../../checkpoint/head_vocabulary.ts";
import type { Device } from "../../device/mod.ts";
import { companionBytes } from "../jobs/config_json.ts";
import { outputOf, someRows } from "./target_output.ts";
import { vocabularyMap } from "./vocabulary_map.ts";

/** Whether a head has an output projection of its own. */
export function hasProjection({ config }: Head): boolean {
  return config.kind === "eagle3" || config.ownOutput;
}

/** The tensors of `head` with the logits of `tokens` alone. */
export function trimmedTensors(
  head: Head,
  target: Checkpoint,
  tokens: readonly number[],
  device?: Device,
): TensorToWrite[] {
  const { tensors, config } = head;
  const { output, toTokens, hasToken } = DRAFT_TENSORS;
  const projection = `${output}.weight`;
  const after = `${BLOCK_TENSORS.markov[1]}.weight`;
  const entries = new Map(
    Array.from(headTokens(tensors, config) ?? [], (token, entry) => [token, entry]),
  );
  const indices = tokens.map((token) => entries.get(token) ?? token);
  const cut = (name: string): TensorToWrite => {
    const info = tensors.info(name);
    const shape = [tokens.length, info.shape[1]];
    return { ...info, shape, data: () => someRows(tensors, name, indices) };
  };
  const kept = tensors.names()
    .filter((name) => ![projection, toTokens, hasToken, after].includes(name))
    .map((name): TensorToWrite => ({
      ...tensors.info(name),
      data: () => tensors.chunks(name),
    }));
  return [
    ...kept,
    ...(tensors.find(after) ? [cut(after)] : []),
    hasProjection(head) ? cut(projection) : outputOf(target, tokens, device),
    ...vocabularyMap(tokens, config.model.vocabSize),
  ];
}

/** What `config.json` of the head in `dir` says else, at the root and where a family keeps its own keys. */
export function describeTrimmed(
  dir: string,
  keep: number,
  recentTokens: number,
): Record<string, unknown> {
  const size = { draft_vocab_size: keep };
  const json = readJson(`${dir}/config.json`);
  const inner = isObject(json) ? json.dflash_config : undefined;
  return {
    ...size,
    [RECENT_TOKENS]: recentTokens === 0 ? undefined : recentTokens,
    ...(isObject(inner) && "draft_vocab_size" in inner && { dflash_config: { ...inner, ...size } }),
  };
}

/** About the bytes that the trimmed head takes, at most. */
export function trimmedBytes({ dir, tensors, config: { model } }: Head, keep: number): number {
  const bytes = tensors.names().reduce((sum, name) => sum + tensors.info(name).bytes, 0);
  return bytes + keep * (model.hiddenSize * DTYPE_BYTES.f32 + DTYPE_BYTES.i64) + model.vocabSize +
    companionBytes(dir);
}
