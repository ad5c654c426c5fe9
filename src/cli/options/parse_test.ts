import { assertEquals, assertThrows } from "@std/assert";
import { type Grammar, parseOptions } from "./parse.ts";
import { UsageError } from "./usage_error.ts";

const GRAMMAR: Grammar = {
  name: "cook",
  positional: { name: "dish", value: "DISH", summary: "what to cook" },
  options: [
    { name: "salt", type: "boolean", summary: "" },
    { name: "oven-heat", type: "integer", value: "N", min: 0, default: 180, summary: "" },
    { name: "share", type: "number", value: "X", summary: "" },
    { name: "damp", type: "number", value: "X", min: 0, max: 1, summary: "" },
    { name: "cooks", type: "integer", value: "N", min: 1, max: 4, summary: "" },
    { name: "shift", type: "integer", value: "N", summary: "" },
    { name: "style", type: "string", value: "S", choices: ["fried", "boiled"], summary: "" },
    { name: "note", type: "string", value: "TEXT", summary: "" },
    { name: "herb", type: "list", value: "NAME", summary: "" },
    { name: "eggs", type: "integers", value: "1,2", summary: "" },
    { name: "weigh", type: "pairs", value: "ID=X,...", summary: "" },
    { name: "large", type: "integer", value: "N", max: 2 ** 40, summary: "" },
    { name: "side", type: "words", value: "A,B", choices: ["rice", "peas"], summary: "" },
  ],
};

Deno.test("parseOptions: values, defaults and lists", () => {
  assertEquals(parseOptions(GRAMMAR, ["soup"]), {
    dish: "soup",
    salt: false,
    "oven-heat": 180,
    share: undefined,
    damp: undefined,
    cooks: undefined,
    shift: undefined,
    style: undefined,
    note: undefined,
    herb: [],
    eggs: undefined,
    weigh: undefined,
    large: undefined,
    side: undefined,
  });
  const args =
    "--salt --oven-heat 0 --share=-.5e1 --damp 1 --cooks 4 --shift=-7 --style fried --note 12 --herb a --herb=b";
  assertEquals(
    parseOptions(GRAMMAR, [
      ...[...args.split(" "), "--eggs", "3, 0,7", "--side", "peas, rice", "7"],
      ...["--weigh", "5=-1.5, 0=2e1,17 = .25", "--large", `${2 ** 40}`],
    ]),
    {
      dish: "7",
      salt: true,
      "oven-heat": 0,
      share: -5,
      damp: 1,
      cooks: 4,
      shift: -7,
      style: "fried",
      note: "12",
      herb: ["a", "b"],
      eggs: [3, 0, 7],
      weigh: { 0: 20, 5: -1.5, 17: 0.25 },
      large: 2 ** 40,
      side: ["peas", "rice"],
    },
  );
});

Deno.test("parseOptions: values that look like flags, and what follows --", () => {
  assertEquals(parseOptions(GRAMMAR, ["soup", "--note=--salt"])!.note, "--salt");
  assertEquals(parseOptions(GRAMMAR, ["soup", "--note=a=b"])!.note, "a=b");
  assertEquals(parseOptions(GRAMMAR, ["soup", "--note", "true"])!.note, "true");
  assertEquals(parseOptions(GRAMMAR, ["--", "--soup"])!.dish, "--soup");
});

Deno.test("parseOptions: help comes before all errors", () => {
  for (const args of [["--help"], ["-h"], ["--wrong", "--help"], ["--note", "--help", "a", "b"]]) {
    assertEquals(parseOptions(GRAMMAR, args), undefined);
  }
});

const WRONG: readonly [args: string[], words: string][] = [
  [["soup", "--slat"], "Cannot use --slat: cook has no such option; did you mean --salt?"],
  [["soup", "--oven=3"], "Cannot use --oven: cook has no such option; did you mean --oven-heat?"],
  [["soup", "--qqqqqq"], "Cannot use --qqqqqq: cook has no such option"],
  [["soup", "-x"], "Cannot use -x: cook has no such option"],
  [["soup", "--no-salt"], "Cannot use --no-salt"],
  [["soup", "--salt", "--salt"], "Cannot use --salt 2 times"],
  [["soup", "--note", "a", "--note", "b"], "Cannot use --note 2 times"],
  [["soup", "--salt=no"], "Cannot use --salt=no: --salt takes no value"],
  [["soup", "--note"], "Cannot use --note: its value is missing, expected --note TEXT"],
  [["soup", "--note", ""], "Cannot use --note: its value is missing"],
  [["soup", "--note", "--salt"], "Cannot use --note: its value is missing"],
  [["soup", "--note", "-5"], "--note=TEXT where the value begins with a dash"],
  [["soup", "--oven-heat", "hot"], "--oven-heat hot: expected a whole number from 0"],
  [["soup", "--oven-heat", "1.5"], "expected a whole number from 0"],
  [["soup", "--oven-heat", "0x10"], "expected a whole number from 0"],
  [["soup", "--oven-heat", "1e99"], "expected a whole number from 0"],
  [["soup", "--oven-heat=-1"], "expected a whole number from 0"],
  [["soup", "--oven-heat", "2147483648"], "expected a whole number from 0 to 2147483647"],
  [["soup", "--shift", "4e9"], "expected a whole number to 2147483647"],
  [["soup", "--shift=-4e9"], "expected a whole number from -2147483647"],
  [["soup", "--cooks", "5"], "Cannot use --cooks 5: expected a whole number from 1 to 4"],
  [["soup", "--damp", "1.01"], "Cannot use --damp 1.01: expected a number from 0 to 1"],
  [["soup", "--eggs", "1,2147483648"], "2147483648 is in it, expected at most 2147483647"],
  [["soup", "--share", "Infinity"], "Cannot use --share Infinity: expected a number"],
  [["soup", "--share", "1e999"], "expected a number"],
  [["soup", "--style", "fryed"], "expected fried or boiled; did you mean fried?"],
  [["soup", "--eggs", "1,,2"], `"" is in it`],
  [["soup", "--eggs", "1.0"], `"1.0" is in it`],
  [
    ["soup", "--side", "rice,pea"],
    "Cannot use --side pea: expected rice or peas; did you mean peas?",
  ],
  [["soup", "--side", "rice,"], "Cannot use --side : expected rice or peas"],
  [["soup", "--eggs=-1"], `"-1" is in it`],
  [
    ["soup", "--weigh", "5"],
    'Cannot use --weigh 5: "5" is in it, expected whole numbers with a number for each, as 5=-1.5,',
  ],
  [["soup", "--weigh", "5=x"], `"5=x" is in it`],
  [["soup", "--weigh", "5=1,"], `"" is in it`],
  [["soup", "--weigh", "a=1"], `"a=1" is in it`],
  [["soup", "--weigh=-1=1"], `"-1=1" is in it`],
  [["soup", "--weigh", "5=Infinity"], `"5=Infinity" is in it`],
  [["soup", "--weigh", "5=1=2"], `"5=1=2" is in it`],
  [["soup", "--weigh", "5=1,5=2"], `"5=2" is in it, expected one number for 5`],
  [["soup", "--weigh", "2147483648=1"], "expected whole numbers of at most 2147483647"],
  [["soup", "--large", `${2 ** 40 + 1}`], `expected a whole number to ${2 ** 40}`],
  [["soup", "salad"], `Cannot use "salad": cook takes one DISH`],
  [[], "Cannot cook: DISH (what to cook) is missing"],
];

Deno.test("parseOptions: mistakes are errors that name the flag", () => {
  for (const [args, words] of WRONG) {
    assertThrows(() => parseOptions(GRAMMAR, args), UsageError, words, args.join(" "));
  }
});

Deno.test("parseOptions: required options, and commands without an argument", () => {
  const grammar: Grammar = {
    name: "bake",
    options: [{ name: "flour", type: "string", value: "KIND", required: true, summary: "" }],
  };
  assertEquals(parseOptions(grammar, ["--flour", "rye"]), { flour: "rye" });
  assertThrows(() => parseOptions(grammar, []), UsageError, "--flour KIND is missing");
  assertThrows(
    () => parseOptions(grammar, ["--flour", "rye", "bread"]),
    UsageError,
    `Cannot use "bread": bake takes options only`,
  );
});
