/** Recent tokens of a text that grows and is cut back, against those of a fresh reading, and against the rule said plainly. */
import { assert, assertEquals } from "@std/assert";
import { Random } from "../../../tests/random.ts";
import { RecentRing } from "./recent_ring.ts";

const LONGEST = 300;

/** The tokens that a ring of `first` should have behind `text`: the rule, without anything to remember. */
function expectedOf(
  { own, first, known }: { own: Int32Array; first: Int32Array; known: number },
  text: readonly number[],
): number[] {
  const ring = [...first];
  let oldest = 0;
  for (const token of text) {
    if (token >= known || own.includes(token) || ring.includes(token)) continue;
    ring[oldest] = token;
    oldest = (oldest + 1) % ring.length;
  }
  return ring;
}

Deno.test("recent tokens are a function of the text alone, however often it is cut back", () => {
  let [came, went] = [0, 0];
  for (let seed = 0; seed < 200; seed++) {
    const random = new Random(seed);
    const known = 40;
    const tokens = Array.from({ length: known }, (_, token) => token);
    const own = tokens.filter(() => random.integer(3) === 0);
    const size = 1 + random.integer(6);
    const first = tokens.filter((token) => !own.includes(token)).slice(0, size);
    const vocabulary = { own: Int32Array.from(own), first: Int32Array.from(first), known };
    const ring = new RecentRing(vocabulary, LONGEST);
    const text = new Int32Array(LONGEST);
    let length = 0;
    for (let step = 0; step < 60; step++) {
      const before = expectedOf(vocabulary, [...text.subarray(0, length)]);
      if (random.integer(3) === 0) {
        length = random.integer(length + 1);
        ring.takeBack(length);
        // What is taken back may be read again, or be another text.
        const expected = expectedOf(vocabulary, [...text.subarray(0, length)]);
        assertEquals([...ring.tokens], expected, `seed ${seed}, taken back to ${length}`);
        if (`${expected}` !== `${before}`) went++;
        if (random.integer(2) === 0) text.fill(0, length);
      } else {
        // A few tokens are no model's.
        const more = Math.min(random.integer(9), LONGEST - length);
        for (const token of random.integers(more, known + 3)) text[length++] = token;
        ring.read(text, length);
        const expected = expectedOf(vocabulary, [...text.subarray(0, length)]);
        assertEquals([...ring.tokens], expected, `seed ${seed}, read to ${length}`);
        if (`${expected}` !== `${before}`) came++;
      }
    }
  }
  assert(came > 1000 && went > 1000, `tokens came ${came} times, and went ${went} times`);
});
