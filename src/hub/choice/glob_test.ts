import { assertEquals } from "@std/assert";
import { globMatches } from "./glob.ts";

/** Pattern, path, and what Python's `fnmatch.fnmatchcase` says. */
const CASES: readonly (readonly [glob: string, path: string, matches: boolean])[] = [
  ["*.json", "config.json", true],
  ["*.json", "a/b.json", true],
  ["*.json", "config.jsonl", false],
  ["*.JSON", "config.json", false],
  ["a*/b?.txt", "a/x/b1.txt", true],
  ["a?b", "a/b", true],
  ["a?b", "ab", false],
  ["[ab].txt", "b.txt", true],
  ["[!ab].txt", "b.txt", false],
  ["[!ab].txt", "c.txt", true],
  ["[a-c]1", "b1", true],
  ["[a-c]1", "d1", false],
  ["[]]", "]", true],
  ["[!]]", "]", false],
  ["[!]]", "x", true],
  ["[", "[", true],
  ["[a", "[a", true],
  ["[^a]", "^", true],
  ["[^a]", "b", false],
  ["a.c", "abc", false],
  ["a+(b)", "a+(b)", true],
  ["a{1,2}", "a{1,2}", true],
  ["a|b", "a|b", true],
  ["$x^", "$x^", true],
  ["", "", true],
  ["*", "", true],
  ["?", "\u{1f600}", true],
  ["[\\]]", "\\]", true],
  ["[\\]", "\\", true],
  ["a-b", "a-b", true],
  ["[a-]", "-", true],
  ["[-a]", "-", true],
  ["[z-a]", "m", false],
  ["[!z-a]", "m", true],
  ["[&~|]", "~", true],
  ["[a-c-e]", "-", true],
  ["[*?]", "x", false],
];

Deno.test("globMatches: as Python's fnmatchcase", () => {
  for (const [glob, path, matches] of CASES) {
    assertEquals(globMatches(glob, path), matches, `${glob} ${path}`);
  }
});

Deno.test("globMatches: a folder is all that is in it", () => {
  assertEquals(globMatches("onnx/", "onnx/model.onnx"), true);
  assertEquals(globMatches("onnx/", "onnx/a/b"), true);
  assertEquals(globMatches("onnx/", "onnx"), false);
});
