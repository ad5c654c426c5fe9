import { assertEquals } from "@std/assert";
import { Turns } from "./turns.ts";

/** All items in the order of their turns. */
function order(turns: Turns<string>): string[] {
  const items: string[] = [];
  for (let item = turns.take(); item !== undefined; item = turns.take()) items.push(item);
  return items;
}

Deno.test("turns: clients take turns, and so do the requests of each", () => {
  const turns = new Turns<string>();
  turns.add("a", {}, ["a1", "a2", "a3"]);
  turns.add("a", {}, ["A1", "A2"]);
  turns.add("b", {}, ["b1", "b2"]);
  turns.add("c", {}, ["c1"]);
  assertEquals(turns.size, 8);
  assertEquals(order(turns), ["a1", "b1", "c1", "A1", "b2", "a2", "A2", "a3"]);
  assertEquals([turns.size, turns.take()], [0, undefined]);
});

Deno.test("turns: who comes late waits for one turn of each other, not for all that they want", () => {
  const turns = new Turns<string>();
  turns.add("a", {}, Array.from({ length: 100 }, (_, i) => `a${i}`));
  assertEquals([turns.take(), turns.take()], ["a0", "a1"]);
  turns.add("b", {}, ["b0"]);
  assertEquals([turns.take(), turns.take(), turns.take()], ["a2", "b0", "a3"]);
});

Deno.test("turns: what is dropped has none", () => {
  const turns = new Turns<string>();
  const [first, second] = [{}, {}];
  turns.add("a", first, ["a1", "a2"]);
  turns.add("a", second, ["A1"]);
  turns.add("b", {}, ["b1"]);
  turns.drop("a", first);
  turns.drop("a", first);
  turns.drop("c", second);
  assertEquals(turns.size, 2);
  assertEquals(order(turns), ["A1", "b1"]);
});
