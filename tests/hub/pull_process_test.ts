/**
 * `pull` as people run it: what it prints, processes that are interrupted and killed, disks that are full, and a model
 * that is fetched and then run.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { CheckpointError } from "../../src/base/errors.ts";
import { openCheckpoint } from "../../src/checkpoint/checkpoint.ts";
import { testIo } from "../../src/cli/fixtures_test.ts";
import { runProgram } from "../../src/cli/program.ts";
import { COMMANDS } from "../../src/cli/registry.ts";
import { type HubFile, type HubRepository, TestHub, TOKEN } from "./hub.ts";
import { assertFiles, large, llama, names, parts, place, root, text } from "./pulled.ts";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const CONFIG = fileURLToPath(new URL("../../deno.json", import.meta.url));
const DEMO = fileURLToPath(new URL("../../models/demo", import.meta.url));

/** Runs the program in this process. */
async function run(hub: TestHub, args: readonly string[], terminal = false) {
  const before = Deno.env.get("HF_ENDPOINT");
  Deno.env.set("HF_ENDPOINT", hub.endpoint);
  const io = testIo({ terminal, columns: 100 });
  try {
    const code = await runProgram(args, COMMANDS, io);
    return { code, out: io.stdout.text, err: io.stderr.text };
  } finally {
    if (before === undefined) Deno.env.delete("HF_ENDPOINT");
    else Deno.env.set("HF_ENDPOINT", before);
  }
}

/** Begins the program in a process of its own. */
function begin(hub: TestHub, args: readonly string[], cwd = root): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", `--config=${CONFIG}`, MAIN, ...args],
    cwd,
    env: { HF_ENDPOINT: hub.endpoint, NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

async function ended(child: Deno.ChildProcess) {
  const { code, stdout, stderr } = await child.output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: decode(stdout), err: decode(stderr) };
}

/** The files of a directory as a repository; what is large lies at the second address. */
function repositoryOf(dir: string): HubRepository {
  return {
    files: Object.fromEntries(
      [...Deno.readDirSync(dir)].filter(({ isFile }) => isFile).map((
        { name },
      ): [string, HubFile] => [
        name,
        {
          bytes: Deno.readFileSync(`${dir}/${name}`),
          lfs: /\.(safetensors|bin)$|^tokenizer\.json$/.test(name),
        },
      ]),
    ),
  };
}

Deno.test("pull: the demo trio is fetched, and generates what it generates in its folder", async () => {
  const roles = ["target", "draft", "draft-eagle2"];
  await using hub = new TestHub(
    Object.fromEntries(roles.map((role) => [`demo/${role}`, repositoryOf(`${DEMO}/${role}`)])),
  );
  const dir = place();
  Deno.mkdirSync(dir, { recursive: true });
  const outs: string[] = [];
  for (const role of roles) {
    const { code, out, err } = await ended(begin(hub, ["pull", `demo/${role}`], dir));
    assertEquals(code, 0, err);
    outs.push(out);
  }
  // What is printed can be run as it is.
  const next = /^next:\n {2}specmquant (generate -t|generate --target) demo\/target (.*)$/m.exec(
    outs[0],
  );
  assert(next !== null, outs[0]);
  assertStringIncludes(outs[2], "--target TARGET --head demo/draft-eagle2");
  const prompt = ["-p", "Question: What is 2 + 3?\nAnswer:", "-n", "40", "--backend", "cpu"];
  const trio = (
    at: string,
  ) => ["-t", `${at}/target`, "--draft", `${at}/draft`, "--head", `${at}/draft-eagle2`];
  const there = await ended(begin(hub, ["generate", ...trio("demo"), ...prompt], dir));
  const here = await ended(begin(hub, ["generate", ...trio(DEMO), ...prompt], dir));
  assertEquals([there.code, there.out], [0, here.out]);
  assert(here.out.length > 20, here.out);
});

Deno.test("pull: what it prints", async () => {
  const repository = llama();
  await using hub = new TestHub({ "org/llama": repository });
  const dir = place();
  const args = ["pull", "org/llama", "--to", dir];
  const { code, out, err } = await run(hub, args);
  assertEquals(code, 0, err);
  assertMatch(err, /^fetching 10 files, 0\.7 MB, to .*\n$/);
  const [is, left, ...more] = out.split("\n");
  assertEquals(
    is,
    `org/llama at ${"0123456789abcdef".repeat(3).slice(0, 40)} is in ${dir}: 10 files, 0.7 MB`,
  );
  assertEquals(
    left,
    "left out: .gitattributes, README.md, onnx/, optimizer.pt, original/, pytorch_model.bin (0.0 MB); " +
      "--include takes what matches",
  );
  // These are no tensors.
  assertStringIncludes(more.join("\n"), "what came is no model that runs here as it is: Cannot ");
  assertStringIncludes(out, `next:\n  specmquant inspect ${dir}\n`);

  const again = await run(hub, args);
  assertEquals([again.code, again.err], [0, ""]);
  assertStringIncludes(again.out, `is already in ${dir}: 10 files`);

  const json = await run(hub, [...args, "--json"]);
  const summary = JSON.parse(json.out);
  assertEquals(Object.keys(summary).sort(), [
    "bytes",
    "commit",
    "dir",
    "fetched",
    "files",
    "left_out",
    "path",
    "removed",
    "repository",
    "revision",
    "seconds",
  ]);
  assertEquals([summary.fetched, summary.files.length, summary.left_out.length], [0, 10, 6]);
  assertMatch(summary.files[0].sum, /^git:[0-9a-f]{40}$/);

  const missing = await run(hub, ["pull", "org/other", "--json"]);
  assertEquals([missing.code, JSON.parse(missing.out).error.code], [1, "hub_not_found"]);
  const wrong = await run(hub, ["pull", "llama"]);
  assertEquals([wrong.code, wrong.out], [2, ""]);
  assertStringIncludes(wrong.err, "error: Cannot fetch");
  const quant = await run(hub, ["pull", "org/llama", "--quant", "Q4_0"]);
  assertEquals(quant.code, 2);
  assertStringIncludes(quant.err, "error: --quant: Cannot fetch org/llama: it has no GGUF files");
});

Deno.test("pull: progress on a terminal, with bytes, rate, time left and files", async () => {
  await using hub = new TestHub({ "org/llama": llama() });
  hub.slow = 40;
  const { code, err } = await run(hub, ["pull", "org/llama", "--to", place()], true);
  assertEquals(code, 0);
  const lines = err.split("\r\x1b[K");
  const line =
    /^fetching \[#+-+\] +\d+% {2}0:0\d left {2}0\.\d MB of 0\.7 MB {2}[\d.]+ MB\/s {2}file \d+ of 10: [\w.-]+$/;
  assert(lines.some((one) => line.test(one)), err);
  assert(lines.every((one) => one.length < 100), err);
});

for (const signal of ["SIGINT", "SIGKILL"] as const) {
  Deno.test(`pull: after ${signal} the next one fetches only the rest`, async () => {
    const repository = llama();
    await using hub = new TestHub({ "org/llama": repository });
    hub.slow = 60;
    const dir = place();
    const args = ["pull", "org/llama", "--to", dir];
    const child = begin(hub, args);
    const deadline = performance.now() + 60_000;
    // What is under way when the signal comes is lost.
    const sent = () =>
      hub.requests.reduce((sum, one) => one.to === "cdn" ? sum + one.sent : sum, 0);
    while (sent() < 250_000 && performance.now() < deadline) {
      await new Promise((resume) => setTimeout(resume, 5));
    }
    child.kill(signal);
    const { code, err } = await ended(child);
    if (signal === "SIGINT") {
      assertEquals(code, 130, err);
      assertMatch(
        err,
        /\d\.\d MB of 0\.7 MB are kept in .*To go on, run again:\n {2}specmquant pull /,
      );
      assertStringIncludes(err, "interrupted\n");
    }
    const found = names(dir);
    assert(!found.some((name) => /^model-.*safetensors$/.test(name)), `${found}`);
    assertThrows(() => openCheckpoint(dir), CheckpointError, "not complete");
    const kept = found.filter((name) => name !== ".pull.json")
      .reduce((sum, name) => sum + Deno.statSync(`${dir}/${name}`).size, 0);
    assert(kept > 100_000);

    hub.slow = 0;
    hub.takeSent();
    const second = await ended(begin(hub, [...args, "--json"]));
    assertEquals(second.code, 0, second.err);
    const { bytes, fetched } = JSON.parse(second.out);
    assertEquals(fetched, bytes - kept);
    hub.expectSent(fetched);
    assertFiles(dir, repository, JSON.parse(second.out).files.map(({ path }: HubPath) => path));
  });
}

interface HubPath {
  readonly path: string;
}

Deno.test("pull: a token of the environment, or of the file of other programs, is used and not shown", async () => {
  await using hub = new TestHub({ "org/llama": { ...llama(), gated: true } });
  const home = place();
  Deno.mkdirSync(`${home}/hf`, { recursive: true });
  Deno.mkdirSync(`${home}/.cache/huggingface`, { recursive: true });
  Deno.writeTextFileSync(`${home}/hf/token`, `${TOKEN}\n`);
  Deno.writeTextFileSync(`${home}/.cache/huggingface/token`, TOKEN);
  const environments: Record<string, string>[] = [
    { HF_TOKEN: TOKEN },
    { HF_HOME: `${home}/hf` },
    { HF_TOKEN_PATH: `${home}/hf/token` },
    { XDG_CACHE_HOME: `${home}/.cache` },
    { HOME: home },
    {},
  ];
  for (const env of environments) {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", `--config=${CONFIG}`, MAIN]
        .concat("pull", "org/llama", "--include", "config.json", "--to", place()),
      clearEnv: true,
      env: { HF_ENDPOINT: hub.endpoint, DENO_DIR: denoDir(), NO_COLOR: "1", ...env },
    }).output();
    const all = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    assertEquals(code, Object.keys(env).length === 0 ? 1 : 0, all);
    assert(!all.includes(TOKEN), all);
  }
});

/** Where this Deno keeps what it has fetched. */
function denoDir(): string {
  const { stdout } = new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).outputSync();
  return JSON.parse(new TextDecoder().decode(stdout)).denoDir;
}

/** A file system of its own, in memory. */
class Mount implements Disposable {
  readonly dir = `${root}/disk`;

  constructor(size: string) {
    Deno.mkdirSync(this.dir, { recursive: true });
    this.#mount("mount", "-t", "tmpfs", "-o", `size=${size}`, "none", this.dir);
  }

  #mount(command: string, ...args: string[]): void {
    const { success, stderr } = new Deno.Command(command, { args }).outputSync();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
  }

  [Symbol.dispose](): void {
    this.#mount("umount", this.dir);
  }
}

const mountable = (() => {
  try {
    using _ = new Mount("64k");
    return true;
  } catch {
    return false;
  }
})();

const why = mountable ? "" : " (not run: it needs the right to mount)";

Deno.test({
  name: `pull: a disk that is too small is refused before anything is written${why}`,
  ignore: !mountable,
  fn: async () => {
    await using hub = new TestHub({ "org/llama": llama() });
    using disk = new Mount("256k");
    const { code, err } = await run(hub, ["pull", "org/llama", "--to", `${disk.dir}/a/b`]);
    assertEquals(code, 1);
    assertMatch(
      err,
      /^error: Cannot write .*: about 0\.7 MB are needed, 0\.3 MB are free on its file system/,
    );
    assertEquals(names(disk.dir), []);
  },
});

Deno.test({
  name: `pull: a disk that fills up keeps what has come, and a second run goes on${why}`,
  ignore: !mountable,
  fn: async () => {
    const repository: HubRepository = {
      files: { "config.json": text("{}"), "model.safetensors": large(3_000_000, 1) },
    };
    await using hub = new TestHub({ "org/llama": repository });
    hub.slow = 2;
    using disk = new Mount("4m");
    const dir = `${disk.dir}/model`;
    const args = ["pull", "org/llama", "--to", dir];
    // Somebody else takes the space that was free.
    hub.answer = ({ to, range }) => {
      if (to === "cdn" && range === undefined) {
        Deno.writeFileSync(`${disk.dir}/other`, new Uint8Array(2_500_000));
      }
      return undefined;
    };
    const { code, err } = await run(hub, args);
    assertEquals(code, 1, err);
    assertMatch(
      err,
      /error: Cannot write .*model\.safetensors: no space is left on the device; \d\.\d MB are still to come, 0\.0 MB are free/,
    );
    assertMatch(err, /[1-9]\.\d MB of 3\.0 MB are kept in/);
    const [part] = parts(dir);
    const kept = Deno.statSync(`${dir}/${part}`).size;
    assert(kept > 1_000_000, `${kept}`);
    // It stays too small, which is known before it is begun.
    assertMatch((await run(hub, args)).err, /about \d\.\d MB are needed, 0\.0 MB are free/);
    Deno.removeSync(`${disk.dir}/other`);
    hub.answer = () => undefined;
    hub.takeSent();
    assertEquals((await run(hub, args)).code, 0);
    hub.expectSent(3_000_000 - kept);
    assertFiles(dir, repository, ["config.json", "model.safetensors"]);
  },
});
