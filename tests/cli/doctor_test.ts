/**
 * `doctor`: what it says of libraries, drivers and cards, those that are broken too.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { testIo } from "../../src/cli/fixtures_test.ts";
import { runProgram } from "../../src/cli/program.ts";
import { COMMANDS } from "../../src/cli/registry.ts";
import { MODEL_SHAPES } from "../../src/checkpoint/synthetic/shapes.ts";
import { syntheticCheckpoint } from "../../src/checkpoint/synthetic/synthetic.ts";
import { Device } from "../../src/device/mod.ts";
import { NO_DEVICE_WORDS } from "../../src/device/probe.ts";
import { planMemory } from "../../src/engine/mod.ts";
import { findLibrary, LIBRARY_VARIABLE } from "../../src/ffi/library.ts";
import { nvidiaDriver } from "../../src/ffi/nvidia_driver.ts";
import { ABI_HASH } from "../../src/ffi/symbols.ts";
import { summarizeModel } from "../../src/model/mod.ts";
import {
  CU_INIT,
  cudaLibrary,
  driverLibrary,
  NO_DEVICE_MESSAGE,
  noCompiler,
} from "./fake_libraries.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const NO_COMPILER = noCompiler();
const compiled = (name: string) =>
  NO_COMPILER === null ? { name } : { name: `${name} (${NO_COMPILER})`, ignore: true };

const root = Deno.makeTempDirSync();
addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));

const TWIN = `${ROOT}build/libspecmquant_cpu.so`;

/** Runs `work` with variables of the environment set, or unset. */
async function withEnv<T>(
  env: Readonly<Record<string, string | undefined>>,
  work: () => T | Promise<T>,
): Promise<T> {
  const set = (name: string, value: string | undefined) =>
    value === undefined ? Deno.env.delete(name) : Deno.env.set(name, value);
  const before = Object.keys(env).map((name) => [name, Deno.env.get(name)] as const);
  for (const [name, value] of Object.entries(env)) set(name, value);
  try {
    return await work();
  } finally {
    for (const [name, value] of before) set(name, value);
  }
}

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** `doctor` with a library set, in a home of its own. */
function doctor(library: string | undefined, ...args: string[]): Promise<Outcome> {
  const env = { [LIBRARY_VARIABLE]: library, XDG_CACHE_HOME: `${root}/cache` };
  return withEnv(env, async () => {
    const io = testIo();
    const code = await runProgram(["doctor", ...args], COMMANDS, io);
    return { code, out: io.stdout.text, err: io.stderr.text };
  });
}

/** What it says of CUDA with `library` where CUDA is asked for; the twin, which is there, is never taken. */
async function cudaWith(library: string) {
  const { code, out, err } = await doctor(library, "--backend", "cuda", "--json");
  const found = JSON.parse(out);
  const [cuda, cpu] = found.libraries;
  assertEquals([cuda.kind, cpu.kind, cpu.state], ["cuda", "cpu", "ready"]);
  assertEquals(code, found.usable ? 0 : 1);
  assertEquals(found.usable, cuda.state === "ready");
  assertEquals(err, found.usable ? "" : `error: ${found.message}\n`);
  assertEquals(found.message, cuda.message);
  assertEquals(found.device === null, !found.usable);
  return cuda as { state: string; path: string | null; abi: string | null; message: string | null };
}

Deno.test("doctor: the twin is usable, and the report for people says so", async () => {
  const { code, out, err } = await doctor(undefined, "--backend", "cpu");
  assertEquals([code, err], [0, ""]);
  assertMatch(out, /^usable +yes, on cpu$/m);
  assertMatch(out, /^CPU library +ready, .*libspecmquant_cpu\.so, ABI 0x[0-9a-f]{16}$/m);
  assertMatch(out, /^memory +\d.* free of \d/m);
  for (const shape of Object.keys(MODEL_SHAPES)) assertStringIncludes(out, shape);
});

Deno.test("doctor: a CUDA library that is missing, no library, of another ABI, or the twin", async () => {
  const missing = await cudaWith("/nowhere/libspecmquant.so");
  assertEquals([missing.state, missing.path, missing.abi], ["missing", null, null]);
  assertMatch(missing.message!, /^Cannot find the cuda library: tried .*\/nowhere\//);

  const text = `${root}/text/libspecmquant.so`;
  Deno.mkdirSync(`${root}/text`);
  Deno.writeTextFileSync(text, "no library");
  const unloadable = await cudaWith(text);
  assertEquals([unloadable.state, unloadable.path, unloadable.abi], ["unloadable", text, null]);
  assertStringIncludes(unloadable.message!, `Cannot open ${text}: `);

  const bytes = Deno.readFileSync(TWIN);
  const twin = `${root}/libspecmquant.so`;
  Deno.writeFileSync(twin, bytes);
  const wrong = await cudaWith(twin);
  assertEquals(wrong.state, "wrong_kind");
  assertStringIncludes(wrong.message!, "it is the cpu library, expected cuda");

  const other = `${root}/text/other-libspecmquant.so`;
  const hash = new Uint8Array(BigUint64Array.of(ABI_HASH).buffer);
  for (let i = 0; i + 8 <= bytes.length; i++) {
    if (hash.every((byte, j) => bytes[i + j] === byte)) bytes[i] ^= 1;
  }
  Deno.writeFileSync(other, bytes);
  const mismatch = await cudaWith(other);
  const found = `0x${(ABI_HASH ^ 1n).toString(16).padStart(16, "0")}`;
  assertEquals([mismatch.state, mismatch.abi], ["abi_mismatch", found]);
  assertStringIncludes(mismatch.message!, `its ABI is ${found}, expected 0x`);
  // A stale library is a mistake to mend: auto does not go on without it, and says why.
  const auto = await doctor(other, "--json");
  assertEquals(auto.code, 1);
  assertEquals(JSON.parse(auto.out).message, mismatch.message);
});

Deno.test({
  ...compiled(
    "doctor: a driver that is missing or too old, no card, one that is refused, and one that is there",
  ),
  async fn() {
    const library = cudaLibrary(`${root}/libspecmquant-fake.so`, ABI_HASH);
    const cases = [
      ["no_driver", "no NVIDIA driver is installed, expected one for CUDA 13.0 or newer"],
      ["old_driver", "the driver is for CUDA 12.4, expected 13.0 or newer"],
      ["no_device", "the driver (CUDA 13.0) sees no device, expected at least one"],
      ["refused", "device 0 is Card of compute capability 5.2, expected one that this library ..."],
    ];
    for (const [state, words] of cases) {
      const cuda = await withEnv({ [NO_DEVICE_MESSAGE]: words }, () => cudaWith(library));
      assertEquals([cuda.state, cuda.message], [state, `Cannot use the device: ${words}`]);
    }
    const cuda = await cudaWith(library);
    assertEquals([cuda.state, cuda.message], ["ready", null]);
    // Without being asked for, it is taken, too.
    const found = JSON.parse((await doctor(library, "--json")).out);
    assertEquals([found.usable, found.device.backend, found.device.name], [true, "cuda", "Card"]);
    assertEquals(found.device.memory, { used: 0, free: 4e9, total: 16e9 });
    const f16 = found.fits.filter(({ scheme }: { scheme: string }) => scheme === "f16");
    // 8 billion weights of 2 bytes do not fit into 4 GB; 1.2 billion do.
    const largest = (name: string) =>
      f16.find(({ shape }: { shape: string }) => shape === name).largest_context;
    assertEquals(largest("llama-3-8b"), 0);
    assert(largest("llama-3.2-1b") > 0);
  },
});

Deno.test("doctor: why there is no device is told by the library's own words", () => {
  const source = Deno.readTextFileSync(`${ROOT}cuda/runtime.cu`);
  for (const [, words] of NO_DEVICE_WORDS) assertStringIncludes(source, words);
});

Deno.test({
  ...compiled("doctor: the driver and its cards, without a CUDA library"),
  async fn() {
    const none = nvidiaDriver(`${root}/no-driver.so`);
    assertEquals([none.cuda, none.cards], [null, []]);
    assertStringIncludes(none.message!, "no-driver.so");
    const library = driverLibrary(`${root}/libcuda-fake.so`);
    assertEquals(nvidiaDriver(library), {
      cuda: "12.4",
      cards: [{ name: "Card", computeCapability: "8.6", memoryBytes: 24e9 }],
      message: null,
    });
    const status = (value: string) => withEnv({ [CU_INIT]: value }, () => nvidiaDriver(library));
    assertEquals(await status("100"), {
      cuda: "12.4",
      cards: [],
      message: "The driver sees no card, expected one or more",
    });
    assertStringIncludes((await status("803")).message!, "cuInit gave 803");
  },
});

Deno.test("doctor: the largest context is what the plan of an engine has room for", async () => {
  const { fits, device } = JSON.parse((await doctor(undefined, "--backend=cpu", "--json")).out);
  using opened = Device.open({ backend: "cpu" });
  for (const scheme of ["w4a16-g128", "w8a8"] as const) {
    const config = MODEL_SHAPES["llama-3.2-1b"];
    using checkpoint = syntheticCheckpoint(config, { scheme });
    const { weightBytes, needs } = summarizeModel(checkpoint);
    const fit = fits.find((one: { shape: string; scheme: string }) =>
      one.shape === "llama-3.2-1b" && one.scheme === scheme
    );
    assertEquals(fit.weight_bytes, weightBytes);
    const total = (context: number) =>
      planMemory([{ role: "target", config, weightBytes, needs }], context, opened).total;
    const { free } = device.memory;
    // What is allocated comes in steps of 256 bytes.
    assert(total(fit.largest_context - 16) <= free, scheme);
    assert(total(fit.largest_context + 16) > free, scheme);
  }
});

Deno.test("doctor: caches on disk are counted", async () => {
  Deno.mkdirSync(`${root}/cache/specmquant/costs`, { recursive: true });
  Deno.writeTextFileSync(`${root}/cache/specmquant/model.gguf`, "12345");
  Deno.writeTextFileSync(`${root}/cache/specmquant/costs/a.json`, "123");
  Deno.writeTextFileSync(`${root}/cache/specmquant/costs/b.json`, "1234");
  const { caches } = JSON.parse((await doctor(undefined, "--backend=cpu", "--json")).out);
  assertEquals(caches, [
    { what: "models", path: `${root}/cache/specmquant`, files: 1, bytes: 5 },
    { what: "tune", path: `${root}/cache/specmquant/costs`, files: 2, bytes: 7 },
  ]);
});

/** The keys of a value, as `docs/doctor.md` writes them. */
function keysOf(value: unknown, path = ""): string[] {
  if (Array.isArray(value)) return value.flatMap((one) => keysOf(one, `${path}[]`));
  if (typeof value !== "object" || value === null) return [path];
  return Object.entries(value).flatMap(([key, inner]) =>
    keysOf(inner, path === "" ? key : `${path}.${key}`)
  );
}

Deno.test({
  ...compiled("doctor: docs/doctor.md has every key of the JSON and every state, and no other"),
  async fn() {
    const text = Deno.readTextFileSync(`${ROOT}docs/doctor.md`);
    const [states, keys] = text.split("## JSON").map((part) =>
      [...part.matchAll(/^\| `([^`]+)` /gm)].map(([, name]) => name)
    );
    const library = cudaLibrary(`${root}/libspecmquant-keys.so`, ABI_HASH);
    const all = await doctor(library, "--json");
    const none = await doctor("/nowhere/libspecmquant.so", "--backend=cuda", "--json");
    const card = nvidiaDriver(driverLibrary(`${root}/libcuda-keys.so`)).cards;
    const found = new Set([
      ...keysOf(JSON.parse(all.out)),
      ...keysOf(JSON.parse(none.out)),
      ...keysOf({ driver: { cards: card } }).map((key) =>
        key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
      ),
    ]);
    assertEquals(keys.toSorted(), [...found].sort());
    const source = Deno.readTextFileSync(`${ROOT}src/device/probe.ts`);
    const [, union] = /export type LibraryState =([^;]*);/.exec(source)!;
    assertEquals(states.slice(1), [...union.matchAll(/"(\w+)"/g)].map(([, state]) => state));
  },
});

Deno.test({
  name: "doctor: without permissions it says what is not permitted",
  permissions: { env: true, read: [ROOT, root], write: [root], ffi: false, sys: false },
  async fn() {
    // A path that has not been opened before, with permissions.
    const copy = `${root}/new-libspecmquant_cpu.so`;
    Deno.copyFileSync(TWIN, copy);
    const { code, out, err } = await doctor(copy, "--json");
    assertStringIncludes(err, "--allow-ffi");
    const found = JSON.parse(out);
    assertEquals([code, found.usable, found.permissions.ffi], [1, false, "prompt"]);
    assertEquals(found.libraries[1].state, "not_permitted");
    assertStringIncludes(found.message, "--allow-ffi");
    assertStringIncludes(found.driver.message, "--allow-ffi");
  },
});

Deno.test("doctor: where there is CUDA, the card and its driver are named", {
  ignore: findLibrary("cuda").path === null || nvidiaDriver().cards.length === 0,
}, async () => {
  const { code, out } = await doctor(undefined, "--backend=cuda", "--json");
  const { device, driver, libraries } = JSON.parse(out);
  assertEquals(code, 0, out);
  assertEquals(libraries[0].state, "ready");
  const [card] = driver.cards;
  assertEquals(device.name, card.name);
  assertStringIncludes(device.detail, `compute capability ${card.compute_capability}`);
  assert(device.memory.free <= device.memory.total && device.memory.total <= card.memory_bytes);
});
