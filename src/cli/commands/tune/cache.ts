/**
 * Where costs that were measured once are kept: a file for each set of models, kind of caches, device, driver and
 * settings.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { KvCacheDType } from "../../../base/dtype.ts";
import { environmentVariable } from "../../../base/environment.ts";
import { onFile } from "../../../base/system_error.ts";
import { exists } from "../../../checkpoint/containers/json.ts";
import { writeWhole } from "../../../checkpoint/containers/whole_file.ts";
import type { Device } from "../../../device/mod.ts";
import { type Costs, type Setting, settingName } from "../../../speculation/mod.ts";
import { describeDevice } from "../bench/environment.ts";

/** The models that costs are of: paths by what they are for, those that are absent undefined. */
export type CostedModels = Readonly<Record<string, string | undefined>>;

/** What is in a file. */
interface Stored {
  readonly schema: typeof SCHEMA;
  readonly costs: Costs;
}

const SCHEMA = "specmquant-costs/1";

/** The directory of what this project keeps; undefined where no home is known, or none may be looked for. */
export function cacheDirectory(): string | undefined {
  const cache = environmentVariable("XDG_CACHE_HOME");
  if (cache) return `${cache}/specmquant`;
  const home = environmentVariable("HOME");
  return home ? `${home}/.cache/specmquant` : undefined;
}

/** The name of the directory of all costs in it. */
export const COSTS_FOLDER = "costs";

function costsDirectory(): string | undefined {
  const cache = cacheDirectory();
  return cache && `${cache}/${COSTS_FOLDER}`;
}

/** What an engine of the models that options name asks for its costs. */
export function costsOf(
  { target, draft, head, "target-head": targetHead, "kv-cache": kvCache }: {
    readonly target: string;
    readonly draft?: string;
    readonly head?: string;
    readonly "target-head"?: string;
    readonly "kv-cache": KvCacheDType;
  },
): (device: Device, settings: readonly Setting[]) => Costs | undefined {
  return (device, settings) =>
    keptCosts({ target, draft, head, targetHead }, device, settings, kvCache);
}

/** The costs of these models and settings on `device`; undefined where none are kept, or none may be read. */
export function keptCosts(
  models: CostedModels,
  device: Device,
  settings: readonly Setting[],
  kvCache: KvCacheDType = "f16",
): Costs | undefined {
  const directory = costsDirectory();
  if (directory === undefined || !mayRead(directory) || !exists(directory)) return undefined;
  const file = fileOf(directory, models, device, settings, kvCache);
  if (!exists(file)) return undefined;
  const stored = parsed(onFile("read", file, () => Deno.readTextFileSync(file)));
  return stored?.schema === SCHEMA ? stored.costs : undefined;
}

/** Keeps costs; gives the file, or undefined where no home is known. */
export function keepCosts(
  models: CostedModels,
  device: Device,
  settings: readonly Setting[],
  costs: Costs,
  kvCache: KvCacheDType = "f16",
): string | undefined {
  const directory = costsDirectory();
  if (directory === undefined) return undefined;
  onFile("write", directory, () => Deno.mkdirSync(directory, { recursive: true }));
  const file = fileOf(directory, models, device, settings, kvCache);
  const stored: Stored = { schema: SCHEMA, costs };
  writeWhole(file, `${JSON.stringify(stored)}\n`);
  return file;
}

/** A file that something else has written is as good as none: costs can be measured again. */
function parsed(text: string): Partial<Stored> | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function fileOf(
  directory: string,
  models: CostedModels,
  device: Device,
  settings: readonly Setting[],
  kvCache: KvCacheDType,
): string {
  const key = {
    models: Object.entries(models).map(([role, path]) => [role, path && filesOf(path)]),
    device: describeDevice(device),
    settings: settings.map(settingName),
    // What has been kept of caches in 16 bits is found without it.
    ...(kvCache === "f16" ? {} : { kvCache }),
  };
  const hash = createHash("sha256").update(JSON.stringify(key)).digest("hex");
  return `${directory}/${hash.slice(0, 32)}.json`;
}

/** The files of a model, as they would change with it: names, sizes and times. */
function filesOf(path: string): readonly unknown[] {
  const real = Deno.realPathSync(path);
  const names = Deno.statSync(real).isDirectory
    ? [...Deno.readDirSync(real)].filter(({ isFile }) => isFile).map(({ name }) => `/${name}`)
    : [""];
  return [
    real,
    ...names.sort().map((name) => {
      const { size, mtime } = Deno.statSync(`${real}${name}`);
      return [name, size, mtime?.getTime() ?? null];
    }),
  ];
}

/** Whether Deno lets this process read what is at `path`. */
export function mayRead(path: string): boolean {
  return Deno.permissions.querySync({ name: "read", path }).state === "granted";
}
