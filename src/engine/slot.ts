/**
 * One of the sequences that a session can work on at once: its caches, and the text that they hold.
 *
 * @module
 */
import type { Policy, Round, SharedPrefix } from "../speculation/mod.ts";
import type { Output } from "./output.ts";

/** A sequence's caches. */
export class Slot {
  /** Its place among the slots, from 0. */
  readonly index: number;
  /** What works on it. */
  readonly round: Round;
  /** What chooses among several drafters, in texts that have no method of their own. */
  policy?: Policy;
  /** When it was last taken: larger is later; 0 before it ever was. */
  lastUse = 0;
  /** The last text, and how many of its tokens are in the caches. */
  #text: readonly number[] = [];
  #cached = 0;
  /** Whether they are of the generation under way. */
  #hasBegun = false;
  /**
   * The output of the generation under way. Only the generation itself holds on to it, so that one which was
   * dropped in the middle makes room when it is collected.
   */
  #running?: WeakRef<Output>;

  /** Empty caches. */
  constructor(index: number, round: Round) {
    this.index = index;
    this.round = round;
  }

  /** Whether a generation is under way in it. */
  get isTaken(): boolean {
    return this.#running?.deref() !== undefined;
  }

  /** Tokens of its text that are in the caches. */
  get cached(): number {
    return this.#cached;
  }

  /** Begins a generation with `output`. Whatever goes wrong until `release` says what the caches hold, they hold nothing. */
  take(output: Output, use: number): void {
    this.#running = new WeakRef(output);
    this.lastUse = use;
    this.#cached = 0;
    this.#hasBegun = false;
  }

  /** Ends it: the caches hold the first `cached` tokens of `text`, or nothing that is known where undefined. */
  release(text: readonly number[], cached: number | undefined): void {
    this.#running = undefined;
    this.#text = text;
    if (cached !== undefined) this.#cached = cached;
  }

  /** Forgets its text. */
  forget(): void {
    this.#cached = 0;
  }

  /**
   * How many tokens of `prompt` the caches keep: those that the text before begins with, but for the last of them, which is
   * read again: a head pairs its hidden state with the token behind it, which may be another one now.
   */
  kept(prompt: readonly number[]): number {
    return common(this.#text, this.#cached, prompt);
  }

  /** Hears that the caches hold nothing but tokens of the generation under way, from now on. */
  begin(): void {
    this.#hasBegun = true;
  }

  /** How many tokens of `prompt` its caches hold at every level, as `kept` counts them, also while a generation is under way. */
  held(prompt: readonly number[]): number {
    const { round } = this;
    const isOwn = this.isTaken && this.#hasBegun;
    const held = isOwn ? round.held : Math.min(this.#cached, round.held);
    return common(round.memory.text, held, prompt);
  }
}

/** How many tokens of `prompt` the first `held` of `text` keep. */
function common(text: ArrayLike<number>, held: number, prompt: readonly number[]): number {
  const most = Math.min(held, prompt.length - 1);
  let same = 0;
  while (same < most && prompt[same] === text[same]) same++;
  return Math.max(0, same - 1);
}

/** Fewer tokens than this are read sooner than they are copied. */
const LEAST_COPIED = 8;

/**
 * Of the slots beside `own`, busy or not, the one whose caches hold the most of `prompt`, if that is a good deal more than the first
 * `known` tokens; what it holds is right until the next round.
 */
export function sharedPrefix(
  slots: readonly Slot[],
  own: Slot,
  prompt: readonly number[],
  known: number,
): SharedPrefix | undefined {
  let best: SharedPrefix | undefined;
  for (const slot of slots) {
    if (slot === own) continue;
    const held = slot.held(prompt);
    if (held >= (best?.held ?? known + LEAST_COPIED)) best = { from: slot.round, held };
  }
  return best;
}

/**
 * The slot for a prompt among those that are free: of those of which it keeps more than it overwrites, the one where that is the
 * most; otherwise the one that has not been used for longest, so that conversations stay. Undefined where none is free.
 */
export function pickSlot(slots: readonly Slot[], prompt: readonly number[]): Slot | undefined {
  let best: { readonly slot: Slot; readonly gain: number } | undefined;
  for (const slot of slots) {
    if (slot.isTaken) continue;
    const kept = slot.kept(prompt);
    // One token is always read again.
    const gain = Math.max(0, kept - Math.max(0, slot.cached - 1 - kept));
    const isBetter = best === undefined || gain > best.gain ||
      (gain === best.gain && slot.lastUse < best.slot.lastUse);
    if (isBetter) best = { slot, gain };
  }
  return best?.slot;
}
