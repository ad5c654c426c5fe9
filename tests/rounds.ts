/**
 * Decoding with rounds directly, on random models, without tokenizers: what tests of speculation share.
 *
 * @module
 */
import type { KvCacheDType } from "../src/base/dtype.ts";
import { openCheckpoint } from "../src/checkpoint/checkpoint.ts";
import { openHead } from "../src/checkpoint/head.ts";
import { Arena, type Device } from "../src/device/mod.ts";
import { HeadModel, Model } from "../src/model/mod.ts";
import {
  type ChoiceOptions,
  type DrafterPlan,
  type LevelStats,
  Round,
  sequenceMemory,
} from "../src/speculation/mod.ts";
import type { Trio } from "./methods.ts";
import {
  BLOCK_LAYOUTS,
  EAGLE3_LAYOUTS,
  SMALL,
  writeRandomBlock,
  writeRandomEagle3,
  writeRandomHead,
  writeRandomModel,
} from "./models.ts";
import { random } from "./random.ts";
import { RECENT_FAMILIES, writeRecentHead, writeWholeHead } from "./recent_heads.ts";

/** One target and its drafter, decoding one prompt after another. */
export class Decoder implements Disposable {
  readonly #arena: Arena;
  readonly #round: Round;

  constructor(target: Model, context: number, plan?: DrafterPlan, kvCache?: KvCacheDType) {
    this.#arena = new Arena(target.device, "decoder");
    const memory = sequenceMemory(target.device, this.#arena, context, plan, { kvCache });
    this.#round = new Round(target, memory, plan);
  }

  /** The `count` tokens after `prompt`, chosen as `options` say. */
  decode(prompt: readonly number[], count: number, options: ChoiceOptions = {}): number[] {
    const round = this.#round;
    const { vocabSize } = round.state.model.config;
    round.memory.choice.set(options, prompt.length, vocabSize);
    for (const _ of round.read(prompt));
    const tokens: number[] = [];
    while (tokens.length < count) {
      const accepted = round.run();
      tokens.push(...round.result.subarray(1, 1 + accepted));
    }
    return tokens.slice(0, count);
  }

  /** Target forwards of the last prompt. */
  get forwards(): number {
    return this.#round.stats.rounds;
  }

  /** Statistics of the last prompt. */
  get stats(): LevelStats {
    return this.#round.stats;
  }

  /** The mean accept length of the last prompt. */
  get tau(): number {
    return this.#round.stats.tau;
  }

  [Symbol.dispose](): void {
    this.#round[Symbol.dispose]();
    this.#arena[Symbol.dispose]();
  }
}

/** `count` tokens after `prompt`, caches kept as `kvCache` says, and the mean accept length. */
export function decode(
  target: Model,
  prompt: readonly number[],
  count: number,
  plan?: DrafterPlan,
  options?: ChoiceOptions,
  kvCache?: KvCacheDType,
): { tokens: number[]; tau: number } {
  using decoder = new Decoder(target, prompt.length + count + 1, plan, kvCache);
  return { tokens: decoder.decode(prompt, count, options), tau: decoder.tau };
}

/** What was written, by name, until the process ends: tests of one file run on the same models again and again. */
const WRITTEN = new Map<string, string>();
addEventListener("unload", () => {
  for (const dir of WRITTEN.values()) Deno.removeSync(dir, { recursive: true });
});

/** A directory with what `write` writes, for reading only; written once for each `name`. */
export function writtenOnce(name: string, write: (dir: string) => void): string {
  let dir = WRITTEN.get(name);
  if (dir === undefined) {
    dir = Deno.makeTempDirSync();
    write(dir);
    WRITTEN.set(name, dir);
  }
  return dir;
}

/** Runs `body` with a random trio; equal seeds make equal models, `noise` moves the draft model away. */
export function withModels(
  device: Device,
  seeds: { target: number; draft: number; noise?: number },
  body: (models: Trio) => void,
): void {
  const write = (dir: string): void => {
    writeRandomModel(`${dir}/target`, { ...SMALL, seed: seeds.target });
    writeRandomModel(`${dir}/draft`, { ...SMALL, seed: seeds.draft, noise: seeds.noise });
    writeRandomHead(`${dir}/head`, { ...SMALL, seed: 9 });
    for (const [name, layout] of Object.entries(EAGLE3_LAYOUTS)) {
      writeRandomEagle3(`${dir}/eagle3/${name}`, { ...SMALL, seed: 9 }, layout);
    }
    for (const [name, layout] of Object.entries(BLOCK_LAYOUTS)) {
      writeRandomBlock(`${dir}/blocks/${name}`, { ...SMALL, seed: 9 }, layout);
    }
    for (const family of RECENT_FAMILIES) {
      const whole = writeWholeHead(`${dir}/whole/${family}`, family, { ...SMALL, seed: 9 });
      const how = { shape: SMALL, keep: 50, recentTokens: 14 };
      writeRecentHead(`${dir}/recent/${family}`, whole, `${dir}/target`, how);
    }
  };
  withWritten(device, writtenOnce(`small ${JSON.stringify(seeds)}`, write), body);
}

/** `make` of each key, when it is first asked for. */
function whenAskedFor<T>(keys: readonly string[], make: (key: string) => T): Record<string, T> {
  const made = new Map<string, T>();
  const all: Record<string, T> = {};
  for (const key of keys) {
    const get = (): T => {
      if (!made.has(key)) made.set(key, make(key));
      return made.get(key)!;
    };
    Object.defineProperty(all, key, { enumerable: true, get });
  }
  return all;
}

/**
 * Runs `body` with the trio in `dir`: `target`, `draft`, one `head` for both, and for both EAGLE-3 heads under `eagle3` and
 * block drafters under `blocks`, by layout, and heads with recent tokens under `recent`, by family, where there are any; these
 * are loaded when they are first asked for.
 */
export function withWritten(device: Device, dir: string, body: (models: Trio) => void): void {
  using stack = new DisposableStack();
  const target = stack.use(Model.load(device, stack.use(openCheckpoint(`${dir}/target`))));
  const draft = stack.use(Model.load(device, stack.use(openCheckpoint(`${dir}/draft`))));
  const head = stack.use(openHead(`${dir}/head`));
  const targetHead = stack.use(HeadModel.load(device, head, target));
  const draftHead = stack.use(HeadModel.load(device, head, draft));
  const further = (kind: string): Trio["eagle3"] => {
    if (![...Deno.readDirSync(dir)].some(({ name }) => name === kind)) return {};
    const layouts = [...Deno.readDirSync(`${dir}/${kind}`)].map(({ name }) => name);
    return whenAskedFor(layouts, (name) => {
      const load = (model: Model) =>
        stack.use(HeadModel.load(device, `${dir}/${kind}/${name}`, model));
      return { target: load(target), draft: load(draft) };
    });
  };
  const [eagle3, blocks, recent] = ["eagle3", "blocks", "recent"].map(further);
  body({ target, draft, targetHead, draftHead, eagle3, blocks, recent });
}

/** Random prompts for `SMALL` models: of one token, of two, longer than a prefill chunk, and others. */
export function prompts(count: number): number[][] {
  const next = random(3);
  return Array.from({ length: count }, (_, i) => {
    const length = i === 0 ? 1 : i === 1 ? 2 : i === 2 ? 300 : 3 + Math.floor(next() * 40);
    return Array.from({ length }, () => Math.floor(next() * SMALL.vocab));
  });
}
