/**
 * The models that a bench runs on, loaded: of a shape, from a directory, or an inflated trio.
 *
 * @module
 */
import type { KvCacheDType } from "../../../base/dtype.ts";
import { onFile } from "../../../base/system_error.ts";
import type { Checkpoint } from "../../../checkpoint/checkpoint.ts";
import { openCheckpoint } from "../../../checkpoint/checkpoint.ts";
import type { ModelConfig } from "../../../checkpoint/config/config.ts";
import { type Head, openHead } from "../../../checkpoint/head.ts";
import { HEAD_KINDS, type HeadKind, headShape } from "../../../checkpoint/synthetic/head_shapes.ts";
import { inflate, inflateHead } from "../../../checkpoint/synthetic/inflated.ts";
import { modelShape } from "../../../checkpoint/synthetic/shapes.ts";
import { syntheticCheckpoint, syntheticHead } from "../../../checkpoint/synthetic/synthetic.ts";
import type {
  SyntheticLmHead,
  SyntheticScheme,
} from "../../../checkpoint/synthetic/synthetic_schemes.ts";
import type { Device } from "../../../device/mod.ts";
import { checkMemory, type PlannedModel } from "../../../engine/mod.ts";
import {
  checkHead,
  checkVocabulary,
  HeadModel,
  Model,
  summarizeModel,
} from "../../../model/mod.ts";
import { Tokenizer } from "../../../text/tokenizer.ts";
import type { BenchModel } from "./bench.ts";
import { storedAs } from "./stored_heads.ts";

/** How the heads of models that are made up are stored. */
export interface HeadStorage {
  /** Their linear layers and output projections. */
  readonly scheme: SyntheticScheme;
  /** The tokens of their vocabularies; all of the model's where absent. */
  readonly vocabulary?: number;
}

/** What to load. */
export type ModelSource =
  | {
    readonly kind: "synthetic";
    /** Shapes by their names in results, the target first. */
    readonly shapes: Readonly<Record<string, ModelConfig>>;
    readonly scheme: SyntheticScheme;
    /** How their output projections are stored; f16 where absent. */
    readonly lmHead?: SyntheticLmHead;
    /** The families of heads that are needed; of EAGLE-2 they are loaded with the models. */
    readonly heads: readonly HeadKind[];
    /** How they are stored; in f16 and with all tokens where absent. */
    readonly headStorage?: HeadStorage;
  }
  | { readonly kind: "directory"; readonly dir: string }
  | {
    readonly kind: "trio";
    /** Has `target` and `draft`, and their heads: `target-eagle2`, `draft-eagle3` and so on. */
    readonly dir: string;
    /** Shapes to inflate to; as it is where absent. Of heads only those of EAGLE-2 can be inflated. */
    readonly inflation?: Inflation;
    /** How inflated heads are stored; as they are where absent. */
    readonly headStorage?: HeadStorage;
  };

/** What one model of a trio becomes, and its head with it. */
export interface InflatedShape {
  /** The shape's name. */
  readonly name: string;
  /** The model's. */
  readonly model: ModelConfig;
}

/** Shapes that a trio is inflated to. */
export interface Inflation {
  /** The target's. */
  readonly target: InflatedShape;
  /** The draft model's. */
  readonly draft: InflatedShape;
}

function known(name: string): InflatedShape {
  return { name, model: modelShape(name) };
}

/** All inflations, by the names of the command line. */
export const INFLATIONS: Readonly<Record<string, Inflation>> = {
  "70b-8b": { target: known("llama-3-70b"), draft: known("llama-3-8b") },
};

/** Models on a device. */
export interface LoadedModels extends Disposable {
  /** The target first, what drafts for it last. */
  readonly models: readonly BenchModel[];
  /** Whether weights are random. */
  readonly synthetic: boolean;
  /** The tokenizer of models that know text. */
  readonly tokenizer?: Tokenizer;
}

/** Hears what is loaded, in bytes. */
export type Heard = (label: string, done: number, total: number) => void;

const SEED = 1;

/** One model with its heads, before it is loaded. */
interface Stored {
  readonly name: string;
  open(): Checkpoint;
  readonly heads: readonly StoredHead[];
}

/** A head before it is loaded. */
interface StoredHead {
  readonly kind: HeadKind;
  /** Whether it is loaded where a table asks for it, and not with the model. */
  readonly later?: boolean;
  open(): Head;
}

/** How results call heads that are stored in a way of their own. */
function headsLabel(storage: HeadStorage | undefined): string[] {
  if (storage === undefined) return [];
  const { scheme, vocabulary } = storage;
  return [`heads ${scheme}${vocabulary === undefined ? "" : `@${vocabulary}`}`];
}

function storedModels(source: ModelSource): Stored[] {
  switch (source.kind) {
    case "synthetic":
      return Object.entries(source.shapes).map(([shapeName, shape], i): Stored => {
        const { scheme, lmHead, headStorage } = source;
        const ways = [...(lmHead ? [`lm_head ${lmHead}`] : []), ...headsLabel(headStorage)];
        const name = ways.length === 0 ? shapeName : `${shapeName} (${ways.join(", ")})`;
        const seed = SEED + i;
        return {
          name,
          open: () => syntheticCheckpoint(shape, { scheme, lmHead, seed, name }),
          heads: source.heads.map((kind) => ({
            kind,
            later: kind !== "eagle2",
            open: () =>
              syntheticHead(headShape(kind, shape, headStorage?.vocabulary), {
                scheme: headStorage?.scheme,
                seed,
                name: `${name} ${kind}`,
              }),
          })),
        };
      });
    case "directory":
      return [{ name: baseName(source.dir), open: () => openCheckpoint(source.dir), heads: [] }];
    case "trio": {
      const there = headsIn(source.dir);
      return (["target", "draft"] as const).map((role): Stored => {
        const dir = `${source.dir}/${role}`;
        const shape = source.inflation?.[role];
        const heads = there.filter((one) => one.role === role);
        if (shape === undefined) {
          return {
            name: role,
            open: () => openCheckpoint(dir),
            heads: heads.map(({ kind, path }) => ({ kind, open: () => openHead(path) })),
          };
        }
        const { headStorage } = source;
        const ways = headsLabel(headStorage);
        return {
          name: `${shape.name}-inflated${ways.length === 0 ? "" : ` (${ways.join(", ")})`}`,
          open: () => openInflated(dir, shape),
          heads: heads.filter(({ kind }) => kind === "eagle2").map(({ kind, path }) => ({
            kind,
            open: () => openInflatedHead(dir, path, shape, headStorage),
          })),
        };
      });
    }
  }
}

/** The heads of a trio, by the names of their folders. */
function headsIn(dir: string): { role: string; kind: HeadKind; path: string }[] {
  const names = onFile("read", dir, () => [...Deno.readDirSync(dir)].map(({ name }) => name));
  return names.sort().flatMap((name) => {
    const [, role, kind] = /^(target|draft)-(.*)$/.exec(name) ?? [];
    const known = HEAD_KINDS.find((one) => one === kind);
    return known === undefined ? [] : [{ role, kind: known, path: `${dir}/${name}` }];
  });
}

/** The inflated model reads the small one, which is closed with it. */
function openInflated(dir: string, { model }: InflatedShape): Checkpoint {
  using stack = new DisposableStack();
  const small = stack.use(openCheckpoint(dir));
  const large = stack.use(inflate(small, model, { seed: SEED }));
  return closing(large, stack.move());
}

function openInflatedHead(
  dir: string,
  path: string,
  { model }: InflatedShape,
  storage?: HeadStorage,
): Head {
  using stack = new DisposableStack();
  const verifier = stack.use(openCheckpoint(dir));
  const opened = stack.use(openHead(path));
  const small = storage === undefined ? opened : storedAs(opened, verifier, storage.scheme);
  const large = stack.use(
    inflateHead(small, verifier.config, model, {
      seed: SEED,
      draftVocabSize: storage?.vocabulary,
    }),
  );
  return closing(large, stack.move());
}

function closing<T extends Disposable>(one: T, stack: DisposableStack): T {
  return { ...one, [Symbol.dispose]: () => stack.dispose() };
}

function baseName(dir: string): string {
  return dir.replace(/\/+$/, "").split("/").pop() || dir;
}

/**
 * Throws `OutOfDeviceMemoryError` where the models of `source` do not fit into what is free on `device`, with
 * room for texts of `context` tokens, kept as `kvCache` says. Reads no weights.
 */
export function checkFits(
  device: Device,
  source: ModelSource,
  context: number,
  kvCache: KvCacheDType,
): void {
  const planned: PlannedModel[] = [];
  const later: PlannedModel[] = [];
  for (const { name, open, heads } of storedModels(source)) {
    using checkpoint = open();
    const { config } = checkpoint;
    const { weightBytes, needs } = summarizeModel(checkpoint);
    planned.push({ role: name, config, weightBytes, needs });
    for (const { kind, later: waits, open: openIts } of heads) {
      using head = openIts();
      const summary = checkHead(head, checkpoint);
      (waits ? later : planned).push({
        role: `${name} ${kind}`,
        config: head.config.model,
        weightBytes: summary.weightBytes,
        needs: { ...summary.needs, logitsScratch: needs.logitsScratch },
      });
    }
  }
  checkMemory(planned, context, device, { kvCache });
  for (const one of later) checkMemory([...planned, one], context, device, { kvCache });
}

/** Loads `source` on `device`. What was loaded is freed where it throws. */
export function loadModels(device: Device, source: ModelSource, heard: Heard): LoadedModels {
  using cleanup = new DisposableStack();
  const models = storedModels(source).map(({ name, open, heads }): BenchModel => {
    const hear = (what: string) => (done: number, total: number) =>
      heard(`loading ${name}${what}`, done, total);
    using checkpoint = open();
    const model = cleanup.use(Model.load(device, checkpoint, hear("")));
    const load = ({ kind, open: openIts }: StoredHead): HeadModel => {
      using head = openIts();
      return HeadModel.load(device, head, model, hear(`, ${kind}`));
    };
    const [others, now] = [true, false].map((later) =>
      heads.filter((one) => (one.later ?? false) === later)
    );
    return {
      name,
      model,
      heads: Object.fromEntries(now.map((one) => [one.kind, cleanup.use(load(one))])),
      others: others.map((one) => ({ kind: one.kind, load: () => load(one) })),
    };
  });
  for (const { model } of models.slice(1)) checkVocabulary(models[0].model, model);
  const tokenizer = source.kind === "trio" ? Tokenizer.load(`${source.dir}/target`) : undefined;
  const kept = cleanup.move();
  return {
    models,
    synthetic: source.kind === "synthetic",
    tokenizer,
    [Symbol.dispose]: () => kept.dispose(),
  };
}
