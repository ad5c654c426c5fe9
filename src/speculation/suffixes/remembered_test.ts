/** Texts as an index remembers them, against lists of them. */
import { assert, assertEquals } from "@std/assert";
import { Random } from "../../../tests/random.ts";
import { Remembered, SHARED } from "./remembered.ts";
import { SuffixIndex } from "./suffix_index.ts";

/** All that an index has, texts behind one another, -1 between them. */
function contents(index: SuffixIndex, from: number): number[] {
  return Array.from({ length: index.end - from }, (_, i) => index.at(from + i));
}

Deno.test("an index has each text once, without what was taken back", () => {
  let [went, parted] = [0, 0];
  for (let seed = 0; seed < 100; seed++) {
    const random = new Random(seed);
    const index = new SuffixIndex(4096, 8);
    const remembered = new Remembered(index);
    const text = new Int32Array(400);
    const letters = random.pick([2, 50]);
    let length = 0;
    let expected: number[] = [];
    /** Where in `expected` the text in the index begins, and its place in the text. */
    let [at, from] = [0, 0];
    const add = (count: number) => {
      for (const token of random.integers(count, letters)) text[length++] = token;
    };
    const read = () => {
      remembered.read(text, length);
      expected = [...expected.slice(0, at), ...text.subarray(from, length)];
      assertEquals(contents(index, 0), expected, `seed ${seed}`);
    };
    add(30);
    read();
    for (let step = 0; step < 30; step++) {
      const what = random.integer(4);
      if (what < 2) {
        // A round: tokens are added, some of them refused by a level above, and others put in their place.
        const added = 1 + random.integer(6);
        add(added);
        read();
        length -= random.integer(added + 1);
        remembered.takeBack(length);
        expected.length = at + length - from;
        assertEquals(contents(index, 0), expected, `seed ${seed}, taken back`);
        add(1);
        read();
      } else {
        // Another text. What is known to be shared may be less than what is, and one text may follow another unread.
        const before = length;
        const kept = random.integer(before + 1);
        const shared = random.integer(2) === 0 ? before : kept;
        remembered.resume(Math.max(0, kept - random.integer(20)));
        length = shared;
        add(1 + random.integer(30));
        if (random.integer(4) === 0) {
          remembered.resume(random.integer(2) === 0 ? length - 1 : Math.min(kept, 5));
          // Nothing is taken back of a text that is another one by now.
          remembered.takeBack(3);
        }
        const [old, start] = [expected.slice(at), from];
        const same = old.findIndex((token, i) => token !== text[start + i]);
        remembered.read(text, length);
        const goesOn = contents(index, 0).length === at + length - from;
        if (goesOn) {
          went++;
          assertEquals(same, -1, `seed ${seed}: it goes on`);
          read();
        } else {
          parted++;
          const all = contents(index, 0);
          const rest = all.slice(expected.length);
          assertEquals(all.slice(0, expected.length), expected, `seed ${seed}: how it ended`);
          assertEquals(rest[0], -1);
          assertEquals(rest.slice(1), [...text.subarray(length - rest.length + 1, length)]);
          // A few tokens that both share are there again, so that what comes next is found behind them.
          const common = Math.min(start + (same < 0 ? old.length : same), length);
          assert(rest.length - 1 >= Math.min(length, length - common + SHARED), `seed ${seed}`);
          [expected, at] = [all, expected.length + 1];
          from = length - rest.length + 1;
        }
      }
    }
    remembered.forget();
    const forgotten = index.end;
    remembered.read(text, length);
    assertEquals(contents(index, forgotten), [...text.subarray(0, length)]);
  }
  assert(went > 100 && parted > 100, `${went} went on, ${parted} parted`);
});

Deno.test("a text that parts before the one in the index begins is there from where it parts", () => {
  const index = new SuffixIndex(1024, 8);
  const remembered = new Remembered(index);
  const first = Int32Array.from({ length: 40 }, (_, i) => 100 + i);
  remembered.read(first, 40);
  remembered.resume(30);
  remembered.read(Int32Array.from({ length: 40 }, (_, i) => i < 30 ? 100 + i : i), 40);
  // In the index the second text begins with its token 22; at the places of those before stand others of the first.
  const third = Int32Array.from({ length: 21 }, (_, i) => i < 5 ? 100 + i : 119 + i);
  remembered.resume(5);
  const { end } = index;
  remembered.read(third, 21);
  assertEquals(contents(index, end), [-1, ...third]);
});
