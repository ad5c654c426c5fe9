/**
 * A tree that cmake builds in: one build at a time, from scratch where what is there cannot be trusted, and
 * a library that is whole or not there.
 *
 * @module
 */
import type { Reporter } from "./reporter.ts";
import { abiHash } from "../symbols/abi_hash.ts";
import { Compiling } from "./compiling.ts";
import { BuildError, exists, isThere, root, run } from "./run.ts";

/** A library to build: a target of `cuda/CMakeLists.txt`. */
export interface Library {
  /** The name of the cmake target. */
  readonly target: string;
  /** The file that it leaves in `build/`. */
  readonly file: string;
  /** The folder in `build/` that it is built in. */
  readonly tree: string;
}

/** Throws unless cmake, a C++ compiler and make or ninja are there, naming what to install. */
export async function checkTools(): Promise<void> {
  // CXX may hold arguments behind the compiler's name, as cmake allows.
  const chosen = Deno.env.get("CXX")?.trim().split(/\s+/)[0];
  const needed: [string, readonly string[], string][] = [
    ["cmake 3.18 or newer", ["cmake"], "cmake"],
    ["a C++17 compiler", chosen ? [chosen] : ["c++", "g++", "clang++"], "g++"],
    ["one of them", ["make", "gmake", "ninja"], "make"],
  ];
  for (const [what, names, name] of needed) {
    if ((await Promise.all(names.map(exists))).includes(true)) continue;
    const none = names.length === 1 ? `${names[0]} is not` : `none of ${names.join(", ")} is`;
    throw new BuildError(
      `Cannot build the native library: ${none} installed, expected ${what}. ` +
        `On Debian or Ubuntu: apt install ${name}`,
    );
  }
}

/**
 * Holds a tree's lock while `body` runs, so that no two builds write into it; another build is waited for.
 * The lock's file says which builds were killed: it is empty unless one is under way.
 */
export async function locked(
  { tree, file }: Library,
  reporter: Reporter,
  body: (killed: boolean) => Promise<void>,
): Promise<void> {
  await Deno.mkdir(`${root}build`, { recursive: true });
  using lock = await Deno.open(`${root}build/${tree}.lock`, {
    create: true,
    read: true,
    write: true,
  });
  if (!await lock.tryLock(true)) {
    reporter.step(`waiting for another build of build/${file}`);
    await lock.lock(true);
  }
  const killed = (await lock.stat()).size > 0;
  await lock.write(new TextEncoder().encode("building\n"));
  try {
    await body(killed);
  } finally {
    await lock.truncate(0);
  }
}

/** What `CMakeCache.txt` holds under a name. */
function cached(cache: string, name: string): string | undefined {
  return new RegExp(`^${name}:[A-Z]+=(.*)$`, "m").exec(cache)?.[1];
}

async function isSame(a: string, b: string): Promise<boolean> {
  return await isThere(a) && await isThere(b) && await Deno.realPath(a) === await Deno.realPath(b);
}

/** Why a tree cannot be built in again, or `undefined`. */
async function whyStale(tree: string): Promise<string | undefined> {
  let cache: string;
  try {
    cache = await Deno.readTextFile(`${tree}/CMakeCache.txt`);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  const from = cached(cache, "CMAKE_HOME_DIRECTORY") ?? "";
  const at = cached(cache, "CMAKE_CACHEFILE_DIR") ?? "";
  if (!await isSame(from, `${root}cuda`) || !await isSame(at, tree)) {
    return `it was made for ${from}`;
  }
  const generator = Deno.env.get("CMAKE_GENERATOR");
  if (generator && generator !== cached(cache, "CMAKE_GENERATOR")) {
    return `it was not made with CMAKE_GENERATOR=${generator}`;
  }
  for (const name of ["CMAKE_CXX_COMPILER", "CMAKE_CUDA_COMPILER", "CMAKE_MAKE_PROGRAM"]) {
    const program = cached(cache, name);
    if (program && !await isThere(program)) return `${program} is there no longer`;
  }
  return undefined;
}

/** Brings a library that is built to its place, at once or not at all. */
async function place(built: string, library: string): Promise<void> {
  const { size, mtime } = await Deno.stat(built);
  const before = await Deno.stat(library).catch(() => undefined);
  if (before?.size === size && before.mtime?.getTime() === mtime?.getTime()) return;
  await Deno.copyFile(built, `${library}.new`);
  if (mtime) await Deno.utime(`${library}.new`, mtime, mtime);
  await Deno.rename(`${library}.new`, library);
}

/**
 * Builds a library with cmake's `definitions`, and leaves it in `build/`; what is up to date is not built again. Only inside
 * `locked`.
 *
 * @returns the path of the library.
 * @throws {BuildError} where cmake or a compiler fails.
 */
export async function build(
  library: Library,
  definitions: Readonly<Record<string, string>>,
  killed: boolean,
  reporter: Reporter,
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const built = await compile(library, definitions, killed, reporter, env);
  const path = `${root}build/${library.file}`;
  await place(built, path);
  return path;
}

/**
 * The same without bringing the library to its place.
 *
 * @returns its path in its tree.
 */
export async function compile(
  library: Library,
  definitions: Readonly<Record<string, string>>,
  killed: boolean,
  reporter: Reporter,
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const tree = `${root}build/${library.tree}`;
  // Of what a killed build has written, anything may be half there, and newer than its source.
  const stale = killed ? "the last build in it was killed" : await whyStale(tree);
  if (stale !== undefined && await isThere(tree)) {
    reporter.line(`building build/${library.tree} from scratch: ${stale}`);
    await Deno.remove(tree, { recursive: true });
  }
  const isNew = !await isThere(`${tree}/CMakeCache.txt`);
  if (isNew) reporter.step("configuring");
  const header = await Deno.readTextFile(`${root}cuda/include/specmquant.h`);
  const hash = `0x${abiHash(header).toString(16).padStart(16, "0")}`;
  // cmake would take make, also where only ninja is there.
  const ninja = isNew && !Deno.env.get("CMAKE_GENERATOR") && !await exists("make") &&
    !await exists("gmake");
  const options = Object.entries({ ...definitions, SMQ_ABI_HASH: hash }).map(([k, v]) =>
    `-D${k}=${v}`
  );
  if (ninja) options.push("-G", "Ninja");
  try {
    await run("cmake", ["-S", `${root}cuda`, "-B", tree, ...options], { env });
  } catch (error) {
    // What it found it would keep, such as a compiler that does not work.
    if (isNew) await Deno.remove(tree, { recursive: true }).catch(() => {});
    throw error;
  }
  const compiling = new Compiling(tree, reporter);
  await run("cmake", [
    "--build",
    tree,
    "--target",
    library.target,
    "--parallel",
    String(navigator.hardwareConcurrency),
  ], { env, onLine: (line) => compiling.line(line) });
  return `${tree}/${library.file}`;
}
