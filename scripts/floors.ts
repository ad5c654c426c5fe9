/**
 * Checks which folder of `src` imports which: the floors of CONTRIBUTING.md, and the rooms of a folder.
 *
 *     deno run -A scripts/floors.ts
 *
 * prints every import that goes up or sideways and every circle of files that import one another, and
 * exits with 1 if there is one.
 *
 * @module
 */
import { fileURLToPath } from "node:url";

/** The floors, lowest first; a folder may import those on lower floors, unless a rule says no. */
export const FLOORS: ReadonlyArray<readonly string[]> = [
  ["base"],
  ["ffi"],
  ["device"],
  ["ops"],
  ["quant"],
  ["model"],
  ["speculation"],
  ["engine", "quantize"],
  ["eval", "server"],
  ["cli"],
];

const ENGINE = FLOORS.findIndex((floor) => floor.includes("engine"));

/** Folders beside the tower, each seen only by the ones listed, and seeing only `base` and one another as listed. */
export const BESIDE: Readonly<Record<string, readonly string[]>> = {
  gguf: ["checkpoint", "text", ...FLOORS.slice(ENGINE).flat()],
  checkpoint: ["quant", "model", ...FLOORS.slice(ENGINE).flat()],
  grammar: FLOORS.slice(ENGINE).flat().filter((floor) => floor !== "quantize"),
  hub: ["cli"],
  text: FLOORS.slice(ENGINE).flat(),
};

/**
 * Rooms of a folder of `src`, lowest first; "" stands for the folder's own files. Within a folder an import
 * goes down through them as between floors; two rooms in one line do not see each other.
 */
const ROOMS: Readonly<Record<string, ReadonlyArray<readonly string[]>>> = {
  checkpoint: [["containers"], ["config", "formats"], [""], ["synthetic"]],
  grammar: [["language"], ["engine", "syntax"], ["json"], [""]],
  eval: [["benchmarks", "methods"], ["runs"], ["summary"], ["reports"], [""]],
  cli: [["terminal"], ["options"], ["commands"], [""]],
  server: [["wire"], ["page", "queue", "schemas"], ["answers", "tools"], ["service"], ["routes"], [
    "",
  ]],
  hub: [["choice", "disk", "net"], [""]],
  speculation: [
    ["policy"],
    ["sequence"],
    ["trees"],
    ["heads", "suffixes"],
    ["rounds"],
    ["companies"],
    [""],
  ],
  quantize: [["grids", "rows"], ["layouts"], ["quantizers"], ["methods"], ["jobs"], ["heads"], [
    "",
  ]],
  text: [["files"], ["gguf"], ["template", "tokenizer"], [""]],
  "text/template": [["values"], ["library", "syntax"], ["compile"], [""]],
};

/** The only folders that may import `ffi`. */
export const SEE_FFI: readonly string[] = ["device", "ops"];

function floorOf(folder: string): number {
  return FLOORS.findIndex((folders) => folders.includes(folder));
}

/** The folder of `src` that a file is in; `undefined` for a file elsewhere. */
function folderOf(file: string): string | undefined {
  return /^src\/([^/]+)\/./.exec(file)?.[1];
}

/** The rule that an import breaks between the rooms of a folder that both files are in. */
function roomViolation(from: string, to: string): string | undefined {
  for (const [folder, rooms] of Object.entries(ROOMS)) {
    const inside = `src/${folder}/`;
    if (!from.startsWith(inside) || !to.startsWith(inside)) continue;
    const roomOf = (file: string) => /^([^/]+)\//.exec(file.slice(inside.length))?.[1] ?? "";
    const [source, target] = [roomOf(from), roomOf(to)];
    if (source === target) continue;
    const level = (room: string) => rooms.findIndex((names) => names.includes(room));
    const named = (room: string) => room === "" ? folder : `${folder}/${room}`;
    for (const room of [source, target]) if (level(room) === -1) return `${named(room)} is no room`;
    const up = level(target) - level(source);
    if (up > 0) return `${named(target)} is above ${named(source)}`;
    if (up === 0) return `${named(source)} and ${named(target)} are side by side`;
  }
  return undefined;
}

/**
 * The rule that an import breaks, or `undefined` if it may stand. Both files are given by their
 * path in the repository, with `/`.
 */
export function violation(from: string, to: string): string | undefined {
  if (from.endsWith("_test.ts")) return undefined;
  const target = folderOf(to);
  if (from === "mod.ts") return target === "cli" ? "mod.ts must not import cli" : undefined;
  if (!from.startsWith("src/")) return undefined;

  const source = folderOf(from);
  if (source === undefined) return "a file of src is in one of its folders";
  if (floorOf(source) === -1 && !(source in BESIDE)) return `${source} is on no floor`;
  if (target === undefined) return "src imports nothing of this repository outside src";
  if (to.endsWith("_test.ts")) return "only tests import tests";
  if (target === source) return roomViolation(from, to);

  if (source in BESIDE) {
    const sees = ["base", ...Object.keys(BESIDE).filter((name) => BESIDE[name].includes(source))];
    return sees.includes(target) ? undefined : `${source} sees only ${sees.join(" and ")}`;
  }
  if (target in BESIDE) {
    const seers = BESIDE[target];
    return seers.includes(source) ? undefined : `only ${seers.join(", ")} see ${target}`;
  }
  if (target === "ffi" && !SEE_FFI.includes(source)) return "only device and ops see ffi";
  const up = floorOf(target) - floorOf(source);
  if (floorOf(target) === -1) return `${target} is on no floor`;
  if (up > 0) return `${target} is above ${source}`;
  return up === 0 ? `${source} and ${target} are side by side` : undefined;
}

/** The part of `deno info --json` that matters here. */
interface Info {
  readonly modules: ReadonlyArray<{
    readonly specifier: string;
    readonly error?: string;
    readonly dependencies?: ReadonlyArray<
      Readonly<Partial<Record<"code" | "type", { readonly specifier?: string }>>>
    >;
  }>;
}

function* sources(dir: URL): Generator<URL> {
  for (const entry of Deno.readDirSync(dir)) {
    if (entry.isDirectory) yield* sources(new URL(`${entry.name}/`, dir));
    else if (entry.name.endsWith(".ts")) yield new URL(entry.name, dir);
  }
}

/** All imports in `mod.ts` and in every module under `src`, as pairs of paths in the repository. */
function imports(root: URL): Array<[from: string, to: string]> {
  const files = [new URL("mod.ts", root), ...sources(new URL("src/", root))];
  // One module that imports all, so that one call sees also what mod.ts does not reach.
  const entry = Deno.makeTempFileSync({ suffix: ".ts" });
  let info: Info;
  try {
    Deno.writeTextFileSync(entry, files.map((file) => `import "${file.href}";\n`).join(""));
    const config = fileURLToPath(new URL("deno.json", root));
    const { success, stdout, stderr } = new Deno.Command(Deno.execPath(), {
      args: ["info", "--json", "--config", config, entry],
    }).outputSync();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
    info = JSON.parse(new TextDecoder().decode(stdout));
  } finally {
    Deno.removeSync(entry);
  }
  const inside = (specifier: string | undefined) =>
    specifier?.startsWith(root.href) ? specifier.slice(root.href.length) : undefined;
  const pairs: Array<[string, string]> = [];
  for (const module of info.modules) {
    const from = inside(module.specifier);
    if (from === undefined) continue;
    if (module.error !== undefined) throw new Error(module.error);
    for (const dependency of module.dependencies ?? []) {
      const to = inside(dependency.code?.specifier ?? dependency.type?.specifier);
      // Local stand-ins for registry packages are no part of the tower.
      if (to !== undefined && !to.startsWith("vendor/")) pairs.push([from, to]);
    }
  }
  return pairs;
}

/** Circles of files that import one another: each a set of files that all reach each other. */
export function circles(pairs: ReadonlyArray<readonly [from: string, to: string]>): string[][] {
  const targets = Map.groupBy(pairs, ([from]) => from);
  // Tarjan's strongly connected components.
  const order = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const found: string[][] = [];
  const visit = (file: string): number => {
    const index = order.size;
    order.set(file, index);
    low.set(file, index);
    stack.push(file);
    for (const [, to] of targets.get(file) ?? []) {
      if (!order.has(to)) low.set(file, Math.min(low.get(file)!, visit(to)));
      else if (stack.includes(to)) low.set(file, Math.min(low.get(file)!, order.get(to)!));
    }
    if (low.get(file) === index) {
      const component = stack.splice(stack.indexOf(file));
      if (component.length > 1) found.push(component.sort());
    }
    return low.get(file)!;
  };
  for (const file of targets.keys()) if (!order.has(file)) visit(file);
  return found;
}

if (import.meta.main) {
  const pairs = imports(new URL("../", import.meta.url));
  let violations = 0;
  for (const [from, to] of pairs) {
    const rule = violation(from, to);
    if (rule === undefined) continue;
    violations++;
    console.error(`${from} -> ${to}: ${rule}`);
  }
  const round = circles(pairs);
  for (const files of round) console.error(`a circle of imports: ${files.join(", ")}`);
  console.log(
    `${pairs.length} imports, ${violations} against the floors, ${round.length} circles`,
  );
  if (violations + round.length > 0) Deno.exit(1);
}
