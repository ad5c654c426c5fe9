/**
 * What goes wrong on a GPU: each failure has its class, the device stays usable or is cleanly dead, and memory
 * is given back.
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { NativeError, OutOfDeviceMemoryError } from "../../src/base/errors.ts";
import { MODEL_SHAPES } from "../../src/checkpoint/synthetic/shapes.ts";
import { syntheticCheckpoint } from "../../src/checkpoint/synthetic/synthetic.ts";
import { Arena, type Device } from "../../src/device/mod.ts";
import { Model } from "../../src/model/mod.ts";
import { attentionBytes, fill } from "../../src/ops/mod.ts";
import { backendTest } from "../backends.ts";

const MIB = 2 ** 20;

/** Takes all of a device's memory but about `left` bytes. Other processes may take and free some meanwhile. */
function takeAllBut(device: Device, left: number): Arena {
  const ballast = new Arena(device, "ballast");
  for (let piece = 1024 * MIB; piece >= 16 * MIB;) {
    if (device.memory().free - piece < left) piece /= 2;
    else ballast.allocate("u8", [piece]);
  }
  return ballast;
}

backendTest(
  "a model that does not fit leaves nothing behind, and a smaller one still loads",
  (rig) => {
    const { device } = rig;
    const shape = { ...MODEL_SHAPES["llama-3-8b"], layers: 8, vocabSize: 32000 };
    const load = (layers: number): Model =>
      Model.load(device, syntheticCheckpoint({ ...shape, layers }, { scheme: "w4a16-g128" }));
    const { used } = device.memory();
    {
      using _ballast = takeAllBut(device, 800 * MIB);
      const before = device.memory().used;
      const error = assertThrows(
        () => load(8),
        OutOfDeviceMemoryError,
        "Cannot run smq_malloc for ",
      );
      assert(error.requested > 0 && error.free >= 0, `${error.requested} of ${error.free}`);
      assertEquals(device.memory().used, before, "memory in use after the failure");
      load(1)[Symbol.dispose]();
    }
    load(8)[Symbol.dispose]();
    assertEquals(device.memory().used, used, "memory in use at the end");
  },
  ["cuda"],
);

backendTest("a cache that cannot grow keeps what it has, and grows once there is room", (rig) => {
  const { device, arena } = rig;
  const growable = arena.reserve("u8", [4096, MIB], "a cache");
  growable.grow(4);
  fill(device, { ...growable.tensor, shape: [4, MIB] }, 0x5a);
  {
    using _ballast = takeAllBut(device, 256 * MIB);
    const before = device.memory().used;
    const error = assertThrows(() => growable.grow(2048), OutOfDeviceMemoryError, "a cache");
    assert(error.requested > 0, `${error.requested}`);
    assertEquals(device.memory().used, before, "memory in use after the failure");
    assertEquals(growable.rows, 4);
    const bytes = device.download({ ...growable.tensor, shape: [4, MIB] });
    assert(bytes.every((byte) => byte === 0x5a), "the old bytes stay");
  }
  growable.grow(2048);
  assertEquals(growable.rows, 2048);
}, ["cuda"]);

backendTest(
  "a request that a kernel cannot hold names its limit, and the device goes on",
  (rig) => {
    const { device } = rig;
    const error = assertThrows(
      () => attentionBytes(device, { m: 1, heads: 1, kvHeads: 1, headDim: 512, slots: 64 }),
      NativeError,
      "head_dim",
    );
    assertEquals(error.status, "SMQ_LIMIT");
    const out = rig.output("i32", [4]);
    fill(device, out.tensor, 0);
    assertEquals([...out.values()], [0, 0, 0, 0]);
  },
  ["cuda"],
);

/** Runs a program in a process of its own; returns what it printed. */
function inProcess(program: string, env: Record<string, string> = {}): string {
  const mod = new URL("../../src/device/mod.ts", import.meta.url).href;
  const { stdout, stderr } = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-check", `import { Device } from "${mod}";\n${program}`],
    env: { NO_COLOR: "1", ...env },
  }).outputSync();
  return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
}

const OPENING = `try { Device.open({ backend: "cuda" }); console.log("opened"); } ` +
  `catch (e) { console.log(e.name, e.message); }`;

backendTest("a device that failed is dead, says so at every call, and goes cleanly", () => {
  const printed = inProcess(`
    const say = (body) => { try { body(); console.log("no error"); } catch (e) { console.log(e.message); } };
    const device = Device.open({ backend: "cuda" });
    const { symbols, ctx } = device.native;
    device.native.check(symbols.smq_fill(ctx, 0x100n, 0, 1024n), "smq_fill");
    say(() => device.synchronize());
    say(() => device.memory());
    device[Symbol.dispose]();
    say(() => Device.open({ backend: "cuda" }));
  `);
  const lines = printed.trim().split("\n");
  assert(lines[0].includes("the context is dead: "), printed);
  assert(lines[0].includes("illegal memory access"), printed);
  assert(lines[1].includes("the context is dead: "), printed);
  assert(lines[2].includes("expected a new process") || lines[2] === "no error", printed);
}, ["cuda"]);

backendTest("a process that sees no device says so, and never takes the twin instead", () => {
  const printed = inProcess(OPENING, { CUDA_VISIBLE_DEVICES: "" });
  assert(printed.includes("sees no device, expected at least one"), printed);
}, ["cuda"]);

backendTest("a driver that is too old is named with the version that would do", () => {
  const dir = Deno.makeTempDirSync();
  try {
    // A driver that says which CUDA it is for, and has nothing else.
    const program = "int cuDriverGetVersion(int* version) { *version = 12040; return 0; }\n" +
      "int cuInit(unsigned flags) { return (int)flags; }\n";
    Deno.writeTextFileSync(`${dir}/driver.c`, program);
    const { success, stderr } = new Deno.Command("cc", {
      args: ["-shared", "-fPIC", "-o", `${dir}/libcuda.so.1`, `${dir}/driver.c`],
    }).outputSync();
    assert(success, new TextDecoder().decode(stderr));
    const printed = inProcess(OPENING, { LD_LIBRARY_PATH: dir });
    assert(/LibraryError .*the driver is for CUDA 12.4, expected 1[3-9]/.test(printed), printed);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}, ["cuda"]);

// A library that was built for other devices than the one here, e.g. with --arch 100 on Hopper.
const other = Deno.env.get("SPECMQUANT_OTHER_ARCH");
if (other !== undefined) {
  backendTest("a library for other architectures says which, and what is here", () => {
    const printed = inProcess(OPENING, { SPECMQUANT_LIBRARY: other });
    const expected =
      /LibraryError .*of compute capability \d.*, expected one that .* built for: \d+/;
    assert(expected.test(printed), printed);
  }, ["cuda"]);
}
