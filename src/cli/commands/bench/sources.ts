/**
 * The models that a bench runs on, loaded: of a shape, from a directory, or an inflated trio.
 *
 * @module
 */
import type { Checkpoint } from "../../../checkpoint/checkpoint.ts";
import { openCheckpoint } from "../../../checkpoint/checkpoint.ts";
import type { ModelConfig } from "../../../checkpoint/config/config.ts";
import { plainEagle2 } from "../../../checkpoint/config/eagle2_head.ts";
import type { Head, HeadConfig } from "../../../checkpoint/head.ts";
import { openHead } from "../../../checkpoint/head.ts";
import { inflate, inflateHead } from "../../../checkpoint/synthetic/inflated.ts";
import { headShape, modelShape } from "../../../checkpoint/synthetic/shapes.ts";
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

/** What to load. */
export type ModelSource =
  | {
    readonly kind: "synthetic";
    /** Shapes by their names in results, the target first. */
    readonly shapes: Readonly<Record<string, ModelConfig>>;
    readonly scheme: SyntheticScheme;
    /** How their output projections are stored; f16 where absent. */
    readonly lmHead?: SyntheticLmHead;
    /** Whether heads are needed. */
    readonly heads: boolean;
  }
  | { readonly kind: "directory"; readonly dir: string }
  | {
    readonly kind: "trio";
    /** Has `target`, `draft`, `target-eagle2` and `draft-eagle2`. */
    readonly dir: string;
    /** Shapes to inflate to; as it is where absent. */
    readonly inflation?: Inflation;
  };

/** What one model of a trio, and its head, become. */
export interface InflatedShape {
  /** The shape's name. */
  readonly name: string;
  /** The model's. */
  readonly model: ModelConfig;
  /** Its head's. */
  readonly head: HeadConfig;
}

/** Shapes that a trio is inflated to. */
export interface Inflation {
  /** The target's. */
  readonly target: InflatedShape;
  /** The draft model's. */
  readonly draft: InflatedShape;
}

function known(name: string): InflatedShape {
  return { name, model: modelShape(name), head: headShape(name) };
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

/** One model with its head, before it is loaded. */
interface Stored {
  readonly name: string;
  open(): Checkpoint;
  openHead?(): Head;
}

function storedModels(source: ModelSource): Stored[] {
  switch (source.kind) {
    case "synthetic":
      return Object.entries(source.shapes).map(([shapeName, shape], i): Stored => {
        const { scheme, lmHead } = source;
        const name = lmHead === undefined ? shapeName : `${shapeName} (lm_head ${lmHead})`;
        const seed = SEED + i;
        const head = plainEagle2(shape);
        return {
          name,
          open: () => syntheticCheckpoint(shape, { scheme, lmHead, seed, name }),
          ...(source.heads && {
            openHead: () => syntheticHead(head, { seed, name: `${name} head` }),
          }),
        };
      });
    case "directory":
      return [{ name: baseName(source.dir), open: () => openCheckpoint(source.dir) }];
    case "trio":
      return (["target", "draft"] as const).map((role): Stored => {
        const dir = `${source.dir}/${role}`;
        const shape = source.inflation?.[role];
        if (shape === undefined) {
          return {
            name: role,
            open: () => openCheckpoint(dir),
            openHead: () => openHead(`${dir}-eagle2`),
          };
        }
        return {
          name: `${shape.name}-inflated`,
          open: () => openInflated(dir, shape),
          openHead: () => openInflatedHead(dir, shape),
        };
      });
  }
}

/** The inflated model reads the small one, which is closed with it. */
function openInflated(dir: string, { model }: InflatedShape): Checkpoint {
  using stack = new DisposableStack();
  const small = stack.use(openCheckpoint(dir));
  const large = stack.use(inflate(small, model, { seed: SEED }));
  return closing(large, stack.move());
}

function openInflatedHead(dir: string, shape: InflatedShape): Head {
  using stack = new DisposableStack();
  const { config } = stack.use(openCheckpoint(dir));
  const small = stack.use(openHead(`${dir}-eagle2`));
  const large = stack.use(inflateHead(small, config, shape.head, { seed: SEED }));
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
 * room for texts of `context` tokens. Reads no weights.
 */
export function checkFits(device: Device, source: ModelSource, context: number): void {
  const planned: PlannedModel[] = [];
  for (const { name, open, openHead: openItsHead } of storedModels(source)) {
    using checkpoint = open();
    const { config } = checkpoint;
    const { weightBytes, needs } = summarizeModel(checkpoint);
    planned.push({ role: name, config, weightBytes, needs });
    if (openItsHead === undefined) continue;
    using head = openItsHead();
    const summary = checkHead(head, checkpoint);
    planned.push({
      role: `${name} head`,
      config: head.config.model,
      weightBytes: summary.weightBytes,
      needs: { ...summary.needs, logitsScratch: needs.logitsScratch },
    });
  }
  checkMemory(planned, context, device);
}

/** Loads `source` on `device`. What was loaded is freed where it throws. */
export function loadModels(device: Device, source: ModelSource, heard: Heard): LoadedModels {
  using cleanup = new DisposableStack();
  const models = storedModels(source).map(({ name, open, openHead: openItsHead }): BenchModel => {
    const hear = (what: string) => (done: number, total: number) =>
      heard(`loading ${name}${what}`, done, total);
    using checkpoint = open();
    const model = cleanup.use(Model.load(device, checkpoint, hear("")));
    if (openItsHead === undefined) return { name, model };
    using head = openItsHead();
    return { name, model, head: cleanup.use(HeadModel.load(device, head, model, hear(", head"))) };
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
