/**
 * A model's embedding and output projection as plain numbers, however they are stored: what a head is trained against.
 *
 * @module
 */
import { Arena, rows } from "../../device/mod.ts";
import type { Model } from "../../model/mod.ts";
import type { TensorToWrite } from "../../checkpoint/containers/safetensors_writer.ts";
import { encodeFloats } from "./tensors.ts";
import { weightRows } from "./weight_rows.ts";

/** Tokens whose embeddings are read at once. */
const TOKENS = 4096;

/**
 * `model.embed_tokens.weight` and, unless they are tied, `lm_head.weight`, [vocab, hidden] of the activations' dtype.
 */
export function verifierTables(model: Model): TensorToWrite[] {
  const { device, dtype, lmHead, config: { vocabSize, hiddenSize, tiedEmbeddings } } = model;
  const shape = [vocabSize, hiddenSize];
  const embedding = {
    name: "model.embed_tokens.weight",
    dtype,
    shape,
    data: () => embeddingRows(model),
  };
  if (tiedEmbeddings) return [embedding];
  return [embedding, {
    name: "lm_head.weight",
    dtype,
    shape,
    data: () => encodeFloats(weightRows(device, dtype, lmHead), dtype),
  }];
}

function* embeddingRows(model: Model): Generator<Uint8Array> {
  const { device, dtype, config: { vocabSize, hiddenSize }, embedding } = model;
  const most = Math.min(TOKENS, vocabSize);
  using arena = new Arena(device, "embeddings");
  const out = arena.allocate(dtype, [most, hiddenSize], "rows");
  for (let at = 0; at < vocabSize; at += most) {
    const count = Math.min(most, vocabSize - at);
    using some = new Arena(device, "tokens");
    const tokens = some.fromHost(
      "i32",
      [count],
      Int32Array.from({ length: count }, (_, i) => at + i),
    );
    embedding.queue(rows(out, 0, count), tokens);
    yield device.download(rows(out, 0, count));
  }
}
