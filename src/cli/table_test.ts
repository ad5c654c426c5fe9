import { assertEquals } from "@std/assert";
import { paint } from "./color.ts";
import { table } from "./table.ts";

Deno.test("table: aligned columns, a rule under the header, no spaces at the end", () => {
  assertEquals(
    table([["a", "1", ""], ["long", "23", "x"]], ["left", "right", "left"], ["name", "n", "note"]),
    [
      "name   n  note",
      "----  --  ----",
      "a      1",
      "long  23  x",
      "",
    ].join("\n"),
  );
  assertEquals(table([], ["left"]), "");
});

Deno.test("table: colours take no space, characters of two units take one", () => {
  const cell = paint("green", "ok");
  assertEquals(table([[cell, "x"], ["abc", "y"], ["👍", "z"]], ["left", "left"]).split("\n"), [
    `${cell}   x`,
    "abc  y",
    "👍    z",
    "",
  ]);
});
