import { assertEquals } from "@std/assert";
import { paint } from "./color.ts";
import { pad, textWidth } from "./width.ts";

Deno.test("textWidth: columns of a terminal, not characters", () => {
  const cases: [string, number][] = [
    ["", 0],
    ["plain", 5],
    [paint("green", "ok"), 2],
    ["größer", 6],
    ["e\u0301", 1],
    ["日本語", 6],
    ["ｆｕｌｌ", 8],
    ["ﾊﾞ", 2],
    ["한국", 4],
    ["한", 2], // the same written in its letters
    ["👍", 2],
    ["👍🏽", 2],
    ["👨‍👩‍👧", 2],
    ["❤️", 2],
    ["🇩🇪", 2],
    ["a\u200bb", 2],
    ["हिन्दी", 3],
    ["עברית", 5],
  ];
  for (const [text, width] of cases) assertEquals(textWidth(text), width, JSON.stringify(text));
});

Deno.test("pad: up to a width, on either side, never cutting", () => {
  assertEquals(pad("日本", 6) + "|", "日本  |");
  assertEquals(pad("日本", 6, "right"), "  日本");
  assertEquals(pad("longer", 3), "longer");
});
