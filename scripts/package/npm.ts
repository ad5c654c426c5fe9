/**
 * Makes the npm packages: the program as JavaScript with types, and prebuilt libraries.
 *
 *     deno run -A scripts/package/npm.ts [--library NAME=FILE]... [--out DIR] [--no-types]
 *
 * NAME is one of `prebuilt.ts`. Without `--library` there is that of `build/libspecmquant_cpu.so`. The tarballs come
 * into `build/packages`, and nowhere else. `--no-types` leaves the types out, which take most of the time.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { BuildError, root, script } from "../native/run.ts";
import { checkLibrary } from "./libraries.ts";
import { compile, deno, type Modules, modulesOf } from "./modules.ts";
import { NPM_LIMIT, PREBUILT, type Prebuilt, SCOPE } from "./prebuilt.ts";

/** What is run, and what only a Worker runs. */
const ENTRIES = ["scripts/package/program.ts", "src/quantize/methods/row_worker.ts"];

/** What packages are made of. */
export interface NpmOptions {
  /** The libraries: a package's name of `prebuilt.ts`, and the file. */
  readonly libraries: ReadonlyArray<readonly [name: string, path: string]>;
  /** The folder that tarballs come into. */
  readonly out: string;
  /** Whether types go along. */
  readonly types: boolean;
}

/** What is read of `deno.json`. */
interface Config {
  readonly version: string;
  readonly license: string;
  readonly imports: Readonly<Record<string, string>>;
}

/** This repository's `deno.json`. */
export function config(): Config {
  return JSON.parse(Deno.readTextFileSync(`${root}deno.json`));
}

/** The package of libraries that is called `name`. */
function prebuilt(name: string): Prebuilt {
  const found = PREBUILT.find((one) => one.name === name);
  if (found !== undefined) return found;
  const names = PREBUILT.map((one) => one.name).join(", ");
  throw new BuildError(`Cannot package a library as ${name}: expected one of ${names}`);
}

/** The `package.json` of the main package. */
function manifest({ packages }: Modules, { version, license, imports }: Config): object {
  const fixed = [...packages].sort().map((name) => {
    const [, pinned] = /^npm:.+@([\d.]+)$/.exec(imports[name] ?? "") ?? [];
    if (pinned === undefined) {
      throw new BuildError(`Cannot package: deno.json does not fix ${name}`);
    }
    return [name, pinned];
  });
  const named = (always: boolean) =>
    PREBUILT.filter((one) => one.always === always).map(({ name }) => `${SCOPE}/${name}`);
  const chosen = ["deno", ...named(false)];
  return {
    name: `${SCOPE}/specmquant`,
    version,
    description: "Quantized language models with hierarchical speculative decoding, for Deno",
    license,
    type: "module",
    exports: {
      ".": { types: "./mod.d.ts", default: "./mod.js" },
      "./package.json": "./package.json",
    },
    bin: { specmquant: "bin/specmquant.mjs" },
    dependencies: Object.fromEntries(fixed),
    optionalDependencies: Object.fromEntries(named(true).map((name) => [name, version])),
    peerDependencies: Object.fromEntries(
      chosen.map((name) => [name, name === "deno" ? ">=2.9" : version]),
    ),
    peerDependenciesMeta: Object.fromEntries(chosen.map((name) => [name, { optional: true }])),
  };
}

/** Adds the types of what `mod.ts` exports: those that `deno pack` finds, of the same layout. */
function addTypes(folder: string): void {
  const tarball = `${folder}/types.tgz`;
  deno("pack", "--quiet", "--allow-dirty", "--no-source-maps", "--output", tarball);
  const args = ["-xzf", tarball, "-C", folder, "--strip-components=1", "--wildcards", "*.d.ts"];
  command("tar", args);
  Deno.removeSync(tarball);
}

/** Runs a program; what it printed to standard output. */
export function command(name: string, args: readonly string[], cwd = root): string {
  const { success, stdout, stderr } = new Deno.Command(name, { args: [...args], cwd }).outputSync();
  const text = new TextDecoder();
  if (success) return text.decode(stdout);
  throw new BuildError(`${text.decode(stderr)}Cannot package: \`${name} ${args[0]}\` failed.`);
}

/** Packs a folder; the path of its tarball. */
function pack(folder: string, out: string): string {
  const args = ["pack", "--json", "--ignore-scripts", "--pack-destination", out, folder];
  const [{ filename, size }] = JSON.parse(command("npm", args));
  if (size > NPM_LIMIT) {
    throw new BuildError(
      `Cannot package ${filename}: it has ${size} bytes, expected at most ${NPM_LIMIT}`,
    );
  }
  return `${out}/${filename}`;
}

/** Makes the packages; the paths of their tarballs, the main package's first. */
export function npmPackages({ libraries, out, types }: NpmOptions): string[] {
  for (const [name, path] of libraries) checkLibrary(path, prebuilt(name));
  Deno.mkdirSync(out, { recursive: true });
  const stage = Deno.makeTempDirSync();
  try {
    const { version, license } = config();
    const write = (folder: string, json: object) =>
      Deno.writeTextFileSync(`${folder}/package.json`, `${JSON.stringify(json, null, 2)}\n`);
    const main = `${stage}/main`;
    const modules = modulesOf(ENTRIES);
    compile(modules, main);
    if (types) addTypes(main);
    Deno.mkdirSync(`${main}/bin`);
    Deno.mkdirSync(`${main}/models`);
    Deno.copyFileSync(`${root}scripts/package/specmquant.mjs`, `${main}/bin/specmquant.mjs`);
    for (const file of ["README.md", "LICENSE"]) {
      Deno.copyFileSync(`${root}${file}`, `${main}/${file}`);
    }
    command("cp", ["-r", `${root}models/demo`, `${main}/models/demo`]);
    write(main, manifest(modules, config()));
    const tarballs = [pack(main, out)];
    for (const [name, path] of libraries) {
      const { description, file, cpu } = prebuilt(name);
      const folder = `${stage}/${name}`;
      Deno.mkdirSync(folder);
      Deno.copyFileSync(path, `${folder}/${file}`);
      Deno.copyFileSync(`${root}LICENSE`, `${folder}/LICENSE`);
      const where = { os: ["linux"], cpu: [cpu], libc: ["glibc"] };
      write(folder, { name: `${SCOPE}/${name}`, version, description, license, ...where });
      tarballs.push(pack(folder, out));
    }
    return tarballs;
  } finally {
    Deno.removeSync(stage, { recursive: true });
  }
}

/** Reads `NAME=FILE`. */
export function libraryOption(text: string): [name: string, path: string] {
  const [, name, path] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (name !== undefined) return [name, path];
  throw new BuildError(`Cannot package: --library is ${text}, expected NAME=FILE`);
}

if (import.meta.main) {
  await script(() => {
    const { library, out, types } = parseArgs(Deno.args, {
      string: ["library", "out"],
      boolean: ["types"],
      negatable: ["types"],
      collect: ["library"],
      default: { types: true, out: `${root}build/packages` },
    });
    const libraries = library.length > 0
      ? library.map((text) => libraryOption(String(text)))
      : [["linux-x64-cpu", `${root}build/libspecmquant_cpu.so`] as const];
    for (const path of npmPackages({ libraries, out, types })) {
      console.log(`${path}: ${(Deno.statSync(path).size / 2 ** 20).toFixed(1)} MiB`);
    }
    return Promise.resolve();
  });
}
