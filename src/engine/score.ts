/**
 * Log-probabilities of a text under a model.
 *
 * @module
 */
import { KV_CACHE_DTYPES, type KvCacheDType } from "../base/dtype.ts";
import {
  checkArgument,
  checkOptions,
  FUNCTION,
  integer,
  type Kinds,
  oneOf,
  SIGNAL,
} from "../base/options.ts";
import { Arena, rows } from "../device/mod.ts";
import { type Model, MODEL_KIND, ModelState } from "../model/mod.ts";
import { logProbs, topLogProbs } from "../ops/mod.ts";
import { PREFILL_ROWS, type TopToken } from "../speculation/mod.ts";
import { SCORED, type TokenIds, tokenIds } from "./prompt.ts";

/** Rows of which logits are taken at once: 128k entries of 64 rows are 33 MB. */
const LOGITS_ROWS = 64;

/** Scores of a text of n tokens. */
export interface Score {
  /** The tokens. */
  readonly tokens: readonly number[];
  /** Natural log-probability of each token behind those before it; null for the first. */
  readonly logprobs: readonly (number | null)[];
  /** The likeliest tokens in each token's place, likeliest first; empty for the first. */
  readonly top: readonly (readonly TopToken[])[];
  /** exp of the mean negative log-probability; null for a text of one token. */
  readonly perplexity: number | null;
}

/** Options of a score. */
export interface ScoreOptions {
  /** How many of the likeliest tokens to give in each place; 0 where absent. */
  readonly top?: number;
  /** Checked between chunks; its reason is thrown. */
  readonly signal?: AbortSignal;
  /** Hears the tokens done. */
  readonly progress?: (done: number, total: number) => void;
}

const SCORE_KINDS: Kinds<ScoreOptions> = {
  top: integer(0),
  signal: SIGNAL,
  progress: FUNCTION,
};

/**
 * Scores the tokens of `text` under `model`, keys and values kept as `kvCache` says. Throws an `ArgumentError` for no tokens, tokens outside the vocabulary, and
 * options that are not what they should be; code `"disposed"` where the model has been disposed.
 */
export function scoreTokens(
  model: Model,
  text: TokenIds,
  options: ScoreOptions = {},
  kvCache: KvCacheDType = "f16",
): Score {
  const { doing } = SCORED;
  checkArgument(doing, "model", model, MODEL_KIND);
  checkOptions(doing, options, SCORE_KINDS);
  checkArgument(doing, "kvCache", kvCache, oneOf(KV_CACHE_DTYPES));
  model.expectLive(doing);
  const { vocabSize } = model.config;
  const { top: topk = 0 } = options;
  const tokens = tokenIds(text, vocabSize, SCORED);
  checkArgument(doing, "top", topk, integer(0, Math.min(64, vocabSize)));
  const { device } = model;
  const chunk = Math.min(PREFILL_ROWS[model.device.backend], tokens.length);
  const logitsRows = Math.min(LOGITS_ROWS, tokens.length);
  using arena = new Arena(device, "score");
  using state = new ModelState(model, {
    context: tokens.length,
    slots: tokens.length,
    rows: chunk,
    logitsRows,
    kvCache,
  });
  const history = arena.fromHost("i32", [tokens.length], Int32Array.from(tokens));
  const scores = arena.allocate("f32", [logitsRows], "scores");
  const values = topk > 0 ? arena.allocate("f32", [logitsRows, topk], "top values") : undefined;
  const ids = topk > 0 ? arena.allocate("i32", [logitsRows, topk], "top ids") : undefined;
  const logprobs: (number | null)[] = [null];
  const top: TopToken[][] = [[]];
  const hostScores = new Float32Array(logitsRows);
  const { cacheLength } = state;
  state.cache.ensure(tokens.length);
  for (let at = 0; at < tokens.length; at += chunk) {
    options.signal?.throwIfAborted();
    const count = Math.min(chunk, tokens.length - at);
    state.setLength(at);
    state.queueForward({ rows: count, cacheLength }, { tokens: history, start: cacheLength });
    // The last row of all predicts a token that is not there.
    const predicting = Math.min(count, tokens.length - 1 - at);
    for (let first = 0; first < predicting; first += logitsRows) {
      const part = Math.min(logitsRows, predicting - first);
      state.queueLogits(part, first);
      const logits = rows(state.logits, 0, part);
      const targets = rows(history, at + first + 1, at + first + 1 + part);
      logProbs(device, rows(scores, 0, part), logits, targets);
      device.downloadInto(hostScores.subarray(0, part), rows(scores, 0, part));
      logprobs.push(...hostScores.subarray(0, part));
      if (values === undefined || ids === undefined) {
        for (let i = 0; i < part; i++) top.push([]);
        continue;
      }
      topLogProbs(device, rows(values, 0, part), rows(ids, 0, part), logits);
      const hostValues = new Float32Array(part * topk);
      const hostIds = new Int32Array(part * topk);
      device.downloadInto(hostValues, rows(values, 0, part));
      device.downloadInto(hostIds, rows(ids, 0, part));
      for (let i = 0; i < part; i++) {
        top.push(Array.from({ length: topk }, (_, j) => ({
          id: hostIds[i * topk + j],
          logprob: hostValues[i * topk + j],
        })));
      }
    }
    options.progress?.(at + count, tokens.length);
  }
  const sum = logprobs.reduce((total: number, value) => total + (value ?? 0), 0);
  const perplexity = tokens.length > 1 ? Math.exp(-sum / (tokens.length - 1)) : null;
  return { tokens, logprobs, top, perplexity };
}
