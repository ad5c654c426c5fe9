/**
 * A model's embedding and output projection as plain numbers, however they are stored: what a head is trained against.
 *
 * @module
 */
import type { ActivationDType } from "../../base/dtype.ts";
import { Arena, rows } from "../../device/mod.ts";
import type { Model, ModelState } from "../../model/mod.ts";
import type { TensorToWrite } from "../../checkpoint/containers/safetensors_writer.ts";
import { f32ToBf16, f32ToF16 } from "../../base/half.ts";

/** Tokens whose embeddings are read at once. */
const TOKENS = 4096;

/**
 * `model.embed_tokens.weight` and, unless they are tied, `lm_head.weight`, [vocab, hidden] of the activations' dtype. The
 * latter is what the projection makes of the rows of the identity, `state.rows` at a time.
 */
export function verifierTables(model: Model, state: ModelState): TensorToWrite[] {
  const { dtype, config: { vocabSize, hiddenSize, tiedEmbeddings } } = model;
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
    data: () => outputRows(model, state),
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

function outputRows(model: Model, state: ModelState): Uint8Array {
  const { device, dtype, config: { vocabSize, hiddenSize } } = model;
  const step = state.logits.shape[0];
  const table = new Float32Array(vocabSize * hiddenSize);
  for (let at = 0; at < hiddenSize; at += step) {
    const count = Math.min(step, hiddenSize - at);
    const identity = new Float32Array(count * hiddenSize);
    for (let i = 0; i < count; i++) identity[i * hiddenSize + at + i] = 1;
    device.upload(rows(state.hidden, 0, count), encode(identity, dtype));
    state.queueLogits(count);
    const bytes = device.download(rows(state.logits, 0, count));
    const logits = new Float32Array(bytes.buffer, bytes.byteOffset, count * vocabSize);
    for (let i = 0; i < count; i++) {
      for (let v = 0; v < vocabSize; v++) {
        table[v * hiddenSize + at + i] = logits[i * vocabSize + v];
      }
    }
  }
  return encode(table, dtype);
}

function encode(values: Float32Array<ArrayBuffer>, dtype: ActivationDType): Uint8Array {
  const array = dtype === "f16" ? f32ToF16(values) : f32ToBf16(values);
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
