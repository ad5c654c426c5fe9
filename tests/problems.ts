/**
 * Maths word problems from a few patterns, written for this project, so that tests need no data files.
 *
 * @module
 */
import { Random } from "./random.ts";

const NAMES = ["Ana", "Ben", "Chen", "Dora", "Emeka", "Farah", "Goran", "Hiro", "Ines", "Jonas"];
const THINGS = [
  "apples",
  "books",
  "cards",
  "coins",
  "eggs",
  "marbles",
  "pens",
  "rolls",
  "stickers",
];
const PLACES = ["a shop", "a farm", "a school", "a market", "a library"];

type Pattern = (r: Random) => string;

const number = (r: Random, low: number, high: number): number => low + r.integer(high - low + 1);

const PATTERNS: readonly Pattern[] = [
  (r) => {
    const [name, thing] = [r.pick(NAMES), r.pick(THINGS)];
    return `${name} has ${number(r, 10, 60)} ${thing} and gives ${
      number(r, 2, 9)
    } of them to each ` +
      `of ${number(r, 2, 5)} friends. How many ${thing} are left?`;
  },
  (r) => {
    const [name, thing] = [r.pick(NAMES), r.pick(THINGS)];
    return `${name} works at ${r.pick(PLACES)} and packs ${number(r, 5, 30)} boxes a day with ` +
      `${number(r, 4, 12)} ${thing} each. How many ${thing} does ${name} pack in ${
        number(r, 2, 14)
      } days?`;
  },
  (r) => {
    const [one, two] = [r.pick(NAMES), r.pick(NAMES)];
    return `${one} earns $${number(r, 8, 40)} an hour and works ${number(r, 3, 9)} hours a day. ` +
      `${two} earns twice as much an hour but works ${
        number(r, 2, 6)
      } hours a day. How many dollars ` +
      `do they earn together in ${number(r, 2, 7)} days?`;
  },
  (r) => {
    const thing = r.pick(THINGS);
    return `A crate of ${number(r, 12, 48)} ${thing} costs $${number(r, 6, 90)}. ${
      r.pick(NAMES)
    } ` +
      `buys ${number(r, 2, 8)} crates and pays with $${
        number(r, 2, 9) * 100
      }. How much change is due?`;
  },
  (r) =>
    `${r.pick(NAMES)} reads ${number(r, 10, 50)} pages on Monday and ${
      number(r, 2, 20)
    } pages more on ` +
    `each following day. How many pages is that by ${r.pick(["Wednesday", "Friday", "Sunday"])}?`,
  (r) =>
    `Half of the ${number(r, 10, 90) * 2} visitors of ${
      r.pick(PLACES)
    } are children. A ticket costs ` +
    `$${number(r, 4, 20)}, for children $${number(r, 1, 3)} less. How much is paid in total?`,
];

/** `count` problems; the same for the same seed. */
export function problems(count: number, seed: number): string[] {
  const r = new Random(seed);
  return Array.from({ length: count }, () => r.pick(PATTERNS)(r));
}
