/**
 * Every backend that the conformance suites run on. A backend is one entry of `BACKENDS`.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { LibraryError } from "../src/base/errors.ts";
import { Device, type DeviceOptions } from "../src/device/mod.ts";
import { PART } from "./parts.ts";
import { Rig } from "./rig.ts";

/** A way to run the ops. */
interface TestBackend {
  readonly name: string;
  readonly options: DeviceOptions;
  /** Set in the environment while a device is opened. */
  readonly env: Readonly<Record<string, string>>;
}

/** Threads of the twin: parts of a test leave the other processors to one another. */
const THREADS = PART.count > 1 ? 1 : 2;

/**
 * The twin with the best kernels for this processor, the twin with plain kernels, and CUDA.
 * `SMQ_POISON` fills fresh memory of the twin with NaNs.
 */
const BACKENDS: readonly TestBackend[] = [
  { name: "cpu", options: { backend: "cpu", threads: THREADS }, env: { SMQ_POISON: "1" } },
  {
    name: "cpu plain",
    options: { backend: "cpu", threads: THREADS },
    env: { SMQ_POISON: "1", SMQ_SIMD: "plain" },
  },
  { name: "cuda", options: { backend: "cuda" }, env: {} },
];

function open({ options, env }: TestBackend, more: DeviceOptions = {}): Device {
  const before = Object.keys(env).map((name) => [name, Deno.env.get(name)] as const);
  for (const [name, value] of Object.entries(env)) Deno.env.set(name, value);
  try {
    return Device.open({ ...options, ...more });
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) Deno.env.delete(name);
      else Deno.env.set(name, value);
    }
  }
}

/** Why CUDA cannot be tested here, or `null`. The twin must always be there: it is the build's. */
function missing(backend: TestBackend): string | null {
  if (backend.options.backend !== "cuda") return null;
  try {
    open(backend)[Symbol.dispose]();
    return null;
  } catch (error) {
    if (error instanceof LibraryError) return error.message;
    throw error;
  }
}

const REASONS = new Map(BACKENDS.map((backend) => [backend, missing(backend)]));

/** What one run of a test may use. */
export interface Bench {
  /** The device, with an arena. */
  readonly rig: Rig;
  /** Opens another device of the same backend. */
  open(options?: DeviceOptions): Device;
}

/**
 * Registers a test for every backend; where a backend is missing, it is skipped by name and reason.
 * Memory in use must be back at the start when the body's arena is gone. `only` names the backends to
 * run on, for tests of whole models that would take the plain kernels minutes.
 */
export function backendTest(
  name: string,
  body: (rig: Rig, bench: Bench) => void | Promise<void>,
  only: readonly string[] = BACKENDS.map((backend) => backend.name),
): void {
  for (const backend of BACKENDS) {
    if (!only.includes(backend.name)) continue;
    const reason = REASONS.get(backend) ?? null;
    Deno.test({
      name: `${name} [${backend.name}${reason === null ? "" : `, skipped: ${reason}`}]`,
      ignore: reason !== null,
      async fn() {
        using device = open(backend);
        const { used } = device.memory();
        {
          using rig = new Rig(device);
          await body(rig, { rig, open: (options) => open(backend, options) });
        }
        assertEquals(device.memory().used, used, "memory in use after the test");
      },
    });
  }
}
