import { assertEquals, assertThrows } from "@std/assert";
import { ArgumentError } from "../base/errors.ts";
import { numbers } from "./fixtures_test.ts";
import { StopMatcher } from "./stop.ts";

/** Pushes the pieces; the text passed on, and whether it stopped. */
function run(stops: readonly string[], pieces: readonly string[]): [string, boolean] {
  const matcher = new StopMatcher(stops);
  let text = "";
  let stopped = false;
  for (const piece of pieces) {
    const result = matcher.push(piece);
    text += result.text;
    stopped = result.stopped;
  }
  return [text + matcher.flush(), stopped];
}

Deno.test("StopMatcher: holds back what may begin a stop string", () => {
  const matcher = new StopMatcher(["END", "\n\n"]);
  assertEquals(matcher.push("abc E"), { text: "abc ", stopped: false });
  assertEquals(matcher.push("N"), { text: "", stopped: false });
  assertEquals(matcher.push("x\n"), { text: "ENx", stopped: false });
  assertEquals(matcher.flush(), "\n");
  assertEquals(matcher.flush(), "");
});

Deno.test("StopMatcher: passes on nothing of a stop string, nor after it", () => {
  const matcher = new StopMatcher(["END"]);
  assertEquals(matcher.push("a EN"), { text: "a ", stopped: false });
  assertEquals(matcher.push("D b"), { text: "", stopped: true });
  assertEquals(matcher.push("c"), { text: "", stopped: true });
  assertEquals(matcher.flush(), "");
});

Deno.test("StopMatcher: cases", () => {
  assertEquals(run([], ["any ", "text"]), ["any text", false]);
  assertEquals(run(["aab"], ["a", "a", "a", "b", "c"]), ["a", true]);
  // The one that ends first; of two that end there, the longer.
  assertEquals(run(["abcd", "bc"], ["xabcd"]), ["xa", true]);
  assertEquals(run(["c", "abc"], ["xabc"]), ["x", true]);
  assertEquals(run(["👍"], ["a👍b"]), ["a", true]);
  assertThrows(() => new StopMatcher(["a", ""]), ArgumentError, "empty");
});

Deno.test("StopMatcher: the result does not depend on how the text is cut", () => {
  const random = numbers(3);
  const word = (most: number) =>
    Array.from({ length: 1 + random(most) }, () => "ab c"[random(4)]).join("");
  for (let i = 0; i < 2000; i++) {
    const stops = Array.from({ length: 1 + random(3) }, () => word(4));
    const text = word(14);
    const whole = run(stops, [text]);
    assertEquals(run(stops, [...text]), whole, JSON.stringify({ stops, text }));
    const cut = random(text.length);
    assertEquals(run(stops, [text.slice(0, cut), text.slice(cut)]), whole);
    assertEquals(whole[1], stops.some((stop) => text.includes(stop)));
    assertEquals(text.startsWith(whole[0]), true);
    assertEquals(stops.some((stop) => whole[0].includes(stop)), false);
  }
});
