/**
 * `pull` against a hub of this machine: what is fetched, what is kept of what was broken off, and what does not add up.
 * The servers are real ones, and so are the connections that break.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { CheckpointError, HubUnreachableError, IntegrityError } from "../../src/base/errors.ts";
import { openCheckpoint } from "../../src/checkpoint/checkpoint.ts";
import { pullPatiently } from "../../src/hub/pull.ts";
import { COMMIT, sumOf, TestHub } from "./hub.ts";
import {
  assertFiles,
  bytes,
  fetched,
  large,
  llama,
  names,
  parts,
  place,
  QUICK,
  refused,
  SIZE,
  TAKEN,
} from "./pulled.ts";

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

Deno.test("pull: what is broken off is no model, and the next call fetches only the rest", async () => {
  const repository = llama();
  await using hub = new TestHub({ "org/llama": repository });
  const dir = place();
  hub.dropAfter = 70_000;
  hub.drops = Infinity;
  hub.answer = ({ to, range }) =>
    to === "cdn" && range !== undefined && range !== "bytes=0-0"
      ? new Response(null, { status: 503 })
      : undefined;
  let kept = 0;
  const onKept = ({ done }: { done: number }) => kept = done;
  await refused(() => fetched(hub, dir, { onKept }), HubUnreachableError, "503", "tried 7 times");
  assertEquals(parts(dir).length, 2);
  const there = names(dir).map((name) => Deno.statSync(`${dir}/${name}`).size);
  const record = Deno.statSync(`${dir}/.pull.json`).size;
  assertEquals(kept, there.reduce((sum, size) => sum + size, 0) - record);
  assert(kept >= 140_000, `${kept}`);
  const error = assertThrows(() => openCheckpoint(dir), CheckpointError);
  assertStringIncludes(error.message, `"specmquant pull org/llama --to ${dir}" goes on`);

  hub.drops = 0;
  hub.answer = () => undefined;
  hub.takeSent();
  const { bytes: total, fetched: rest } = await fetched(hub, dir);
  assertFiles(dir, repository, TAKEN);
  assertEquals(rest, total - kept);
  hub.expectSent(rest);
});

Deno.test("pull: a server that takes no notice of Range is read past what is there", async () => {
  const repository = llama();
  await using hub = new TestHub({ "org/llama": repository });
  hub.ignoresRange = true;
  hub.dropAfter = 70_000;
  hub.drops = 4;
  const dir = place();
  await fetched(hub, dir);
  assertFiles(dir, repository, TAKEN);
});

Deno.test("pull: bytes that do not add up are an error with both sums, and are not kept", async () => {
  for (const name of ["model-00002-of-00002.safetensors", "config.json"]) {
    const repository = llama();
    const file = repository.files[name];
    file.sent = file.bytes.toReversed() as Uint8Array<ArrayBuffer>;
    await using hub = new TestHub({ "org/llama": repository });
    const dir = place();
    const found = sumOf({ bytes: file.sent, lfs: file.lfs }).split(":")[1];
    const listed = sumOf(file).split(":")[1];
    const words = [`Cannot take ${name} of org/llama`, found, `expected ${listed}`];
    await refused(() => fetched(hub, dir), IntegrityError, ...words);
    assert(!names(dir).some((one) => one.startsWith(name)), `${names(dir)}`);
    assertThrows(() => openCheckpoint(dir), CheckpointError, "not complete");
    // Once it is mended, it is fetched.
    file.sent = undefined;
    await fetched(hub, dir);
    assertFiles(dir, repository, TAKEN);
  }
});

Deno.test("pull: a file of another length than is listed is refused, and not kept", async () => {
  for (const change of [-100, 100]) {
    for (const name of ["model-00002-of-00002.safetensors", "config.json"]) {
      const repository = llama();
      const file = repository.files[name];
      const length = Math.max(1, file.bytes.length + change);
      file.sent = bytes(length, 5);
      await using hub = new TestHub({ "org/llama": repository });
      const dir = place();
      const words = [name, `${file.bytes.length}, as it is listed`];
      await refused(() => fetched(hub, dir), IntegrityError, ...words);
      assert(!names(dir).some((one) => one.startsWith(name)), `${names(dir)}`);
    }
  }
});

Deno.test("pull: another sum in the hub's own header is an error before anything is fetched", async () => {
  const repository = llama();
  await using hub = new TestHub({ "org/llama": repository });
  hub.answer = ({ to, path }) =>
    to === "hub" && path.endsWith("00001-of-00002.safetensors")
      ? new Response(null, {
        status: 302,
        headers: { location: `http://${hub.hosts.cdn}/x`, "x-linked-etag": `"${"ab".repeat(32)}"` },
      })
      : to === "cdn" && path === "/x"
      ? new Response(bytes(SIZE))
      : undefined;
  const options = { include: ["*00001*"] };
  await refused(() => fetched(hub, place(), options), IntegrityError, "ab".repeat(32));
});

Deno.test("pull: a part that was damaged since is fetched anew, once", async () => {
  const repository = llama();
  await using hub = new TestHub({ "org/llama": repository });
  const dir = place();
  hub.dropAfter = 70_000;
  hub.drops = Infinity;
  await refused(
    () =>
      pullPatiently({ model: "org/llama", endpoint: hub.endpoint, to: dir }, {
        ...QUICK,
        fileTries: 1,
      }),
    HubUnreachableError,
  );
  hub.drops = 0;
  const [part] = parts(dir);
  using handle = Deno.openSync(`${dir}/${part}`, { write: true });
  handle.writeSync(new Uint8Array(10));
  await fetched(hub, dir);
  assertFiles(dir, repository, TAKEN);
});

Deno.test("pull: a server that falls silent in a file is left, and the file goes on", async () => {
  const repository = llama();
  await using hub = new TestHub({ "org/llama": repository });
  let silent = 1;
  const file = repository.files["model-00001-of-00002.safetensors"].bytes;
  hub.answer = ({ to, range }) => {
    if (to !== "cdn" || range !== undefined || silent-- <= 0) return undefined;
    const body = new ReadableStream({
      start: (controller) => controller.enqueue(file.subarray(0, 5000)),
    });
    return new Response(body, { headers: { "content-length": `${file.length}` } });
  };
  const dir = place();
  const options = { model: "org/llama", endpoint: hub.endpoint, to: dir, include: ["*00001*"] };
  await pullPatiently(options, { ...QUICK, silence: 200 });
  assertEquals(Deno.readFileSync(`${dir}/model-00001-of-00002.safetensors`), file);
  assert(hub.requests.some(({ range }) => range === "bytes=5000-"));
});

Deno.test("pull: a connection that breaks again and again is taken up as long as it brings something", async () => {
  const repository = { files: { "model.safetensors": large(600_000, 1) } };
  await using hub = new TestHub({ "org/llama": repository });
  hub.dropAfter = 70_000;
  hub.drops = 8;
  const options = { model: "org/llama", endpoint: hub.endpoint, to: place() };
  const twice = { ...QUICK, fileTries: 2 };
  await refused(
    () => pullPatiently({ ...options, to: place() }, { ...twice, progress: 100_000 }),
    HubUnreachableError,
    "tried 2 times",
  );
  await pullPatiently(options, { ...twice, progress: 20_000 });
  assertFiles(options.to, repository, ["model.safetensors"]);
});
