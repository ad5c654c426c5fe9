/**
 * Masks for the nodes of a tree of proposed tokens.
 *
 * @module
 */
import { ArgumentError } from "../base/errors.ts";
import { OVER } from "./engine/automaton.ts";
import type { State } from "./engine/states.ts";
import type { Grammar } from "./grammar.ts";
import type { Matcher } from "./matcher.ts";

/** Fills the masks of whole trees; made once, for trees of up to some rows. */
export class TreeMasks {
  readonly #grammar: Grammar;
  /** The state behind each node. */
  readonly #states: State[];

  /** Makes room for `rows` nodes. */
  constructor(grammar: Grammar, rows: number) {
    this.#grammar = grammar;
    this.#states = new Array<State>(rows).fill(OVER);
  }

  /**
   * Fills `masks`, u32 [rows, words]: which tokens may come behind each node, along the node's own path. `tokens` and
   * `parents` are i32 [rows]; a parent comes before its children. Node 0 is the last token of the text, which
   * the matcher has accepted (at the begin of a text, of which it has accepted none, the last of the prompt).
   *
   * A node that its own parent's mask forbids, all below it, and where the text is over get a mask of all ones: no choice
   * leads there, or none from there, and a mask of all zeros would be an error of the row, though the text has none.
   *
   * @throws {ArgumentError} the sizes do not agree, or a parent does not come before its child
   */
  fill(
    matcher: Matcher,
    tokens: Int32Array,
    parents: Int32Array,
    masks: Uint32Array,
  ): void {
    const { automaton, words } = this.#grammar;
    const rows = tokens.length;
    if (rows > this.#states.length || parents.length !== rows || masks.length !== rows * words) {
      throw new ArgumentError(
        "masks",
        `Cannot fill masks: there are ${rows} tokens, ${parents.length} parents and ${masks.length} words, expected ` +
          `up to ${this.#states.length} tokens, as many parents, and ${words} words for each`,
      );
    }
    for (let row = 0; row < rows; row++) {
      let state: State;
      if (row === 0) {
        state = matcher.state;
      } else {
        const parent = parents[row];
        if (!(parent >= 0 && parent < row)) {
          throw new ArgumentError(
            "parents",
            `Cannot fill masks: the parent of node ${row} is ${parent}, expected 0 to ${row - 1}`,
          );
        }
        const before = this.#states[parent];
        state = before === OVER ? OVER : automaton.after(before, tokens[row]) ?? OVER;
      }
      this.#states[row] = state;
      const mask = masks.subarray(row * words, (row + 1) * words);
      if (automaton.isOver(state)) mask.fill(0xffffffff);
      else automaton.mask(state, mask);
    }
  }
}
