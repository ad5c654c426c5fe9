/**
 * Grammars in EBNF against recognizers written by hand.
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { ArgumentError } from "../../src/base/errors.ts";
import { Grammar } from "../../src/grammar/mod.ts";
import { cutter, testVocabulary } from "./vocabulary.ts";
import { randomText } from "./walks.ts";

const VOCABULARY = testVocabulary(600, 3);
const cut = cutter(VOCABULARY);

/** Whether a text is a sum as the grammar below has it. */
function isSum(text: string): boolean {
  let at = 0;
  const take = (pattern: RegExp) => {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found !== null) at += found[0].length;
    return found !== null;
  };
  const list = (part: () => boolean, sign: RegExp): boolean => {
    if (!part()) return false;
    while (take(sign)) if (!part()) return false;
    return true;
  };
  const factor = (): boolean => take(/\(/y) ? sum() && take(/\)/y) : take(/\d+/y);
  const sum = (): boolean => list(() => list(factor, / ?[*/] ?/y), / ?[+-] ?/y);
  return sum() && at === text.length;
}

/** The depth of nested pairs, which must be as many on both sides. */
const isPairs = (text: string) =>
  /^(a*)x(b*)$/.exec(text)?.slice(1).every((run, _, [a]) => run.length === a.length) ?? false;

const GRAMMARS: ReadonlyArray<
  readonly [name: string, grammar: string, fits: (text: string) => boolean, texts: string[]]
> = [
  [
    "sums",
    `# sums
     root   ::= term (space [+-] space term)*
     term   ::= factor (space [*/] space factor)*
     factor ::= "(" root ")" | digit+   # a number
     digit ::= [0-9]
     space ::= " "?`,
    isSum,
    ["1", "1 + 2 * (3 - 4)", "((12))/7-1"],
  ],
  ["pairs", 'root ::= "a" root "b" | "x"', isPairs, ["x", "aaxbb"]],
  ["a list on the right", 'root ::= [a-c] root | ""', (text) => /^[abc]*$/.test(text), [
    "",
    "abcabc",
  ]],
  [
    "counts, escapes and classes",
    `root ::= "\\x41\\u00e9\\U0001F600\\n"{2} [^\\]\\-a-y]{1,3} . 'q"'?`,
    (text) => /^(?:Aé😀\n){2}[^\]\-a-y]{1,3}(?:.|[\r\n\u2028\u2029])(?:q")?$/u.test(text),
    ["Aé😀\nAé😀\nZ!", 'Aé😀\nAé😀\nzz\nq"'],
  ],
  [
    "words and a rest that reads on",
    'root ::= word ("x" | "xy")\nword ::= [a-z]*',
    (text) => /^[a-z]*(?:x|xy)$/.test(text),
    ["x", "xx", "xxy", "abcx"],
  ],
];

for (const [name, source, fits, texts] of GRAMMARS) {
  Deno.test(`grammar: EBNF of ${name}`, () => {
    const grammar = Grammar.ebnf(VOCABULARY, source);
    const allows = (text: string, seed: number) => {
      const matcher = grammar.matcher();
      return cut(text, seed).every((id) => matcher.accept(id)) && matcher.canEnd;
    };
    for (const text of texts) assert(fits(text) && allows(text, 1), text);
    for (let seed = 0; seed < 100; seed++) {
      const text = randomText(grammar, seed % 9, seed, ")xb1");
      assert(fits(text), JSON.stringify(text));
      for (let at = 0; at < Math.min(text.length, 12); at++) {
        const other = text.slice(0, at).toWellFormed() + text.slice(at + 1).toWellFormed();
        assertEquals(allows(other, seed), fits(other), JSON.stringify(other));
      }
    }
  });
}

Deno.test("grammar: EBNF that is malformed is refused, with its place", () => {
  const refused = [
    ["", 'there is no rule "root"'],
    ['root ::= a\na ::= "x" b', 'there is no rule "b", in line 2, column 11'],
    ['root ::= "a', 'a text has no " at its end, in line 1, column 10'],
    ["root ::= [a", "a class of characters has no ] at its end, in line 1, column 10"],
    ["root ::= [b-a]", "a run of characters ends before it begins"],
    ['root ::= ("a" | "b"', 'there is the end, expected ")"'],
    ['root ::= "a" )', 'there is ")", expected a rule or a part of one'],
    ['root ::= "a"{x}', "there is no count in braces, such as {2}, {2,} or {2,5}"],
    ['root ::= "a"{3,2}', "the count 3,2 ends before it begins"],
    ['root ::= "a"\nroot ::= "b"', 'the rule "root" is there twice, in line 2'],
    ['root ::= "\\q"', "there is \\q, expected \\n"],
    ['root = "a"', 'there is "=", expected "::="'],
    ['root ::= a\na ::= b "x" | "z"\nb ::= "y"? a', "a rule begins with itself: a, b, a"],
    ['root ::= "a" root', "no text fits it"],
  ];
  for (const [grammar, message] of refused) {
    const error = assertThrows(() => Grammar.ebnf(VOCABULARY, grammar), ArgumentError, message);
    assertEquals((error as ArgumentError).argument, "ebnf");
  }
});
