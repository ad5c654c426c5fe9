/**
 * Prompts to generate from: maths word problems, as the bundled trio was trained to answer.
 *
 * @module
 */

const NAMES = ["Ana", "Ben", "Chen", "Dora", "Emeka"];
const THINGS = ["apples", "books", "cards", "coins", "eggs", "pens", "rolls"];

const PROBLEMS: readonly ((name: string, thing: string, a: number, b: number) => string)[] = [
  (name, thing, a, b) =>
    `${name} has ${a + 20} ${thing} and gives ${b} of them to each of 3 friends. ` +
    `How many ${thing} are left?`,
  (name, thing, a, b) =>
    `${name} packs ${a} boxes a day with ${b} ${thing} each. How many ${thing} does ${name} pack ` +
    "in 5 days?",
  (name, _, a, b) =>
    `${name} earns $${a} an hour and works ${b} hours a day. How many dollars does ${name} earn ` +
    "in 4 days?",
  (name, thing, a, b) =>
    `A crate of ${thing} costs $${a}. ${name} buys ${b} crates and pays with $500. How much change ` +
    "is due?",
];

/** Most prompts: no two of these are equal. */
export const BENCH_PROMPTS = 140;

/** `count` prompts, the same each time. */
export function benchPrompts(count: number): string[] {
  return Array.from({ length: count }, (_, i) => {
    const problem = PROBLEMS[i % PROBLEMS.length];
    const text = problem(
      NAMES[i % NAMES.length],
      THINGS[i % THINGS.length],
      12 + ((i * 7) % 23),
      2 + ((i * 3) % 7),
    );
    return `Question: ${text}\nAnswer:`;
  });
}
