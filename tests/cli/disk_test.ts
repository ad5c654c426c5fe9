/**
 * Disks that are full, read-only or not there, for every command that writes: what is wrong is said in a line,
 * before work where it can be known, and nothing is left that looks finished. The errors are the kernel's own.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { FileError } from "../../src/base/errors.ts";
import { testIo, type TestOutput } from "../../src/cli/fixtures_test.ts";
import { type Io, standardError, standardOutput, type Stream } from "../../src/cli/terminal/io.ts";
import { runProgram } from "../../src/cli/program.ts";
import { COMMANDS } from "../../src/cli/registry.ts";
import { convertHead, quantizeCheckpoint, type QuantizeKept } from "../../src/quantize/mod.ts";
import { TestHub } from "../hub/hub.ts";
import { SMALL, writeRandomHead } from "../models.ts";
import { tinyRepository } from "../hub/pulled.ts";
import { filesOf, makeModel, readNames, VOCAB } from "../whole_models.ts";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

const DEMO = fileURLToPath(new URL("../../models/demo/target", import.meta.url));

const root = Deno.makeTempDirSync();
addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));

const SHAPE = { ...SMALL, vocab: VOCAB };
const model = makeModel(`${root}/model`, SHAPE);
const head = writeRandomHead(`${root}/head`, SHAPE);
const rotated = `${root}/rotated`;
await quantizeCheckpoint({ model, out: rotated, scheme: "f16", rotate: true });

const RTN = { scheme: "w4a16-g32", method: "rtn" } as const;
const QUANTIZE = ["quantize", "--model", model, "--scheme", RTN.scheme, "--method", RTN.method];
const CONVERT = ["convert-head", "--head", head, "--model", rotated];
const texts = `${root}/texts.jsonl`;
Deno.writeTextFileSync(texts, '{"tokens": [1, 2, 3]}');
const STATES = ["hidden-states", "--backend", "cpu", "--target", model, "--texts", texts];
const TRIM = ["trim-head", "--head", head, "--target", model, "--texts", texts, "--keep", "9"];
const OF_HEAD = ["quantize", "--head", head, "--target", model, ...QUANTIZE.slice(3)];
Deno.writeTextFileSync(`${root}/prompts.jsonl`, '{"prompt": "a b"}');
const EVAL = ["eval", "--backend", "cpu", "--target", DEMO, "--bench", `${root}/prompts.jsonl`]
  .concat("--methods", "ar", "--max-tokens", "3");
const BENCH = ["bench", "--backend", "cpu", "--model", model, "--tables", "forward"]
  .concat("--rows", "1", "--context", "8", "--runs", "1");
const prompts = `${root}/prompts.txt`;
Deno.writeTextFileSync(prompts, "a b\n");
const TUNE = ["tune", "--backend", "cpu", "--target", model, "--prompts", prompts]
  .concat("--contexts", "16", "--max-tokens", "8");

/** What a chat is asked. */
const ASKED = "a b\n";

/** What is kept in the user's cache is kept in `root`; programs that are started have their own cache where it is. */
async function run(args: readonly string[], streams: Partial<Io> = {}) {
  const io = testIo({ stdin: ASKED });
  const before = Deno.env.get("XDG_CACHE_HOME");
  Deno.env.set("XDG_CACHE_HOME", `${root}/cache`);
  try {
    const code = await runProgram(args, COMMANDS, { ...io, ...streams });
    return { code, out: io.stdout.text, err: io.stderr.text };
  } finally {
    if (before === undefined) Deno.env.delete("XDG_CACHE_HOME");
    else Deno.env.set("XDG_CACHE_HOME", before);
  }
}

/** One line that says what is wrong, in the words of this project. */
function assertClean(err: string, words: string, what: string): void {
  assertStringIncludes(err, words, what);
  assertMatch(err.trimEnd().split("\n").at(-1)!, /^error: (--[a-z-]+: )?Cannot /, what);
  assert(!err.includes("internal error") && !err.includes("    at "), err);
}

const hub = new TestHub({ "org/tiny": tinyRepository() });
Deno.env.set("HF_ENDPOINT", hub.endpoint);

/** Every command, as it prints something. */
const PRINTING: readonly (readonly string[])[] = [
  ["--version"],
  ["--help"],
  ["help", "quantize"],
  ["completions", "bash"],
  ["pull", "org/tiny", "--to", `${root}/pulled`],
  ["pull", "org/tiny", "--to", `${root}/pulled`, "--json"],
  ["inspect", DEMO],
  ["inspect", DEMO, "--json"],
  ["inspect", `${root}/none`, "--json"],
  ["score", "--target", model, "--text", "a b", "--backend", "cpu"],
  ["score", "--target", model, "--text", "a b", "--backend", "cpu", "--json"],
  ["generate", "--target", model, "--prompt", "a b", "--max-tokens", "3", "--backend", "cpu"],
  ["generate", "--target", model, "--prompt", "a", "--max-tokens", "3", "--backend=cpu", "--json"],
  ["chat", "--target", DEMO, "--max-tokens", "3", "--backend", "cpu"],
  ["chat", "--target", DEMO, "--max-tokens", "3", "--backend", "cpu", "--json"],
  ["serve", "--target", model, "--port", "0", "--backend", "cpu"],
  [...QUANTIZE, "--out", `${root}/printed`],
  [...QUANTIZE, "--out", `${root}/printed-json`, "--json"],
  [...CONVERT, "--out", `${root}/printed-head`],
  [...CONVERT, "--out", `${root}/printed-head-json`, "--json"],
  [...OF_HEAD, "--out", `${root}/printed-quantized-head`],
  [...OF_HEAD, "--out", `${root}/printed-quantized-head-json`, "--json"],
  [...TRIM, "--out", `${root}/printed-trimmed`],
  [...TRIM, "--out", `${root}/printed-trimmed-json`, "--json"],
  [...EVAL, "--out", `${root}/printed-eval`],
  [...EVAL, "--out", `${root}/printed-eval-json`, "--json"],
  [...STATES, "--out", `${root}/printed-states`],
  [...STATES, "--out", `${root}/printed-states-json`, "--json"],
  BENCH,
  TUNE,
  [...TUNE, "--json"],
  ["doctor", "--backend", "cpu"],
  ["doctor", "--backend", "cpu", "--json"],
];

Deno.test("disk: standard output that is full ends every command with an error", async () => {
  const named = new Set(PRINTING.map(([name]) => name));
  for (const { name } of COMMANDS) assert(named.has(name), `${name} is not tried`);
  using full = Deno.openSync("/dev/full", { write: true });
  for (const args of PRINTING) {
    const { code, err } = await run(args, { stdout: standardOutput(full) });
    assertEquals(code, 1, args.join(" "));
    const expected = args[1] === `${root}/none`
      ? "it does not exist"
      : "Cannot write standard output";
    assertClean(err, expected, args.join(" "));
  }
  assertEquals(readNames(`${root}/printed`).includes("config.json"), true);
});

Deno.test("disk: standard output that nobody reads ends every command quietly", async () => {
  const gone = () => {
    throw new Deno.errors.BrokenPipe("Broken pipe (os error 32)");
  };
  const stream: Stream = {
    isTerminal: () => false,
    write: () => Promise.resolve().then(gone),
    writeSync: gone,
  };
  for (const args of PRINTING) {
    const again = args.map((word) => word.replace("/printed", "/unread"));
    const { code, err } = await run(again, { stdout: standardOutput(stream) });
    const failed = args[1] === `${root}/none`;
    assertEquals([code, err.includes("rror: ")], [failed ? 1 : 0, failed], args.join(" "));
  }
});

/** Ends this process's server when it has said that it serves. */
function endOnceServing(stdout: TestOutput): void {
  const { write } = stdout;
  stdout.write = async (text) => {
    await write.call(stdout, text);
    Deno.kill(Deno.pid, "SIGTERM");
  };
}

Deno.test("disk: standard error that is full ends nothing", async () => {
  using full = Deno.openSync("/dev/full", { write: true });
  for (const args of PRINTING) {
    const again = args.map((word) => word.replace("/printed", "/unheard"));
    const stdout = testIo().stdout as TestOutput;
    if (args[0] === "serve") endOnceServing(stdout);
    const code = await runProgram(again, COMMANDS, {
      stdin: testIo({ stdin: ASKED }).stdin,
      stdout,
      stderr: standardError(full),
    });
    assertEquals(code, args[1] === `${root}/none` ? 1 : 0, args.join(" "));
    assert(stdout.text !== "", args.join(" "));
  }
});

/** Paths that nothing can be written to, and what is said of them. */
function badPaths(dir: string): Record<string, { path: string; directory: string; file: string }> {
  Deno.mkdirSync(dir);
  Deno.writeTextFileSync(`${dir}/file`, "mine");
  Deno.mkdirSync(`${dir}/full`);
  Deno.writeTextFileSync(`${dir}/full/note`, "mine");
  Deno.symlinkSync("loop", `${dir}/loop`);
  Deno.symlinkSync("/dev/full", `${dir}/device`);
  const both = (path: string, directory: string, file = directory) => ({ path, directory, file });
  const taken = "it exists, expected an absent or empty directory";
  const noSpace = "no space is left on the device";
  return {
    "no parent": both(`${dir}/no/such`, "does not exist"),
    "a file as parent": both(`${dir}/file/x`, "a part of the path is a file"),
    "a long name": both(`${dir}/${"x".repeat(300)}`, "its name is too long"),
    "a circle of links": both(`${dir}/loop`, "too many links"),
    "a directory that is full": both(`${dir}/full`, taken, "it is a directory"),
    "the full device": both("/dev/full", taken, noSpace),
    "a link to the full device": both(`${dir}/device`, taken, noSpace),
  };
}

Deno.test("disk: places where no directory can be made are refused, and stay as they are", async () => {
  for (const args of [QUANTIZE, CONVERT]) {
    const dir = `${root}/places-${args[0]}`;
    const paths = badPaths(dir);
    Deno.symlinkSync("nothing", `${dir}/dangling`);
    Deno.mkdirSync(`${dir}/other.partial`);
    Deno.writeTextFileSync(`${dir}/other.partial/notes`, "mine");
    const before = readNames(dir).sort();
    const more = {
      "a file": [`${dir}/file`, "it exists, expected an absent or empty directory"],
      "a link to nothing": [`${dir}/dangling`, "a link to nothing, which does not exist"],
      "foreign work": [`${dir}/other`, "notes is in it, which is no unfinished work"],
      "the model": [args[2], "it is the model's directory"],
      "in the model": [`${args[2]}/out`, "it is inside the model's directory"],
    };
    const all = Object.entries(paths).map(([what, { path, directory }]) => [what, path, directory]);
    for (const [what, path, words] of [...all, ...Object.entries(more).map((x) => x.flat())]) {
      const { code, out, err } = await run([...args, "--out", path]);
      assert(code === 1 || code === 2, what);
      assertEquals(out, "", what);
      assertClean(err, words, `${args[0]}, ${what}`);
      assertEquals(readNames(dir).sort(), before, what);
      assertEquals(readNames(`${dir}/full`), ["note"]);
    }
  }
  // What would be at work beside OUT is not the model itself.
  const partial = makeModel(`${root}/copy.partial`, SHAPE);
  const names = readNames(partial);
  const args = QUANTIZE.map((word) => word === model ? partial : word);
  const { code, err } = await run([...args, "--out", `${root}/copy`]);
  assertEquals(code, 2);
  assertClean(err, "the work would be done in", "a model called OUT.partial");
  assertEquals(readNames(partial), names);
});

Deno.test("disk: files that cannot be written are refused before a bench measures", async () => {
  const paths = badPaths(`${root}/files`);
  const before = readNames(`${root}/files`).sort();
  for (const option of ["--json", "--markdown"]) {
    for (const [what, { path, file }] of Object.entries(paths)) {
      const { code, out, err } = await run([...BENCH, option, path]);
      // A device that is full shows when the first line is written; the rest before anything is opened.
      const shown = path.startsWith("/dev/") || path.endsWith("/device");
      assertEquals([code, out !== ""], [1, shown], `${option}, ${what}`);
      assert(!out.includes("GB/s"), out);
      assertClean(err, file === "does not exist" ? "its directory does not exist" : file, what);
      assertEquals(readNames(`${root}/files`).sort(), before);
      assert(Deno.statSync("/dev/full").isCharDevice, "the device was replaced");
    }
  }
  const same = await run([...BENCH, "--json", `${root}/x`, "--markdown", `${root}/x`]);
  assertEquals(same.code, 2);
  assertStringIncludes(same.err, "--json is that file");
});

Deno.test("disk: a file that is replaced is whole, and a link stays a link", async () => {
  const dir = `${root}/replaced`;
  Deno.mkdirSync(dir);
  Deno.writeTextFileSync(`${dir}/real.json`, "before");
  Deno.symlinkSync("real.json", `${dir}/link.json`);
  assertEquals((await run([...BENCH, "--json", `${dir}/link.json`])).code, 0);
  assert(Deno.lstatSync(`${dir}/link.json`).isSymlink);
  assertEquals(JSON.parse(Deno.readTextFileSync(`${dir}/real.json`)).schema, "specmquant-bench/1");
  assertEquals(readNames(dir).sort(), ["link.json", "real.json"]);
});

Deno.test("disk: a limit on the size of files is named, and nothing is left", async () => {
  const out = `${root}/limited`;
  const words = [...QUANTIZE, "--out", out].map((word) => `'${word}'`).join(" ");
  const deno = `'${Deno.execPath()}' run -A --no-check '${MAIN}'`;
  // Blocks of 512 bytes: not enough for the embedding.
  const script = `trap '' XFSZ; ulimit -f 40; exec ${deno} ${words}`;
  const { code, stderr } = await new Deno.Command("sh", { args: ["-c", script] }).output();
  const err = new TextDecoder().decode(stderr);
  assertEquals(code, 1, err);
  assertClean(err, "it is larger than the file system or a limit allows", "a limit");
  assertEquals(readNames(root).filter((name) => name.startsWith("limited")), []);
});

Deno.test("convert-head: Ctrl-C leaves nothing", async () => {
  const dir = `${root}/stopped`;
  Deno.mkdirSync(dir);
  for (const pauses of [1, 3, 5]) {
    const controller = new AbortController();
    let left = pauses;
    const abort = () => void (--left > 0 ? setTimeout(abort, 0) : controller.abort("enough"));
    setTimeout(abort, 0);
    const { signal } = controller;
    const ended = convertHead({ head, model: rotated, out: `${dir}/out`, signal });
    assertEquals(await ended.catch((reason) => reason), "enough", `${pauses}`);
    assertEquals(readNames(dir), []);
  }
});

Deno.test("process: after Ctrl-C nothing is left of a head that is converted", async () => {
  const narrow = {
    ...SHAPE,
    layers: 1,
    hidden: 1024,
    intermediate: 64,
    heads: 1,
    kvHeads: 1,
    headDim: 64,
  };
  const [large, turned] = [makeModel(`${root}/large`, narrow), `${root}/large-rotated`];
  const its = writeRandomHead(`${root}/large-head`, narrow);
  await quantizeCheckpoint({ model: large, out: turned, scheme: "f16", rotate: true });
  const out = `${root}/large-out`;
  const found = () => readNames(root).filter((name) => name.startsWith("large-out"));
  const args = ["convert-head", "--head", its, "--model", turned, "--out", out];
  for (let attempt = 0;; attempt++) {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", MAIN, ...args],
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const deadline = performance.now() + 20_000;
    while (found().length === 0 && performance.now() < deadline) {
      await new Promise((resume) => setTimeout(resume, 2));
    }
    try {
      child.kill("SIGINT");
    } catch {
      // It has ended.
    }
    const { code, stderr } = await child.output();
    if (code === 0 && attempt < 9) {
      // It was quicker.
      Deno.removeSync(out, { recursive: true });
      continue;
    }
    assertEquals([code, new TextDecoder().decode(stderr)], [130, "interrupted\n"]);
    assertEquals(found(), []);
    return;
  }
});

/** A file system of its own, in memory, until it is disposed. */
class Mount implements Disposable {
  readonly dir: string;

  constructor(name: string, options: string) {
    this.dir = `${root}/${name}`;
    Deno.mkdirSync(this.dir, { recursive: true });
    mount("mount", "-t", "tmpfs", "-o", options, "none", this.dir);
  }

  /** Lets nobody write to it any more. */
  protect(): void {
    mount("mount", "-o", "remount,ro", this.dir);
  }

  [Symbol.dispose](): void {
    mount("umount", this.dir);
  }
}

function mount(command: string, ...args: string[]): void {
  const { success, stderr } = new Deno.Command(command, { args }).outputSync();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}

const mountable = (() => {
  try {
    using _ = new Mount("probe", "size=64k");
    return true;
  } catch {
    return false;
  }
})();

/** A test that is left out where nobody may mount. */
function testMounted(name: string, fn: () => Promise<void>): void {
  const why = mountable ? "" : " (not run: it needs the right to mount)";
  Deno.test({ name: `disk: ${name}${why}`, ignore: !mountable, fn });
}

testMounted("one that is too small is refused before work", async () => {
  using small = new Mount("small", "size=64k");
  for (const [args, dir] of [[QUANTIZE, model], [CONVERT, head]] as const) {
    for (const out of [`${small.dir}/out`, small.dir]) {
      const { code, err } = await run([...args, "--out", out]);
      assertEquals(code, 1);
      assertMatch(
        err,
        /^error: Cannot write .*: about 0\.\d MB are needed, 0\.\d MB are free on its/,
      );
      assertEquals(readNames(small.dir), [], dir);
    }
  }
});

testMounted("one that fills up keeps what is finished, and a second run goes on", async () => {
  using disk = new Mount("filling", "size=2m");
  const whole = `${root}/filling-whole`;
  await quantizeCheckpoint({ model, out: whole, ...RTN });
  for (const out of [`${disk.dir}/out`, disk.dir]) {
    let kept: QuantizeKept | undefined;
    const filler = `${disk.dir}/${out === disk.dir ? "lost+found" : "filler"}`;
    await assertRejects(
      () =>
        quantizeCheckpoint({
          model,
          out,
          ...RTN,
          onProgress({ done }) {
            if (done < 2 || readNames(disk.dir).includes("filler")) return;
            fill(filler);
          },
          onKept: (told) => kept = told,
        }),
      FileError,
      "no space is left on the device",
    );
    assertEquals([kept!.done, kept!.total], [2, SHAPE.layers + 2]);
    assertEquals(readNames(out).includes("config.json"), false);
    Deno.removeSync(filler);
    const { resumed } = await quantizeCheckpoint({ model, out, ...RTN });
    assertEquals(resumed, 2);
    assertEquals(filesOf(out), filesOf(whole));
    if (out !== disk.dir) Deno.removeSync(out, { recursive: true });
  }
});

/** Takes all the space that a disk has. */
function fill(file: string): void {
  using handle = Deno.openSync(file, { create: true, append: true });
  for (let size = 2 ** 16; size >= 1;) {
    try {
      handle.writeSync(new Uint8Array(size));
    } catch {
      size /= 2;
    }
  }
}

testMounted("one that is read-only is named, whatever is to be written", async () => {
  using disk = new Mount("protected", "size=4m");
  disk.protect();
  const cases = [
    ...[QUANTIZE, CONVERT].flatMap((args) =>
      ["", "/out"].map((at) => [...args, "--out", `${disk.dir}${at}`])
    ),
    [...BENCH, "--json", `${disk.dir}/run.json`],
    [...BENCH, "--markdown", `${disk.dir}/run.md`],
  ];
  for (const args of cases) {
    const { code, out, err } = await run(args);
    assertEquals([code, out], [1, ""], args.join(" "));
    assertClean(err, "the file system is read-only", args.join(" "));
  }
});

testMounted("a mount point that is empty is filled, one with files is refused", async () => {
  const expected = [QUANTIZE, CONVERT].map((_, i) => `${root}/mounted-whole-${i}`);
  for (const [i, args] of [QUANTIZE, CONVERT].entries()) {
    assertEquals((await run([...args, "--out", expected[i]])).code, 0);
    using disk = new Mount(`mounted-${i}`, "size=4m");
    Deno.mkdirSync(`${disk.dir}/lost+found`); // as a new ext4 has it
    assertEquals(await run([...args, "--out", disk.dir]).then(({ code, err }) => [code, err]), [
      0,
      "",
    ]);
    const names = [...filesOf(expected[i]).keys()];
    assertEquals(readNames(disk.dir).sort(), [...names, "lost+found"].sort());
    for (const name of names) {
      assertEquals(
        Deno.readFileSync(`${disk.dir}/${name}`),
        Deno.readFileSync(`${expected[i]}/${name}`),
      );
    }
    const again = await run([...args, "--out", disk.dir]);
    assertEquals(again.code, 2);
    assertClean(again.err, "it exists, expected an absent or empty directory", "a second time");
    assertEquals(
      readNames(root).filter((name) => name.includes("mounted-") && name.includes("partial")),
      [],
    );
  }
});

Deno.test("disk: the current directory, and one behind a link, are filled and stay what they are", async () => {
  const dir = `${root}/current`;
  Deno.mkdirSync(dir);
  Deno.symlinkSync(dir, `${root}/current-link`);
  const inode = Deno.statSync(dir).ino;
  const before = Deno.cwd();
  Deno.chdir(dir);
  try {
    assertEquals((await run([...QUANTIZE, "--out", "."])).code, 0);
    assert(readNames(".").includes("config.json"));
  } finally {
    Deno.chdir(before);
  }
  for (const name of readNames(dir)) Deno.removeSync(`${dir}/${name}`);
  assertEquals((await run([...CONVERT, "--out", `${root}/current-link`])).code, 0);
  assertEquals(Deno.statSync(dir).ino, inode);
  assertEquals(readNames(dir).sort(), ["config.json", "model.safetensors"]);
});
