/**
 * Regular expressions against JavaScript's own.
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { ArgumentError } from "../../src/base/errors.ts";
import { Grammar } from "../../src/grammar/mod.ts";
import { numbers } from "../tokenizers.ts";
import { cutter, testVocabulary } from "./vocabulary.ts";
import { randomText } from "./walks.ts";

const VOCABULARY = testVocabulary(600, 2);
const cut = cutter(VOCABULARY);

const PATTERNS = [
  "",
  "abc",
  "a|bc|",
  "^(?:a|b)+$",
  "(ab){2,3}c?",
  "[a-c]{0,20}x",
  "(?<year>\\d{4})-\\d\\d",
  "\\w+@\\w+\\.(com|org)",
  "[^a-z]*",
  ".{1,5}",
  "\\s\\S\\d\\D\\w\\W",
  "[\\d\\-x]+[^\\s\\w]",
  "\\u0041\\x42\\u{1F600}\\uD83D\\uDC4D\\cJ\\t\\0",
  "[\\u{1F600}-\\u{1F64F}é]+",
  "\\p{Lu}\\P{Lu}+",
  "\\/\\^\\$\\\\\\.\\*\\+\\?\\(\\)\\[\\]\\{\\}\\|",
  "(a*)*b",
  "(a?){3}(b{2}|c{1,})*?",
  "x(?:y(?:z|)){2,}",
  "[^\\u0000-\\uFFFF]{2}",
  "[]|a",
  "-?(0|[1-9]\\d*)(\\.\\d+)?([eE][+-]?\\d+)?",
];

/** Texts near those that a pattern matches: characters taken away, put in and changed. */
function near(text: string, seed: number): string[] {
  const below = numbers(Math.imul(seed + 1, 0x9e3779b1) >>> 0);
  const all = [...text];
  const signs = [..."ab1 -\n.é😀Z"];
  return Array.from({ length: 6 }, () => {
    const at = below(all.length + 1);
    const sign = signs[below(signs.length)];
    return all.toSpliced(at, below(2), ...below(2) === 0 ? [sign] : []).join("");
  });
}

for (const pattern of PATTERNS) {
  Deno.test(`grammar: the regular expression ${JSON.stringify(pattern)}`, () => {
    const whole = new RegExp(`^(?:${pattern})$`, "u");
    const grammar = Grammar.regex(VOCABULARY, pattern);
    let [yes, no] = [0, 0];
    for (let seed = 0; seed < 40; seed++) {
      const text = randomText(grammar, seed % 5 * 4, seed, ")@.xbc");
      assert(whole.test(text), JSON.stringify(text));
      for (const other of near(text, seed)) {
        const matcher = grammar.matcher();
        const taken = cut(other, seed).every((id) => matcher.accept(id)) && matcher.canEnd;
        assertEquals(taken, whole.test(other), JSON.stringify(other));
        taken ? yes++ : no++;
      }
    }
    assert(no > 0, `${yes} matched, ${no} not`);
  });
}

Deno.test("grammar: regular expressions that are not read are refused, with their place", () => {
  const refused = [
    ["(a)\\1", "there is a reference to a group at character 4"],
    ["a(?=b)", "there is a group with a look ahead, a look behind or flags at character 2"],
    ["(?<!b)a", "there is a group with a look ahead, a look behind or flags at character 1"],
    ["a\\b", 'there is "\\b" at character 2'],
    ["a^b", 'there is a "^" between other parts at character 2'],
    ["x(^a|b)", 'there is a "^" between other parts at character 3'],
    ["(^a)*", 'there is a "^" between other parts at character 2'],
    ["(a", "Unterminated group"],
    ["[]", "no text fits it"],
    ["(?:a{600}){900}", "it is too large"],
  ];
  for (const [pattern, message] of refused) {
    const error = assertThrows(() => Grammar.regex(VOCABULARY, pattern), ArgumentError, message);
    assertEquals((error as ArgumentError).argument, "regex");
  }
});
