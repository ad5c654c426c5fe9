/**
 * Puts the command `specmquant` on the PATH with `deno install -g`:
 * `deno task install [--root DIR]`; the arguments are those of `deno install`.
 *
 * An installed command has a configuration of its own. What `deno.json` says of imports therefore goes along
 * as an import map, in which `links` are resolved.
 *
 * @module
 */
/** What is read of a `deno.json`. */
interface Config {
  readonly name?: string;
  readonly exports?: string | Readonly<Record<string, string>>;
  readonly imports?: Readonly<Record<string, string>>;
  readonly links?: readonly string[];
}

async function read(folder: URL): Promise<Config> {
  return JSON.parse(await Deno.readTextFile(new URL("deno.json", folder)));
}

/**
 * The imports of the package in `folder`; a linked package's by the URLs of its files. Files within an npm package
 * have to be allowed in an import map, other than in `deno.json`.
 */
export async function importMap(folder: URL): Promise<Record<string, string>> {
  const { imports = {}, links = [] } = await read(folder);
  const map = { ...imports };
  for (const link of links) {
    const linked = new URL(`${link}/`, folder);
    const { name, exports = {} } = await read(linked);
    const entries = typeof exports === "string" ? { ".": exports } : exports;
    for (const [alias, target] of Object.entries(imports)) {
      if (!target.startsWith(`jsr:${name}@`)) continue;
      delete map[alias];
      for (const [entry, file] of Object.entries(entries)) {
        map[alias + entry.slice(1)] = new URL(file, linked).href;
      }
    }
  }
  for (const [alias, target] of Object.entries(imports)) {
    if (target.startsWith("npm:")) map[`${alias}/`] = `${target.replace("npm:", "npm:/")}/`;
  }
  return map;
}

if (import.meta.main) {
  const folder = new URL("../", import.meta.url);
  const file = new URL("build/import_map.json", folder);
  await Deno.mkdir(new URL("build/", folder), { recursive: true });
  await Deno.writeTextFile(file, JSON.stringify({ imports: await importMap(folder) }, null, 2));
  const options = ["--force", "--allow-all", "--name", "specmquant", "--import-map", file.href];
  const main = new URL("src/cli/main.ts", folder).href;
  const args = ["install", "--global", ...options, ...Deno.args, main];
  const { code } = await new Deno.Command(Deno.execPath(), { args }).spawn().status;
  Deno.exit(code);
}
