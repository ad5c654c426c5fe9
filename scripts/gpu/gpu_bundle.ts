/**
 * Packs what a GPU machine without a network needs beside a checkout, on a machine with one:
 *
 *     deno run -A scripts/gpu/gpu_bundle.ts
 *
 * writes `build/bundle/` (git ignores it) anew: Deno itself, its cache with the npm packages, and the
 * commit. `scripts/gpu/gpu_suite.sh` unpacks it. See `docs/gpu-suite.md`.
 *
 * @module
 */
import { BuildError, isThere, root, script } from "../native/run.ts";

/** Bytes that the bundle may have: beside the checkout, so that both travel easily. */
const MOST_BYTES = 40e6;

/** Files whose imports the cache must hold. */
const ENTRIES = ["mod.ts", "src", "tests", "bench", "scripts"];

/** Other people's clients and what they bring along: larger than all else, and the tests with them need no GPU. */
const CLIENTS = ["openai", "ai", "@ai-sdk", "@langchain", "langsmith", "js-tiktoken"];

async function run(
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<void> {
  let result: Deno.CommandOutput;
  try {
    result = await new Deno.Command(command, { args: [...args], env, cwd: root }).output();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new BuildError(`Cannot pack: ${command} is not installed, expected it in PATH`);
  }
  if (result.success) return;
  await Deno.stderr.write(result.stderr);
  throw new BuildError(`Cannot pack: \`${command} ${args[0]}\` ended with ${result.code}`);
}

/** Packs `names` of `folder` into `file`, with all cores. */
function pack(file: string, folder: string, names: readonly string[]): Promise<void> {
  return run("tar", ["-C", folder, "--owner=0", "--group=0", "-cJf", file, ...names], {
    XZ_OPT: "-6 -T0",
  });
}

function* modules(path: string): Generator<string> {
  if (path.endsWith(".ts")) return yield path;
  for (const entry of Deno.readDirSync(`${root}${path}`)) {
    if (entry.isDirectory) yield* modules(`${path}/${entry.name}`);
    else if (entry.name.endsWith(".ts")) yield `${path}/${entry.name}`;
  }
}

/** Fills a cache of its own, and packs of it what packages are: the rest is made anew where it runs. */
async function packCache(file: string): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const files = ENTRIES.flatMap((entry) => [...modules(entry)]);
    await run(Deno.execPath(), ["cache", "--no-check", ...files], { DENO_DIR: folder });
    removeOtherBuilds(folder);
    removeClients(`${folder}/npm`);
    const names = ["npm", "remote"].filter((name) => {
      try {
        return Deno.statSync(`${folder}/${name}`).isDirectory;
      } catch {
        return false;
      }
    });
    await pack(file, folder, names);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Removes the native libraries of npm packages that are for other systems: they are most of the bytes. */
function removeOtherBuilds(folder: string): void {
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) removeOtherBuilds(path);
    else if (name.endsWith(".node") && !name.includes("linux-x64-gnu")) Deno.removeSync(path);
  }
}

/** Empties the clients in each registry's folder: Deno looks for a folder of each package that the lock file names. */
function removeClients(folder: string): void {
  for (const { name: registry } of Deno.readDirSync(folder)) {
    for (const name of CLIENTS) removeCode(`${folder}/${registry}/${name}`);
  }
}

/** Removes the files of packages but for what describes them. */
function removeCode(folder: string): void {
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) removeCode(path);
    else if (!name.endsWith(".json")) Deno.removeSync(path);
  }
}

async function packDeno(file: string): Promise<void> {
  const path = await Deno.realPath(Deno.execPath());
  const at = path.lastIndexOf("/");
  const folder = await Deno.makeTempDir();
  try {
    // Its own name may be another, e.g. with a version in it.
    await Deno.symlink(path, `${folder}/deno`);
    await run("tar", ["-C", folder, "--owner=0", "--group=0", "-chJf", file, "deno"], {
      XZ_OPT: "-6 -T0",
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  console.log(`Deno ${Deno.version.deno}: ${path.slice(at + 1)}`);
}

/** The commit, with `+` behind it where the tree has changes; empty outside git. */
async function commit(): Promise<string> {
  const git = async (...args: string[]) => {
    const { success, stdout } = await new Deno.Command("git", {
      args: ["-C", root, ...args],
      stderr: "null",
    }).output();
    return success ? new TextDecoder().decode(stdout).trim() : "";
  };
  const head = await git("rev-parse", "HEAD");
  return head === "" ? "" : head + (await git("status", "--porcelain") === "" ? "" : "+");
}

async function main(): Promise<void> {
  const bundle = `${root}build/bundle`;
  // What an earlier one packed and this one does not would travel along.
  if (await isThere(bundle)) await Deno.remove(bundle, { recursive: true });
  await Deno.mkdir(bundle, { recursive: true });
  await packDeno(`${bundle}/deno.tar.xz`);
  await packCache(`${bundle}/deno-dir.tar.xz`);
  await Deno.writeTextFile(`${bundle}/commit`, `${await commit()}\n`);
  let total = 0;
  for (const name of [...Deno.readDirSync(bundle)].map((entry) => entry.name).sort()) {
    const { size } = await Deno.stat(`${bundle}/${name}`);
    total += size;
    console.log(`build/bundle/${name}: ${(size / 1e6).toFixed(2)} MB`);
  }
  console.log(`in all: ${(total / 1e6).toFixed(2)} MB`);
  if (total > MOST_BYTES) {
    throw new BuildError(
      `Cannot pack: the bundle has ${total} bytes, expected at most ${MOST_BYTES}`,
    );
  }
}

if (import.meta.main) await script(main);
