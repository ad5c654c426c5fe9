/**
 * Which files `pull` takes of a repository, of which commit, and which files of a directory it leaves alone.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { ArgumentError, CheckpointError, IntegrityError } from "../../src/base/errors.ts";
import { openCheckpoint } from "../../src/checkpoint/checkpoint.ts";
import { COMMIT, type HubFile, type HubRepository, TestHub, TOKEN } from "./hub.ts";
import {
  assertFiles,
  fetched,
  large,
  llama,
  names,
  place,
  refused,
  TAKEN,
  text,
} from "./pulled.ts";

/** Files of these names, each with other bytes. */
function repository(...paths: readonly string[]): HubRepository {
  const files = paths.map((path, at): [string, HubFile] => [
    path,
    /\.(json|txt|md|jinja)$/.test(path) ? text(`{"${path}":1}`) : large(1000 + at, at + 1),
  ]);
  return { files: Object.fromEntries(files) };
}

const SPLIT = ["model-Q8_0-00001-of-00003.gguf", "model-Q8_0-00002-of-00003.gguf"]
  .concat("model-Q8_0-00003-of-00003.gguf");

/** What is taken of which files with which options. */
const TAKES:
  readonly (readonly [string[], Parameters<typeof fetched>[2], string[], gguf?: string])[] = [
    [["config.json", "model.safetensors", "pytorch_model.bin"], {}, [
      "config.json",
      "model.safetensors",
    ]],
    [["config.json", "pytorch_model.bin", "tf_model.h5"], {}, ["config.json", "pytorch_model.bin"]],
    [
      ["pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin"]
        .concat("pytorch_model.bin.index.json", "training_args.bin"),
      {},
      ["pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin"]
        .concat("pytorch_model.bin.index.json"),
    ],
    [
      ["config.json", "consolidated.safetensors", "model-00001-of-00001.safetensors"]
        .concat("model.safetensors.index.json", "params.json", "tokenizer.model"),
      {},
      ["config.json", "model-00001-of-00001.safetensors", "model.safetensors.index.json"]
        .concat("tokenizer.model"),
    ],
    [
      ["gptq_model-4bit-128g.safetensors", "quantize_config.json", "vocab.json", "merges.txt"],
      {},
      ["gptq_model-4bit-128g.safetensors", "merges.txt", "quantize_config.json", "vocab.json"],
    ],
    // One GGUF file needs no name; beside safetensors it has to be asked for.
    [["README.md", "x.gguf", "mmproj-x.gguf"], {}, ["x.gguf"], "x.gguf"],
    [["model.safetensors", "x-Q4_0.gguf"], {}, ["model.safetensors"]],
    [["model.safetensors", "x-Q4_0.gguf"], { quant: "q4_0" }, ["x-Q4_0.gguf"], "x-Q4_0.gguf"],
    [
      ["a.Q4_K_M.gguf", "a.Q4_K_S.gguf", ...SPLIT],
      { quant: "Q4_K_M" },
      ["a.Q4_K_M.gguf"],
      "a.Q4_K_M.gguf",
    ],
    [["a-Q4_K_M.gguf", ...SPLIT], { quant: "Q8_0" }, SPLIT, SPLIT[0]],
    [
      ["Q8_0/a-Q8_0-00001-of-00002.gguf", "Q8_0/a-Q8_0-00002-of-00002.gguf", "a-BF16.gguf"],
      { quant: "q8_0" },
      ["Q8_0/a-Q8_0-00001-of-00002.gguf", "Q8_0/a-Q8_0-00002-of-00002.gguf"],
      "Q8_0/a-Q8_0-00001-of-00002.gguf",
    ],
    [
      ["a-UD-Q4_K_XL.gguf", "a-Q4_K_M.gguf"],
      { quant: "Q4_K_XL" },
      ["a-UD-Q4_K_XL.gguf"],
      "a-UD-Q4_K_XL.gguf",
    ],
    [
      ["a-UD-Q4_K_M.gguf", "a-Q4_K_M.gguf"],
      { quant: "Q4_K_M" },
      ["a-Q4_K_M.gguf"],
      "a-Q4_K_M.gguf",
    ],
    // Patterns take what matches, and nothing else.
    [["config.json", "model.safetensors", "onnx/a.onnx"], { include: ["onnx/*"] }, ["onnx/a.onnx"]],
    [["config.json", "model.safetensors", "onnx/a.onnx"], { include: ["onnx/"] }, ["onnx/a.onnx"]],
    [["a.json", "b.json", "c.txt", "d/e.json"], { include: ["[ab].json", "?.txt"] }, [
      "a.json",
      "b.json",
      "c.txt",
    ]],
    [["a.json", "b.json", "d/e.json"], { include: ["*.json"] }, ["a.json", "b.json", "d/e.json"]],
    [["a-Q4_0.gguf", "b-Q4_0.gguf"], { include: ["b*"] }, ["b-Q4_0.gguf"], "b-Q4_0.gguf"],
  ];

Deno.test("pull: the files that are taken", async () => {
  for (const [paths, options, taken, gguf] of TAKES) {
    const some = repository(...paths);
    await using hub = new TestHub({ "org/llama": some });
    const dir = place();
    const { path, leftOut } = await fetched(hub, dir, options);
    assertFiles(dir, some, taken);
    assertEquals(path, gguf === undefined ? dir : `${dir}/${gguf}`);
    assertEquals(
      leftOut.map((one) => one.path),
      paths.filter((one) => !taken.includes(one)).sort(),
    );
  }
});

Deno.test("pull: of several GGUF files none is guessed", async () => {
  const several = repository(
    "a-Q4_K_M.gguf",
    "a-Q8_0.gguf",
    "b-Q8_0.gguf",
    "imatrix.gguf",
    SPLIT[0],
  );
  await using hub = new TestHub({ "org/llama": several });
  const dir = place();
  const list = "Q4_K_M (0.0 MB), Q8_0 (0.0 MB)";
  await refused(() => fetched(hub, dir), ArgumentError, "4 models in GGUF", list);
  await refused(
    () => fetched(hub, dir, { quant: "Q4_K" }),
    ArgumentError,
    list,
    "did you mean Q4_K_M?",
  );
  await refused(
    () => fetched(hub, dir, { quant: "Q8_0" }),
    ArgumentError,
    "a-Q8_0, b-Q8_0",
    "include",
  );
  const options = { quant: "Q8_0", include: ["a*"] };
  await refused(
    () => fetched(hub, dir, options),
    ArgumentError,
    "quant does nothing beside include",
  );
  delete several.files["a-Q8_0.gguf"];
  delete several.files["b-Q8_0.gguf"];
  await refused(() => fetched(hub, dir, { quant: "Q8_0" }), IntegrityError, "1 of its 3 parts");
  await assertRejects(() => Deno.stat(dir), Deno.errors.NotFound);
});

Deno.test("pull: two choices of the same commit are in one directory", async () => {
  const several = repository("a-Q4_K_M.gguf", "a-Q8_0.gguf");
  await using hub = new TestHub({ "org/llama": several });
  const dir = place();
  await fetched(hub, dir, { quant: "Q8_0" });
  await fetched(hub, dir, { quant: "Q4_K_M" });
  assertFiles(dir, several, ["a-Q4_K_M.gguf", "a-Q8_0.gguf"]);
  assertEquals((await fetched(hub, dir, { quant: "Q8_0" })).fetched, 0);
});

Deno.test("pull: branches, tags, commits, and another commit in place of one", async () => {
  const first = llama();
  const second = llama();
  delete second.files["chat_template.jinja"];
  (second.files as Record<string, HubFile>)["config.json"] = text(
    '{"model_type":"llama","changed":true}',
  );
  const commits = { main: COMMIT, v2: "2".repeat(40), "refs/pr/7": "7".repeat(40) };
  await using hub = new TestHub({ "org/llama": { ...first, revisions: commits } });
  for (const [revision, commit] of [...Object.entries(commits), [COMMIT, COMMIT]]) {
    const dir = place();
    const result = await fetched(hub, dir, { model: `org/llama@${revision}` });
    assertEquals([result.revision, result.commit], [revision, commit]);
    const record = JSON.parse(Deno.readTextFileSync(`${dir}/.pull.json`));
    assertEquals([record.revision, record.commit, record.complete], [revision, commit, true]);
  }
  assert(hub.requests.some(({ path }) => path.includes(`/resolve/${commits.v2}/`)));

  const dir = place();
  await fetched(hub, dir);
  hub.repositories["org/llama"] = { ...second, revisions: { main: "3".repeat(40) } };
  hub.takeSent();
  // A crash between any two steps must leave a directory that says that it is not complete.
  const remove = Deno.removeSync;
  const states: unknown[] = [];
  Deno.removeSync = (path) => {
    states.push(JSON.parse(Deno.readTextFileSync(`${dir}/.pull.json`)).complete);
    remove(path);
  };
  const { removed, fetched: count } = await fetched(hub, dir)
    .finally(() => Deno.removeSync = remove);
  assertEquals(states, [false, false]);
  assertEquals(removed, ["chat_template.jinja"]);
  assertEquals(count, second.files["config.json"].bytes.length);
  assertFiles(dir, second, TAKEN.filter((name) => name !== "chat_template.jinja"));
});

Deno.test("pull: between two commits it is no model", async () => {
  const first = llama();
  await using hub = new TestHub({ "org/llama": first });
  const dir = place();
  await fetched(hub, dir);
  const next = large(300_000, 99);
  const changed: HubRepository = {
    files: { ...first.files, "model-00001-of-00002.safetensors": next },
    revisions: { main: "3".repeat(40) },
  };
  hub.repositories["org/llama"] = changed;
  next.sent = next.bytes.toReversed() as Uint8Array<ArrayBuffer>;
  await refused(() => fetched(hub, dir), IntegrityError, "model-00001-of-00002.safetensors");
  // Same length, other bytes: the old file is not taken for the new one.
  assertEquals(names(dir).includes("model-00001-of-00002.safetensors"), false);
  assertThrows(() => openCheckpoint(dir), CheckpointError, "not complete");
  next.sent = undefined;
  await fetched(hub, dir);
  assertFiles(dir, changed, TAKEN);
});

Deno.test("pull: files that it has not fetched are never replaced", async () => {
  const some = llama();
  await using hub = new TestHub({ "org/llama": some, "org/other": llama() });
  const dir = place();
  Deno.mkdirSync(dir, { recursive: true });
  Deno.writeTextFileSync(`${dir}/notes.txt`, "mine");
  Deno.writeTextFileSync(`${dir}/config.json`, "{}");
  await refused(
    () => fetched(hub, dir),
    ArgumentError,
    `${dir}/config.json: it is there with 2 bytes`,
  );
  const length = some.files["config.json"].bytes.length;
  Deno.writeTextFileSync(`${dir}/config.json`, "x".repeat(length));
  await refused(() => fetched(hub, dir), ArgumentError, "it is there, and has the sum git:");
  assertEquals(names(dir), ["config.json", "notes.txt"]);
  Deno.removeSync(`${dir}/config.json`);
  Deno.mkdirSync(`${dir}/config.json`);
  await refused(() => fetched(hub, dir), ArgumentError, "no file");
  Deno.removeSync(`${dir}/config.json`);
  // What is the hub's own is taken over, however it came.
  const shard = "model-00001-of-00002.safetensors";
  Deno.writeFileSync(`${dir}/${shard}`, some.files[shard].bytes);
  const { bytes, fetched: count } = await fetched(hub, dir);
  assertEquals(count, bytes - some.files[shard].bytes.length);
  assertEquals(Deno.readTextFileSync(`${dir}/notes.txt`), "mine");

  // What was changed since is somebody's work too.
  Deno.writeTextFileSync(`${dir}/config.json`, '{"mine":true}');
  await refused(() => fetched(hub, dir), IntegrityError, "13 bytes", `remove ${dir}/config.json`);
  Deno.writeTextFileSync(`${dir}/config.json`, "x".repeat(length));
  assertEquals((await fetched(hub, dir)).fetched, 0);
  await refused(() => fetched(hub, dir, { verify: true }), IntegrityError, "adds up to", "remove");
  Deno.removeSync(`${dir}/config.json`);
  assertEquals((await fetched(hub, dir)).fetched, length);

  const other = { model: "org/other" };
  await refused(() => fetched(hub, dir, other), ArgumentError, "it holds org/llama");
  await refused(() => fetched(hub, `${dir}/notes.txt`), ArgumentError, "it is a file");
  Deno.writeTextFileSync(`${dir}/.pull.json`, "{}");
  const words = ["is not what pull writes"];
  await refused(() => fetched(hub, dir, { token: TOKEN }), ArgumentError, ...words);
});

Deno.test("pull: one process at a time fetches to a directory", async () => {
  await using hub = new TestHub({ "org/llama": llama() });
  const dir = place();
  const both = await Promise.allSettled([fetched(hub, dir), fetched(hub, dir)]);
  const failed = both.filter((one) => one.status === "rejected").map(({ reason }) =>
    String(reason)
  );
  assertEquals(failed.length, 1, `${failed}`);
  assertStringIncludes(failed[0], "another process is fetching to it");
  await fetched(hub, dir);
});
