/**
 * What the answers in a directory were made with. Methods, seeds, limits and targets may be added; what decides an answer
 * may not change.
 *
 * @module
 */
import type { KvCacheDType } from "../../base/dtype.ts";
import { SpecMQuantError } from "../../base/errors.ts";
import { camelCase, snakeCase } from "../../base/key_case.ts";
import { onFile } from "../../base/system_error.ts";
import { writeWhole } from "../../checkpoint/containers/whole_file.ts";
import type { ChoiceOptions } from "../../engine/mod.ts";
import type { EvalPlan, PlannedSet } from "./plan.ts";

/** The format's name and version; a change that readers can see raises the number. */
export const RUN_SCHEMA = "specmquant-eval/1";

/** A model of a target. */
export interface StoredModel {
  /** `target`, `draft`, `head eagle2` and the like. */
  readonly role: string;
  /** Where it is, links followed. */
  readonly path: string;
  /** What tells its files from others of the same names. */
  readonly state: string;
}

/** A target, and what drafts for it. */
export interface StoredTarget {
  /** What reports call it. */
  readonly name: string;
  /** How its tokens are chosen; without a seed. */
  readonly choice: ChoiceOptions;
  /** Its models. */
  readonly models: readonly StoredModel[];
}

/** What `run.json` says. */
export interface RunSettings {
  /** See {@linkcode RUN_SCHEMA}. */
  readonly schema: string;
  /** When the first answer was asked for, ISO 8601; chat templates that write a date write this one. */
  readonly date: string;
  /** Name of the benchmark. */
  readonly bench: string;
  /** SHA-256 of its file. */
  readonly sha256: string;
  /** Most tokens of a turn. */
  readonly maxTokens: number;
  /** The longest text, where it was said. */
  readonly context: number | null;
  /** How caches kept keys and values; `f16` where absent. */
  readonly kvCache?: KvCacheDType;
  /** Targets and what drafts for them. */
  readonly targets: readonly StoredTarget[];
}

/** Names, sizes and times of a model's files, of which it is one itself where it is GGUF. */
async function stateOf(path: string): Promise<string> {
  const facts = (file: string) => {
    const { size, mtime } = Deno.statSync(file);
    return `${size} ${mtime?.getTime()}`;
  };
  const text = onFile("read", path, () => {
    if (!Deno.statSync(path).isDirectory) return facts(path);
    const names = [...Deno.readDirSync(path)].map(({ name }) => name).sort();
    return names.map((name) => `${name} ${facts(`${path}/${name}`)}`).join("\n");
  });
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return new Uint8Array(hash, 0, 8).toHex();
}

async function storedTarget(set: PlannedSet): Promise<StoredTarget> {
  const { name, choice, target, draft, heads, innerHead } = set;
  const paths: [role: string, path: string | undefined][] = [
    ["target", target],
    ["draft", draft],
    ...Object.entries(heads).map(([family, path]): [string, string] => [`head ${family}`, path]),
    ["inner head", innerHead],
  ];
  const models: StoredModel[] = [];
  for (const [role, path] of paths) {
    if (path === undefined) continue;
    const real = onFile("read", path, () => Deno.realPathSync(path));
    models.push({ role, path: real, state: await stateOf(real) });
  }
  return { name, choice, models };
}

function read(file: string): RunSettings | undefined {
  const refuse = (what: string) =>
    new SpecMQuantError("eval_run", `Cannot go on with ${file}: ${what}`);
  let text: string;
  try {
    text = Deno.readTextFileSync(file);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    return onFile("read", file, () => {
      throw error;
    });
  }
  let settings: RunSettings;
  try {
    settings = camelCase(JSON.parse(text)) as RunSettings;
  } catch {
    throw refuse("it is not JSON");
  }
  if (settings?.schema === RUN_SCHEMA) return settings;
  throw refuse(`its schema is ${JSON.stringify(settings?.schema)}, expected "${RUN_SCHEMA}"`);
}

/** Throws code `"eval_run"` where what decides answers is not what it was. */
function compare(dir: string, before: RunSettings, now: RunSettings): void {
  const same = (what: string, was: unknown, is: unknown) => {
    const [old, current] = [was, is].map((value) => JSON.stringify(value));
    if (old === current) return;
    throw new SpecMQuantError(
      "eval_run",
      `Cannot go on in ${dir}: ${what} is ${current}, and was ${old} for the answers there; ` +
        "expected the same, or another --out",
    );
  };
  same("the benchmark", before.bench, now.bench);
  same("the SHA-256 of the benchmark's file", before.sha256, now.sha256);
  same("--max-tokens", before.maxTokens, now.maxTokens);
  same("--context", before.context, now.context);
  same("--kv-cache", before.kvCache ?? "f16", now.kvCache);
  for (const { name, choice, models } of now.targets) {
    const old = before.targets.find((one) => one.name === name);
    if (old === undefined) continue;
    same(`how ${name} chooses tokens`, old.choice, choice);
    for (const { role, path, state } of models) {
      const model = old.models.find((one) => one.role === role);
      if (model === undefined) continue;
      same(`the ${role} of ${name}`, model.path, path);
      same(`the state of the files in ${path}`, model.state, state);
    }
  }
}

/** What was said before, with what is new. */
function merged(before: RunSettings, now: RunSettings): RunSettings {
  const names = new Set([...before.targets, ...now.targets].map(({ name }) => name));
  const targets = [...names].map((name): StoredTarget => {
    const [old, current] = [before, now].map(({ targets }) =>
      targets.find((one) => one.name === name)
    );
    const { choice, models } = (current ?? old)!;
    const roles = new Set(models.map(({ role }) => role));
    const kept = (old?.models ?? []).filter(({ role }) => !roles.has(role));
    return { name, choice, models: [...kept, ...models] };
  });
  return { ...before, targets };
}

/**
 * Writes what `plan` makes answers with to `run.json` in `dir`, or checks that the answers there were made so. Throws code
 * `"eval_run"` where they were not.
 */
export async function settle(dir: string, plan: EvalPlan): Promise<RunSettings> {
  const file = `${dir}/run.json`;
  const before = read(file);
  const targets: StoredTarget[] = [];
  for (const set of plan.sets) targets.push(await storedTarget(set));
  const now: RunSettings = {
    schema: RUN_SCHEMA,
    date: new Date().toISOString(),
    bench: plan.bench.name,
    sha256: plan.bench.sha256,
    maxTokens: plan.maxTokens,
    context: plan.engine.context ?? null,
    kvCache: plan.engine.kvCache ?? "f16",
    targets,
  };
  if (before !== undefined) compare(dir, before, now);
  const settings = before === undefined ? now : merged(before, now);
  writeWhole(file, `${JSON.stringify(snakeCase(settings), null, 2)}\n`);
  return settings;
}
