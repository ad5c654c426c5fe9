import { assert, assertEquals } from "@std/assert";
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

Deno.test("table: colours take no space, wide signs take two columns", () => {
  const cell = paint("green", "ok");
  assertEquals(table([[cell, "x"], ["abc", "y"], ["👍", "z"]], ["left", "left"]).split("\n"), [
    `${cell}   x`,
    "abc  y",
    "👍   z",
    "",
  ]);
});

const ROWS = [
  ["model.layers.*.self_attn.q_proj.weight", "6", "a word and another", "1234567"],
  ["lm_head", "1", "short", "12"],
];
const ALIGN = ["left", "right", "left", "right"] as const;
const HEADER = ["tensor", "count", "what it is", "bytes"];

function lines(columns?: number): string[] {
  return table(ROWS, ALIGN, HEADER, columns).trimEnd().split("\n");
}

Deno.test("table: as wide as it is where it fits, or where nothing says how wide it may be", () => {
  const whole = lines();
  assertEquals(whole.length, 4);
  assertEquals(whole[2].length, 74);
  assertEquals(lines(74), whole);
});

Deno.test("table: texts go on in the next line, between words or behind the dots of a name", () => {
  assertEquals(lines(73), [
    "tensor                            count  what it is            bytes",
    "--------------------------------  -----  ------------------  -------",
    "model.layers.*.self_attn.q_proj.      6  a word and another  1234567",
    "weight",
    "lm_head                               1  short                    12",
  ]);
  assertEquals(lines(48), [
    "tensor           count  what it is    bytes",
    "---------------  -----  ----------  -------",
    "model.layers.*.      6  a word and  1234567",
    "self_attn.              another",
    "q_proj.weight",
    "lm_head              1  short            12",
  ]);
});

Deno.test("table: what has no room beside the rest is below it, and no number is broken", () => {
  assertEquals(lines(30), [
    "tensor      count  what it is",
    "      bytes",
    "-----------------------------",
    "model.          6  a word and",
    "layers.*.          another",
    "self_attn.",
    "q_proj.",
    "weight",
    "    1234567",
    "lm_head         1  short",
    "         12",
  ]);
});

Deno.test("table: fits every terminal that its longest piece fits", () => {
  for (let columns = 17; columns < 80; columns++) {
    for (const line of lines(columns)) assert(line.length <= columns, `${columns}: ${line}`);
  }
});

Deno.test("table: cells that begin with spaces keep them; parts of a list are never broken", () => {
  assertEquals(
    table(
      [["  label of some words", [`" the" -1.2`, `" a" -3.4`]]],
      ["left", "left"],
      undefined,
      20,
    )
      .split("\n"),
    ["  label  ", "  of     ", "  some   ", "  words  "].map((cell, i) =>
      (cell + [`" the" -1.2`, `" a" -3.4`, "", ""][i]).trimEnd()
    ).concat(""),
  );
});
