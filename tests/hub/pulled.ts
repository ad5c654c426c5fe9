/**
 * What tests of `pull` share: a repository, places for it, and how to look at what came.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import type { PullOptions, PullResult } from "../../src/hub/mod.ts";
import { PATIENCE, type Patience } from "../../src/hub/net/patience.ts";
import { pullPatiently } from "../../src/hub/pull.ts";
import { type HubFile, type HubRepository, type TestHub, TOKEN } from "./hub.ts";

export const root = Deno.realPathSync(Deno.makeTempDirSync());
addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));

/** Waits that a test can wait for. */
export const QUICK: Patience = {
  ...PATIENCE,
  first: 1,
  most: 5,
  asked: 3000,
  silence: 2000,
  progress: 100_000,
};

let count = 0;

/** A directory that is not there yet. */
export function place(): string {
  return `${root}/${count++}/model`;
}

/** Bytes that no two files share. */
export function bytes(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(length);
  let state = seed;
  for (let i = 0; i < length; i++) {
    state = Math.imul(state, 1664525) + 1013904223 | 0;
    all[i] = state >>> 24;
  }
  return all;
}

export function text(content: string): HubFile {
  return { bytes: new TextEncoder().encode(content) };
}

export function large(length: number, seed: number): HubFile {
  return { bytes: bytes(length, seed), lfs: true };
}

export const SIZE = 300_000;

/** A repository as people publish them. */
export function llama(): HubRepository {
  return {
    files: {
      ".gitattributes": text("*.safetensors filter=lfs"),
      "README.md": text("# A model"),
      "config.json": text('{"model_type":"llama"}'),
      "generation_config.json": text("{}"),
      "tokenizer.json": large(50_000, 7),
      "tokenizer_config.json": text('{"chat_template":""}'),
      "special_tokens_map.json": text("{ }"),
      "chat_template.jinja": text("{{ messages }}"),
      "additional_chat_templates/tool.jinja": text("{{ tools }}"),
      "model.safetensors.index.json": text('{"weight_map":{}}'),
      "model-00001-of-00002.safetensors": large(SIZE, 2),
      "model-00002-of-00002.safetensors": large(SIZE, 3),
      "pytorch_model.bin": large(9000, 4),
      "original/consolidated.00.pth": large(8000, 5),
      "onnx/model.onnx": large(7000, 6),
      "optimizer.pt": large(6000, 8),
    },
  };
}

/** As small a repository as there can be. */
export function tinyRepository(): HubRepository {
  return { files: { "config.json": text("{}"), "model.safetensors": large(1000, 1) } };
}

/** What of it is fetched where nothing else is asked for. */
export const TAKEN = [
  "additional_chat_templates/tool.jinja",
  "chat_template.jinja",
  "config.json",
  "generation_config.json",
  "model-00001-of-00002.safetensors",
  "model-00002-of-00002.safetensors",
  "model.safetensors.index.json",
  "special_tokens_map.json",
  "tokenizer.json",
  "tokenizer_config.json",
];

/** Names of all files below `dir`. */
export function names(dir: string, below = ""): string[] {
  return [...Deno.readDirSync(`${dir}/${below}`)].flatMap(({ name, isDirectory }) =>
    isDirectory ? names(dir, `${below}${name}/`) : [`${below}${name}`]
  ).sort();
}

export function assertFiles(
  dir: string,
  repository: HubRepository,
  expected: readonly string[],
): void {
  assertEquals(names(dir), [".pull.json", ...expected]);
  for (const name of expected) {
    assertEquals(Deno.readFileSync(`${dir}/${name}`), repository.files[name].bytes, name);
  }
}

export async function fetched(
  hub: TestHub,
  dir: string,
  options: Partial<PullOptions> = {},
): Promise<PullResult> {
  return await pullPatiently(
    { model: "org/llama", endpoint: hub.endpoint, to: dir, ...options },
    QUICK,
  );
}

/** What is thrown, which must be of a class; its message must have all of some words. */
export async function refused<E extends Error>(
  work: () => Promise<unknown>,
  // deno-lint-ignore no-explicit-any
  kind: abstract new (...args: any[]) => E,
  ...words: readonly string[]
): Promise<E> {
  const error = await assertRejects(work, kind);
  for (const word of words) assertStringIncludes(error.message, word);
  assertMatch(error.message, /^Cannot /);
  assert(!error.message.includes(TOKEN) && !error.message.includes("s3cr3t"), error.message);
  return error;
}

/** Unfinished files below `dir`. */
export function parts(dir: string): string[] {
  return names(dir).filter((name) => name.endsWith(".part"));
}
