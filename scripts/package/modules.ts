/**
 * The modules that a program needs, and how they become JavaScript in a folder of their own.
 *
 * @module
 */
import { dirname, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { BuildError, root } from "../native/run.ts";

/** The part of `deno info --json` that matters here. */
interface Info {
  readonly modules: ReadonlyArray<{
    readonly kind?: string;
    readonly specifier: string;
    readonly local?: string;
    readonly error?: string;
    readonly dependencies?: ReadonlyArray<{
      readonly specifier: string;
      readonly npmPackage?: string;
      readonly code?: { readonly specifier?: string };
      readonly type?: { readonly specifier?: string };
    }>;
  }>;
}

/** Modules, by path in the repository. */
export interface Modules {
  /** Of each file: the files that it imports, by how it writes them. */
  readonly files: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** Files whose text is imported: no modules, whatever is in them. */
  readonly texts: ReadonlySet<string>;
  /** The npm packages that they import, by name. */
  readonly packages: ReadonlySet<string>;
}

/** Runs Deno in the repository; what it printed to standard output. */
export function deno(...args: string[]): string {
  const { success, stdout, stderr } = new Deno.Command(Deno.execPath(), {
    args,
    cwd: root,
    stdin: "null",
    env: { NO_COLOR: "1" },
  }).outputSync();
  const text = new TextDecoder();
  if (success) return text.decode(stdout);
  throw new BuildError(`${text.decode(stderr)}Cannot package: \`deno ${args[0]}\` failed.`);
}

/** Everything that is reached from `entries`, paths in the repository; what only Workers start is an entry. */
export function modulesOf(entries: readonly string[]): Modules {
  const files = new Map<string, Map<string, string>>();
  const texts = new Set<string>();
  const packages = new Set<string>();
  const base = pathToFileURL(root).href;
  const inside = (url = "") => url.startsWith(base) ? relative(root, fileURLToPath(url)) : null;
  for (const entry of entries) {
    const { modules } = JSON.parse(deno("info", "--json", entry)) as Info;
    for (const { kind, specifier, error, dependencies = [] } of modules) {
      const file = inside(specifier);
      if (file === null) continue;
      if (error !== undefined) throw new BuildError(`Cannot package ${file}: ${error}`);
      if (kind === "external") {
        texts.add(file);
        continue;
      }
      const imports = new Map<string, string>();
      for (const dependency of dependencies) {
        const url = dependency.code?.specifier ?? dependency.type?.specifier;
        const to = inside(url);
        if (to !== null) imports.set(dependency.specifier, to);
        const npm = /^npm:\/?((?:@[^/]+\/)?[^@/]+)/.exec(url ?? "");
        if (npm !== null) packages.add(npm[1]);
      }
      files.set(file, imports);
    }
  }
  return { files, texts, packages };
}

/** The path of a module's JavaScript. */
const compiled = (file: string): string => file.replace(/\.ts$/, ".js");

/** Writes the JavaScript of `modules` into `folder`, laid out as in the repository, and the texts that they import. */
export function compile({ files, texts }: Modules, folder: string): void {
  deno("transpile", "--quiet", "--no-check", "--outdir", folder, ...files.keys());
  for (const [file, imports] of files) {
    const path = `${folder}/${compiled(file)}`;
    let text = Deno.readTextFileSync(path);
    for (const [written, to] of imports) {
      const from = relative(dirname(file), compiled(to));
      text = text.replaceAll(`"${written}"`, `"${from.startsWith(".") ? from : `./${from}`}"`);
    }
    // What a Worker runs is named by its URL.
    text = text.replace(
      /new URL\("([^"]+)\.ts", import\.meta\.url\)/g,
      (_, name) => `new URL("${name}.js", import.meta.url)`,
    );
    Deno.writeTextFileSync(path, text);
  }
  for (const file of texts) {
    Deno.mkdirSync(dirname(`${folder}/${file}`), { recursive: true });
    Deno.copyFileSync(`${root}${file}`, `${folder}/${file}`);
  }
}
