/**
 * Random heads of every family on one random model with a tokenizer, and what a head says: for tests of what makes heads of heads.
 *
 * @module
 */
import { toF32 } from "../src/base/half.ts";
import { rows } from "../src/device/mod.ts";
import { BlockState, type HeadModel, HeadState } from "../src/model/mod.ts";
import {
  BLOCK_LAYOUTS,
  EAGLE3_LAYOUTS,
  type RandomModel,
  writeRandomBlock,
  writeRandomEagle3,
  writeRandomHead,
} from "./models.ts";
import { Random } from "./random.ts";
import type { Rig } from "./rig.ts";
import { makeModel, VOCAB } from "./whole_models.ts";

/** Outputs are multiples of 64 and inputs of 128, for the layouts that ask for it; the vocabulary is not. */
export const SHAPE: RandomModel = {
  seed: 5,
  layers: 2,
  hidden: 128,
  intermediate: 256,
  heads: 2,
  kvHeads: 1,
  headDim: 64,
  vocab: VOCAB,
};

/** Every family, EAGLE-3 and DSpark with a map and without. */
export const FAMILIES = [
  "eagle2",
  "eagle3",
  "eagle3 of all tokens",
  "dflash",
  "dspark",
  "dspark of some tokens",
] as const;

/** One of them. */
export type Family = typeof FAMILIES[number];

/** Entries of the logits of those that have a map. */
export const MAPPED = 200;

const RANK = 128;

/** Writes a random head of `family` for the model of {@link SHAPE} to `dir`; returns `dir`. */
export function writeHead(dir: string, family: Family): string {
  const shape = { ...SHAPE, seed: 9 };
  const spark = BLOCK_LAYOUTS[family === "dspark" ? "DeepSpec" : "speculators"];
  switch (family) {
    case "eagle2":
      return writeRandomHead(dir, shape);
    case "eagle3":
      return writeRandomEagle3(dir, shape, { ...EAGLE3_LAYOUTS.eagle, draftVocab: MAPPED });
    case "eagle3 of all tokens":
      return writeRandomEagle3(dir, shape, EAGLE3_LAYOUTS.DeepSpec);
    case "dflash":
      return writeRandomBlock(dir, shape, BLOCK_LAYOUTS["z-lab"]);
    default:
      return writeRandomBlock(dir, shape, {
        ...spark,
        config: { ...spark.config, markov_rank: RANK },
        rank: RANK,
        ...(family !== "dspark" && { draftVocab: MAPPED }),
      });
  }
}

/** Writes the model of {@link SHAPE} to `dir`; returns `dir`. */
export function writeTarget(dir: string): string {
  return makeModel(dir, SHAPE);
}

/** What a head says behind random states of its verifier. */
export interface Said {
  /** What its logits are made of, f32 [rows, hidden]. */
  readonly hidden: Float32Array<ArrayBuffer>;
  /** Its logits, f32 [rows, its vocabulary]. */
  readonly logits: Float32Array<ArrayBuffer>;
}

/** Tokens that it reads. */
const CONTEXT = 24;

/** Tokens that it drafts from there. */
const DRAFTED = 5;

/** Runs a head over random states and one step, or a block, of its own; its recent tokens, where it has any, are `shown`. */
export function saidBy(rig: Rig, head: HeadModel, shown?: Int32Array): Said {
  const { device } = rig;
  const slots = CONTEXT + 8;
  const history = rig.put("i32", [slots], Array.from({ length: slots }, (_, i) => (i * 7) % VOCAB));
  const isStep = head.description.kind === "eagle2" || head.description.kind === "eagle3";
  const width = head.description.kind === "eagle2" ? head.config.hiddenSize : head.fc.k;
  const states = rig.put("f16", [CONTEXT, width], new Random(4).normals(CONTEXT * width));
  return isStep ? steps() : block();

  function steps(): Said {
    const sizes = { context: slots, slots, rows: CONTEXT, logitsRows: CONTEXT };
    using state = new HeadState(head, sizes);
    state.cache.ensure(slots);
    if (shown) state.recent!.show(shown);
    const { cacheLength } = state;
    const last = rig.put("i32", [1], [CONTEXT - 1]);
    const ids = { tokens: history, start: cacheLength, shift: 1 };
    // Rows of the input may have gaps.
    const bytes = device.download(states);
    for (let i = 0; i < CONTEXT; i++) {
      const row = bytes.subarray(2 * i * width, 2 * (i + 1) * width);
      device.upload(rows(state.input, i, i + 1), row);
    }
    state.queueForward({ rows: CONTEXT, cacheLength }, ids);
    const [hidden, logits] = [[read(state.hidden)], [logitsOf(state)]];
    state.setLength(CONTEXT);
    state.queueContinue({ rows: 1, cacheLength }, ids, state.hidden, last);
    hidden.push(read(rows(state.hidden, 0, 1)));
    logits.push(logitsOf(state, 1));
    return { hidden: joined(hidden), logits: joined(logits) };
  }

  function logitsOf(state: HeadState, count = CONTEXT): Float32Array<ArrayBuffer> {
    state.queueLogits(rows(state.hidden, 0, count));
    return read(rows(state.logits, 0, count));
  }

  function block(): Said {
    const sizes = { context: slots, slots, rows: CONTEXT, drafted: DRAFTED, branches: 1 };
    using state = new BlockState(head, sizes);
    state.cache.ensure(slots);
    if (shown) state.recent!.show(shown);
    device.upload(rows(state.input, 0, CONTEXT), device.download(states));
    state.queueContext(CONTEXT);
    state.setLength(CONTEXT);
    state.queueBlock(history);
    const hidden = read(state.hidden);
    const logits = [read(state.logits)];
    for (let i = 0; head.markov && i < DRAFTED; i++) {
      state.queueFollowed(i, { tokens: history, start: state.cacheLength, shift: i }, 1);
      logits.push(read(state.followed));
    }
    return { hidden, logits: joined(logits) };
  }

  function read(tensor: Parameters<typeof device.download>[0]): Float32Array<ArrayBuffer> {
    return toF32(device.download(tensor), tensor.dtype as "f16" | "f32");
  }
}

function joined(parts: readonly Float32Array[]): Float32Array<ArrayBuffer> {
  return Float32Array.from(parts.flatMap((part) => [...part]));
}
