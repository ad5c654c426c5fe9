import { assertEquals } from "@std/assert";
import { Continuations, PLACES } from "./continuations.ts";
import type { SuffixRound } from "../policy/policy.ts";
import { SuffixIndex } from "./suffix_index.ts";
import { SuffixesAlone } from "./suffixes_alone.ts";

const TEXT = Int32Array.from([..."abcdefgabcdxabcdefgabcqabcdefgh"].map((c) => c.charCodeAt(0)));
const FROM = 6;

function made() {
  const index = new SuffixIndex(1024, PLACES);
  const grown = () => new Continuations(index, 8, 5, 0.01);
  let known = 0;
  const read = (length: number) => {
    while (known < length) index.push(TEXT[known++]);
  };
  return { grown, read };
}

/** Rounds of nothing but suffixes, each on its own: proposals that are verified at once. */
function rounds(): SuffixRound[] {
  const { grown, read } = made();
  const continuations = grown();
  const found: SuffixRound[] = [];
  for (let root = FROM; root < TEXT.length;) {
    read(root + 1);
    const rows = continuations.grow(TEXT, root + 1, 256);
    const { tokens, parents } = continuations;
    let [accepted, at] = [0, 0];
    for (let node = 1; node < rows; node++) {
      if (parents[node] !== at || tokens[node] !== TEXT[root + accepted + 1]) continue;
      [accepted, at] = [accepted + 1, node];
    }
    root += accepted + 1;
    // Of the last one nobody knows yet.
    if (root < TEXT.length) found.push({ rows, accepted });
  }
  return found;
}

Deno.test("suffixes by themselves have the rounds that they would have, whatever the text comes in", () => {
  const all = rounds();
  assertEquals(all.some(({ accepted }) => accepted > 2), true);
  assertEquals(all.some(({ rows }) => rows === 1), true);
  for (const step of [1, 2, 3, 7, TEXT.length]) {
    const { grown, read } = made();
    const alone = new SuffixesAlone(grown(), (proposed) => proposed);
    const found: SuffixRound[] = [];
    for (let from = FROM; from < TEXT.length - 1; from += step) {
      // What proposes has read the text before.
      read(from + 1);
      found.push(...alone.to(TEXT, Math.min(TEXT.length, from + 1 + step), from, 256, read));
    }
    assertEquals(found, all, `${step} tokens at a time`);
  }
});
