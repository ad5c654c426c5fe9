/**
 * 10,000 GGUF files with flipped bits, cut ends, other lengths and moved pieces: each opens, or is refused by an error
 * that is meant for people. Nothing else is thrown, and nothing is read or kept that the file does not hold.
 */
import { assert, assertGreater } from "@std/assert";
import { CheckpointError, SpecMQuantError, UnsupportedModelError } from "../../src/base/errors.ts";
import { type ByteReader, memoryReader } from "../../src/base/reader.ts";
import { ggufCheckpoint } from "../../src/checkpoint/gguf_checkpoint.ts";
import type { GgufFile } from "../../src/gguf/mod.ts";
import { readHeader } from "../../src/gguf/header.ts";
import { onWarning } from "../../src/base/warnings.ts";
import { summarizeModel } from "../../src/model/mod.ts";
import { ggufCase } from "./gguf_cases.ts";
import { ggufBytes, llamaMetadata, llamaTensors, type Value } from "./gguf_writer.ts";

const FILES = 10_000;
const SEED = 20;

/** Numbers below `n`, the same in every run. */
function numbers(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % n;
  };
}

/** Lengths and counts that code forgets about. */
const LENGTHS = [
  0n,
  1n,
  255n,
  2n ** 16n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 32n,
  2n ** 53n,
  2n ** 63n,
  2n ** 64n - 1n,
];

function mutate(
  original: Uint8Array<ArrayBuffer>,
  header: number,
  below: (n: number) => number,
): Uint8Array<ArrayBuffer> {
  const bytes = original.slice();
  const place = () => below(10) === 0 ? below(bytes.length) : below(header);
  for (let change = 0; change <= below(3); change++) {
    switch (below(6)) {
      case 0:
        bytes[place()] ^= 1 << below(8);
        break;
      case 1:
        bytes[place()] = below(256);
        break;
      case 2:
        new DataView(bytes.buffer)
          .setBigUint64(Math.min(place(), bytes.length - 8), LENGTHS[below(LENGTHS.length)], true);
        break;
      case 3:
        new DataView(bytes.buffer).setUint32(Math.min(place(), bytes.length - 4), below(64), true);
        break;
      case 4:
        return bytes.slice(0, place());
      case 5: {
        // A piece moved on or back: something is there twice, something no longer.
        const [from, to, length] = [place(), place(), below(64)];
        bytes.copyWithin(to, from, Math.min(from + length, bytes.length));
        break;
      }
    }
  }
  return bytes;
}

/** Fails where more is read at once than the file has. */
function bounded(reader: ByteReader): ByteReader {
  return {
    ...reader,
    readInto(into, position, tensor) {
      assert(into.length <= reader.size, `${into.length} bytes are read of ${reader.size}`);
      reader.readInto(into, position, tensor);
    },
  };
}

function bytesOf(value: unknown): number {
  if (ArrayBuffer.isView(value)) return value.byteLength;
  if (typeof value === "string") return value.length;
  return Array.isArray(value) ? value.reduce((sum, one) => sum + bytesOf(one), value.length) : 1;
}

/** Opens and checks everything, and reads the tensors. */
function open(bytes: Uint8Array<ArrayBuffer>): void {
  const reader = bounded(memoryReader(bytes, "x.gguf"));
  const { version, metadata, tensors } = readHeader(reader);
  const kept = [...metadata].reduce((sum, [key, value]) => sum + key.length + bytesOf(value), 0);
  assert(kept <= bytes.length, `${kept} bytes are kept of ${bytes.length}`);
  const gguf: GgufFile = {
    file: reader.file,
    files: [reader.file],
    version,
    metadata,
    tensors,
    readInto: (tensor, offset, into) =>
      reader.readInto(into, tensor.position + offset, tensor.name),
    place: () => undefined,
    [Symbol.dispose]() {},
  };
  using checkpoint = ggufCheckpoint("x.gguf", gguf);
  const { tensors: source } = checkpoint;
  for (const name of source.names()) source.read(name);
  summarizeModel(checkpoint);
}

const tokens = Array.from({ length: 8 }, (_, i): Value => ["string", `<${i}>`]);
const small = ggufBytes({
  metadata: llamaMetadata({
    "llama.rope.scaling.type": ["string", "yarn"],
    "llama.rope.scaling.factor": ["f32", 2],
    "general.alignment": ["u32", 64],
    "tokenizer.ggml.tokens": ["list", tokens],
    "tokenizer.ggml.token_type": ["list", tokens.map((_, i): Value => ["i32", i])],
    "x.flags": ["list", [["bool", true], ["bool", false]]],
    "x.wide": ["i64", -(2n ** 60n)],
  }),
  tensors: llamaTensors({
    "blk.0.ffn_up.weight": { type: 1, bytes: 2048 },
    "blk.0.ffn_gate.weight": { type: 30, bytes: 2048 },
  }),
  alignment: 64,
});

/** Files with where their headers end, about, and how many of ten are made of each. */
const ORIGINALS: [name: string, bytes: Uint8Array<ArrayBuffer>, header: number, share: number][] = [
  ["small", small, 1600, 8],
  ["llama3-rope", Deno.readFileSync(ggufCase("llama3-rope").path), 12000, 1],
  ["mistral", Deno.readFileSync(ggufCase("mistral").path), 12000, 1],
];

Deno.test(`gguf: ${FILES} mutated files open or are refused`, () => {
  const below = numbers(SEED);
  let [opened, refused] = [0, 0];
  const reasons = new Set<string>();
  onWarning(() => {});
  try {
    for (const [name, original, header, share] of ORIGINALS) {
      open(original);
      for (let i = 0; i < FILES * share / 10; i++) {
        const bytes = mutate(original, header, below);
        try {
          open(bytes);
          opened++;
        } catch (error) {
          if (!(error instanceof CheckpointError || error instanceof UnsupportedModelError)) {
            throw new Error(`${name}, file ${i}: ${error}`, { cause: error });
          }
          assert(error instanceof SpecMQuantError && error.message.length < 70000);
          reasons.add(error.message.replace(/[\d"][^ ,]*/g, "#").slice(0, 60));
          refused++;
        }
      }
    }
  } finally {
    onWarning();
  }
  // Both happen often, and for many reasons.
  assertGreater(opened, FILES / 20);
  assertGreater(refused, FILES / 3);
  assertGreater(reasons.size, 40);
});
