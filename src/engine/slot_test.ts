import { assertEquals } from "@std/assert";
import type { Round } from "../speculation/mod.ts";
import { Output } from "./output.ts";
import { pickSlot, sharedPrefix, Slot } from "./slot.ts";

/** Nothing of a round is looked at. */
const ROUND = {} as Round;
const OUTPUT = {} as Output;

/** Slots that hold `texts`, the first one used first; undefined for one that is taken. */
function slotsOf(...texts: readonly (readonly number[] | undefined)[]): Slot[] {
  return texts.map((text, i) => {
    const slot = new Slot(i, ROUND);
    if (text?.length === 0) return slot;
    slot.take(OUTPUT, 1 + i);
    if (text) slot.release(text, text.length - 1);
    return slot;
  });
}

const count = (from: number, length: number) => Array.from({ length }, (_, i) => from + i);

Deno.test("a prompt goes to the slot whose text it continues, the longest of them", () => {
  const [short, long] = [count(1, 10), count(1, 20)];
  const slots = slotsOf(count(50, 8), short, long, []);
  assertEquals(pickSlot(slots, [...long, 99, 98])?.index, 2);
  assertEquals(slots[2].kept([...long, 99, 98]), 18);
  // As much of both is kept, and nothing lost of the shorter one.
  assertEquals(pickSlot(slots, [...short, 99])?.index, 1);
  // A text is tried again from its middle.
  assertEquals(pickSlot(slots, count(50, 6))?.index, 0);
});

Deno.test("what only begins alike does not cost another its conversation", () => {
  const shared = count(1, 5);
  const slots = slotsOf([7, 7, 7], [...shared, ...count(60, 40)]);
  assertEquals(slots[1].kept([...shared, 9, 9]), 4);
  assertEquals(pickSlot(slots, [...shared, 9, 9])?.index, 0);
});

Deno.test("otherwise an empty slot is taken, then the one that was used first", () => {
  assertEquals(pickSlot(slotsOf([4, 4, 4], [], []), [1, 2, 3])?.index, 1);
  assertEquals(pickSlot(slotsOf([4, 4, 4], [5, 5, 5]), [1, 2, 3])?.index, 0);
  assertEquals(pickSlot(slotsOf(undefined, [5, 5, 5]), [1, 2, 3])?.index, 1);
  assertEquals(pickSlot(slotsOf(undefined, undefined), [1, 2, 3]), undefined);
});

Deno.test("the begin of a prompt is had from whoever holds the most of it, busy or not, if that is a good deal", () => {
  const roundOf = (text: readonly number[], held: number) =>
    ({ held, memory: { text: Int32Array.from(text) } }) as unknown as Round;
  const prompt = count(1, 40);
  const texts = [prompt.slice(0, 12), [...prompt.slice(0, 25), 99, 99], prompt, [...prompt, 41]];
  const slots = texts.map((text, i) => new Slot(i, roundOf(text, text.length)));
  const from = (kept: number, own = 0) => sharedPrefix(slots, slots[own], prompt, kept)?.held;
  // Nobody has a text yet.
  assertEquals(from(0), undefined);
  slots[1].take(OUTPUT, 1);
  // What it held before may have been forgotten.
  assertEquals(from(0), undefined);
  slots[1].begin();
  assertEquals(from(0), 24);
  assertEquals([from(16), from(17)], [24, undefined]);
  assertEquals(from(0, 1), undefined);
  // What has ended holds what its session says.
  slots[3].take(OUTPUT, 2);
  slots[3].release(texts[3], 31);
  assertEquals(from(0), 30);
  slots[2].take(OUTPUT, 3);
  slots[2].begin();
  // The last token is always read, and the one before it.
  assertEquals(from(0), 38);
  slots[2].release(prompt, undefined);
  slots[3].forget();
  assertEquals(from(0), 24);
});
