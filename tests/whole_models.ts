/**
 * Whole models as directories: random ones with a tokenizer, what a forward of one gives, and its files.
 *
 * @module
 */
import { toF32 } from "../src/base/half.ts";
import { Arena, type Device, rows, type Tensor } from "../src/device/mod.ts";
import { Model, ModelState } from "../src/model/mod.ts";
import { BYTE_LEVEL_CONFIG, byteLevelTokenizer } from "../src/text/fixtures_test.ts";
import { type RandomModel, writeRandomModel } from "./models.ts";

/** Entries of the vocabulary of the tokenizer. */
export const VOCAB = 266;

/** Writes a random model with a tokenizer to `dir`, with `config` changed; returns `dir`. */
export function makeModel(dir: string, shape: RandomModel, config: object = {}): string {
  writeRandomModel(dir, shape);
  const json = (file: string, value: unknown) =>
    Deno.writeTextFileSync(`${dir}/${file}`, JSON.stringify(value));
  json("tokenizer.json", byteLevelTokenizer());
  json("tokenizer_config.json", BYTE_LEVEL_CONFIG);
  json("config.json", { ...JSON.parse(Deno.readTextFileSync(`${dir}/config.json`)), ...config });
  return dir;
}

/** The text that forwards read. */
export const TOKENS: Int32Array<ArrayBuffer> = Int32Array.from(
  { length: 48 },
  (_, i) => (i * 37 + 5) % VOCAB,
);

/** Logits f32 [tokens, vocab], and the hidden states behind the final norm. */
export function forward(
  device: Device,
  dir: string,
): { logits: Float32Array<ArrayBuffer>; hidden: Float32Array<ArrayBuffer> } {
  using loaded = Model.load(device, dir);
  const count = TOKENS.length;
  const sizes = { context: count, slots: count, rows: count, logitsRows: count };
  using state = new ModelState(loaded, sizes);
  state.cache.ensure(count);
  using ids = new TestTokens(device);
  state.queueForward({ rows: count, cacheLength: state.cacheLength }, { tokens: ids.tensor });
  state.queueLogits(count);
  return {
    logits: new Float32Array(device.download(state.logits).buffer),
    hidden: toF32(device.download(rows(state.hidden, 0, count)), "f16"),
  };
}

/** The text on a device. */
export class TestTokens implements Disposable {
  readonly #arena: Arena;
  readonly tensor: Tensor<"i32">;

  constructor(device: Device) {
    this.#arena = new Arena(device, "tokens");
    this.tensor = this.#arena.fromHost("i32", [TOKENS.length], TOKENS);
  }

  [Symbol.dispose](): void {
    this.#arena[Symbol.dispose]();
  }
}

/** The bytes of every file of a directory. */
export function filesOf(dir: string): Map<string, Uint8Array> {
  const names = readNames(dir).sort();
  return new Map(names.map((name) => [name, Deno.readFileSync(`${dir}/${name}`)]));
}

/** Names in a directory; none where it does not exist. */
export function readNames(dir: string): string[] {
  try {
    return [...Deno.readDirSync(dir)].map(({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
