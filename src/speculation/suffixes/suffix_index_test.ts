/** The index of what was said, against a search through all of it. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { ArgumentError } from "../../base/errors.ts";
import { Random } from "../../../tests/random.ts";
import { LONGEST_MATCH, SuffixIndex } from "./suffix_index.ts";

const RUNS = [8, 4, 2, 1];

/** What the index should know: texts behind one another, -1 between them. */
class Plain {
  readonly all: number[] = [];

  /** How much of the end of `text` stands before `place`. */
  common(text: readonly number[], place: number, oldest = 0): number {
    const { all } = this;
    const most = Math.min(LONGEST_MATCH, text.length, place - oldest);
    let n = 0;
    while (n < most && all[place - 1 - n] === text[text.length - 1 - n]) n++;
    return n;
  }

  /** All places with the longest of the hashed runs, the last first, and what stands before each. */
  find(text: readonly number[], oldest = 0): [number, number][] {
    const places = this.all.map((_, place) => place)
      .filter((place) => place > oldest && this.all[place] >= 0)
      .reverse();
    for (const run of RUNS) {
      const found = places.map((p): [number, number] => [p, this.common(text, p, oldest)])
        .filter(([, common]) => common >= run);
      if (found.length > 0) return found;
    }
    return [];
  }
}

function found(index: SuffixIndex, text: readonly number[]): [number, number][] {
  const count = index.find(Int32Array.from(text), text.length);
  return Array.from({ length: count }, (_, i) => [index.places[i], index.lengths[i]]);
}

Deno.test("places of the longest run are those of a search through everything", () => {
  for (let seed = 0; seed < 12; seed++) {
    const random = new Random(seed);
    const letters = 2 + random.integer(5);
    const index = new SuffixIndex(4096, 4096);
    const plain = new Plain();
    let text: number[] = [];
    let lengths = 0;
    for (let step = 0; step < 400; step++) {
      const what = random.integer(40);
      if (what === 0 && text.length > 0) {
        index.cut();
        plain.all.push(-1);
        text = [];
      } else if (what < 4) {
        // What was proposed and refused is taken back, never across a cut.
        const back = Math.min(random.integer(12), text.length);
        index.pop(back);
        text.length -= back;
        plain.all.length -= back;
      } else {
        // Now and then something said before, so that there are long runs.
        const from = random.integer(Math.max(1, plain.all.length - 20));
        const said = what < 8 ? plain.all.slice(from, from + 20) : [random.integer(letters)];
        for (const token of said.filter((one) => one >= 0)) {
          index.push(token);
          text.push(token);
          plain.all.push(token);
        }
      }
      const expected = plain.find(text);
      assertEquals(found(index, text), expected, `seed ${seed}, step ${step}`);
      lengths = Math.max(lengths, ...expected.map(([, common]) => common));
      // A text that the index has not seen, as a draft of one.
      const other = random.integers(9, letters);
      assertEquals(found(index, other), plain.find(other), `seed ${seed}, step ${step}, other`);
    }
    assert(lengths > 16, `the longest run has ${lengths} tokens`);
  }
});

Deno.test("an index forgets what its ring has no room for", () => {
  const random = new Random(7);
  const capacity = 1024;
  const index = new SuffixIndex(capacity, capacity);
  const plain = new Plain();
  for (let step = 0; step < 5 * capacity; step++) {
    const token = random.integer(6);
    index.push(token);
    plain.all.push(token);
    if (step % 31 > 0) continue;
    const text = plain.all.slice(-40);
    const oldest = Math.max(0, plain.all.length - capacity);
    assertEquals(found(index, text), plain.find(text, oldest), `step ${step}`);
  }
});

Deno.test("a search looks at so many places of a run, the last ones", () => {
  const index = new SuffixIndex(1024, 5);
  for (let i = 0; i < 300; i++) index.push(i % 3);
  const text = [0, 1, 2];
  assertEquals(found(index, text).map(([place]) => place), [297, 294, 291, 288, 285]);
  index.clear();
  assertEquals(found(index, text), []);
  for (const token of [0, 1, 2, 4]) index.push(token);
  assertEquals(found(index, text), [[303, 3]]);
  assertEquals(index.at(303), 4);
});

Deno.test("an index refuses a capacity that its ring cannot have", () => {
  for (const capacity of [0, 512, 1500, Infinity, NaN]) {
    assertThrows(() => new SuffixIndex(capacity, 8), ArgumentError, `capacity is ${capacity}`);
  }
});

Deno.test("adding, taking back and searching take the same time in a long text as in a short one", () => {
  // The worst text for chains: all runs are one.
  const index = new SuffixIndex(1 << 14, 32);
  const text = new Int32Array(1 << 16);
  const time = (from: number, to: number): number => {
    const started = performance.now();
    for (let length = from; length < to; length++) {
      index.push(7);
      index.find(text.fill(7, length, length + 1), length + 1);
    }
    return performance.now() - started;
  };
  time(0, 2000);
  const early = time(2000, 6000);
  time(6000, 56000);
  const late = time(56000, 60000);
  assert(
    late < 10 * early + 20,
    `${late} ms for 4,000 tokens of a long text, ${early} of a short one`,
  );
});
