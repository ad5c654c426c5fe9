/**
 * `pull` against a hub of this machine: what is fetched, what is kept of what was broken off, and what is said of what
 * goes wrong. The servers are real ones, and so are connections that break, processes that are killed and full disks.
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
import { pullPatiently } from "../src/hub/pull.ts";
import type { PullOptions, PullResult } from "../src/hub/mod.ts";
import { PATIENCE } from "../src/hub/net/patience.ts";
import { COMMIT, type HubFile, type HubRepository, TestHub } from "./hub.ts";

const root = Deno.realPathSync(Deno.makeTempDirSync());
addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));

/** Waits that a test can wait for. */
const QUICK = { ...PATIENCE, first: 1, most: 5, asked: 3000, silence: 2000, progress: 100_000 };

let count = 0;

/** A directory that is not there yet. */
function place(): string {
  return `${root}/${count++}/model`;
}

/** Bytes that no two files share. */
function bytes(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(length);
  let state = seed;
  for (let i = 0; i < length; i++) {
    state = Math.imul(state, 1664525) + 1013904223 | 0;
    all[i] = state >>> 24;
  }
  return all;
}

function text(content: string): HubFile {
  return { bytes: new TextEncoder().encode(content) };
}

function large(length: number, seed: number): HubFile {
  return { bytes: bytes(length, seed), lfs: true };
}

const SIZE = 300_000;

/** A repository as people publish them. */
function llama(): HubRepository {
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

const TAKEN = [
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
function names(dir: string, below = ""): string[] {
  return [...Deno.readDirSync(`${dir}/${below}`)].flatMap(({ name, isDirectory }) =>
    isDirectory ? names(dir, `${below}${name}/`) : [`${below}${name}`]
  ).sort();
}

function assertFiles(dir: string, repository: HubRepository, expected: readonly string[]): void {
  assertEquals(names(dir), [".pull.json", ...expected]);
  for (const name of expected) {
    assertEquals(Deno.readFileSync(`${dir}/${name}`), repository.files[name].bytes, name);
  }
}

async function fetched(
  hub: TestHub,
  dir: string,
  options: Partial<PullOptions> = {},
): Promise<PullResult> {
  return await pullPatiently(
    { model: "org/llama", endpoint: hub.endpoint, to: dir, ...options },
    QUICK,
  );
}

Deno.test("pull: what a model is read from, and nothing else", async () => {
  const repository = llama();
  await using hub = new TestHub({ "org/llama": repository });
  const dir = place();
  const result = await fetched(hub, dir);
  assertFiles(dir, repository, TAKEN);
  assertEquals(result.files.map(({ path }) => path), TAKEN);
  assertEquals(result.leftOut.map(({ path }) => path), [
    ".gitattributes",
    "README.md",
    "onnx/model.onnx",
    "optimizer.pt",
    "original/consolidated.00.pth",
    "pytorch_model.bin",
  ]);
  const sizes = TAKEN.map((name) => repository.files[name].bytes.length);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  assertEquals([result.commit, result.path, result.bytes, result.fetched], [
    COMMIT,
    dir,
    total,
    total,
  ]);

  // A second time nothing is fetched, and without files missing nothing is asked for but the list.
  hub.takeSent();
  const again = await fetched(hub, dir);
  assertEquals([again.fetched, again.bytes], [0, total]);
  assert(hub.requests.every(({ path }) => path.startsWith("/api/")), "a file was asked for");
  const verified = await fetched(hub, dir, { verify: true });
  assertEquals(verified.fetched, 0);
});

Deno.test("pull: a connection that breaks is taken up where it was", async () => {
  const repository = llama();
  await using hub = new TestHub({ "org/llama": repository });
  hub.dropAfter = 70_000;
  hub.drops = 6;
  const dir = place();
  const { bytes: total } = await fetched(hub, dir);
  assertFiles(dir, repository, TAKEN);
  // Pieces that were under way are lost, but not much more.
  const sent = hub.takeSent();
  assert(sent < total + 6 * 70_000 && sent >= total, `${sent} of ${total}`);
});
