/**
 * Where and when a bench ran.
 *
 * @module
 */
import { environmentVariable } from "../../../base/environment.ts";
import type { Device } from "../../../device/mod.ts";

/** A device, as results name it. */
export interface DeviceDescription {
  /** `cpu` or `cuda`. */
  readonly backend: string;
  /** The processor's name. */
  readonly name: string;
  /** What else its library says, e.g. its compute capability. */
  readonly detail: string | null;
  /** Bytes of its memory. */
  readonly memoryBytes: number | null;
  /** Version of the GPU's driver. */
  readonly driver: string | null;
}

/** The environment variable that names the commit where there is no git. */
export const COMMIT_VARIABLE = "SPECMQUANT_COMMIT";

/** What a program prints in its first line; null where it cannot be run, or fails. */
function firstLine(command: string, args: readonly string[]): string | null {
  try {
    const { success, stdout } = new Deno.Command(command, {
      args: [...args],
      stdout: "piped",
      stderr: "null",
    }).outputSync();
    const [line] = new TextDecoder().decode(stdout).split("\n");
    return success && line !== "" ? line.trim() : null;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotCapable) {
      return null;
    }
    throw error;
  }
}

/** The version of NVIDIA's driver; null where it does not say. */
export function driverVersion(): string | null {
  return firstLine("nvidia-smi", ["--query-gpu=driver_version", "--format=csv,noheader"]);
}

/** Describes `device`. */
export function describeDevice(device: Device): DeviceDescription {
  const { symbols } = device.native;
  const out = new Uint8Array(4096);
  device.native.check(symbols.smq_describe(0, out, out.length), "smq_describe");
  const text = new TextDecoder().decode(out.subarray(0, out.indexOf(0)));
  const { detail, memory } = JSON.parse(text);
  return {
    backend: device.backend,
    name: device.name,
    detail: typeof detail === "string" ? detail : null,
    memoryBytes: typeof memory === "number" ? memory : null,
    driver: device.backend === "cuda" ? driverVersion() : null,
  };
}

/** The commit of this code: from `SPECMQUANT_COMMIT`, else from git; null where neither knows it. */
export function commitOf(): string | null {
  const named = environmentVariable(COMMIT_VARIABLE);
  if (named) return named;
  const { dirname } = import.meta;
  return dirname === undefined ? null : firstLine("git", ["-C", dirname, "rev-parse", "HEAD"]);
}
