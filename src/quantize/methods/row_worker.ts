/**
 * What a worker of a pool runs: its share of the rows.
 *
 * @module
 */
import { gptqRows } from "./gptq_rows.ts";
import { rotateBand } from "./rotate_rows.ts";
import { roundRows } from "./round_rows.ts";
import { RowTurns } from "../rows/row_turns.ts";
import type { RowFunction, RowWork } from "../rows/row_work.ts";
import { smoothRows } from "./smooth_rows.ts";

/** All kinds of work; a new one is one file and one line here. */
const WORKS = [roundRows, gptqRows, smoothRows, rotateBand] as readonly RowWork<unknown, unknown>[];

/** What the pool says, in this order: once, once for each piece of work, and for each call of it. */
type Message =
  | { readonly turns: Int32Array; readonly index: number }
  | { readonly work: string; readonly given: unknown }
  | { readonly call: unknown };

let turns = new RowTurns();
let place = 0;
let work: () => RowFunction<unknown>;

addEventListener("message", (event) => {
  const message: Message = (event as MessageEvent).data;
  if ("call" in message) turns.help(place, work, message.call);
  else if ("work" in message) {
    let begun: RowFunction<unknown> | undefined;
    // Begun with the first rows: where it fails, they do, and are done where that can be told.
    work = () => {
      begun ??= WORKS.find(({ name }) => name === message.work)!.begin(message.given);
      return begun;
    };
  } else {
    turns = new RowTurns(message.turns);
    place = message.index;
    // The types of a window know no other side.
    (globalThis as unknown as { postMessage(message: string): void }).postMessage("ready");
  }
});
