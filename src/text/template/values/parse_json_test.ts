import { assertEquals, assertThrows } from "@std/assert";
import { ArgumentError } from "../../../base/errors.ts";
import { Float, importValue, type TemplateValue } from "./import_value.ts";
import { parseJson } from "./parse_json.ts";
import { repr } from "./repr.ts";

Deno.test("parseJson: what Python's json reads", () => {
  // The right sides are what `repr(json.loads(text))` gives in Python.
  const cases: ReadonlyArray<[text: string, value: string]> = [
    ['{"b": 1, "a": 1.0, "2": [], "1": {}}', "{'b': 1, 'a': 1.0, '2': [], '1': {}}"],
    [
      "[1e2, -0, -0.0, 1E-2, 123456789012345678901]",
      "[100.0, 0, -0.0, 0.01, 123456789012345678901]",
    ],
    [" [ null , true , false ] \n", "[None, True, False]"],
    ["[NaN, Infinity, -Infinity, 1e999]", "[nan, inf, -inf, inf]"],
    ['"a\\u00e9\\ud83d\\ude00\\n\\/"', "'aé😀\\n/'"],
    ['{"a": 1, "b": 2, "a": 3}', "{'a': 3, 'b': 2}"],
    ['{"__proto__": {"constructor": 1}}', "{'__proto__': {'constructor': 1}}"],
    ["0", "0"],
    ["[[[]]]", "[[[]]]"],
  ];
  for (const [text, value] of cases) assertEquals(repr(importValue(parseJson(text))), value, text);
});

Deno.test("parseJson: anything else is an error", () => {
  const texts = [
    "",
    " ",
    "[",
    "[1,]",
    "{a: 1}",
    '{"a"}',
    '{"a": 1,}',
    "01",
    "1.",
    ".5",
    "+1",
    "1 2",
  ];
  texts.push(
    "'a'",
    '"a\nb"',
    '"\\x"',
    "nul",
    "undefined",
    "[1}",
    "tru e",
    '"a',
    "0x1",
    "1e",
    "--1",
  );
  texts.push("[".repeat(10_000));
  for (const text of texts) assertThrows(() => parseJson(text), ArgumentError, "JSON", text);
});

Deno.test("parseJson: agrees with JSON.parse on what both read", () => {
  const plain = (value: TemplateValue): unknown => {
    if (value instanceof Map) return Object.fromEntries([...value].map(([k, v]) => [k, plain(v)]));
    if (Array.isArray(value)) return value.map(plain);
    if (value instanceof Float) return value.value;
    return typeof value === "bigint" ? Number(value) : value;
  };
  const text = Deno.readTextFileSync(new URL("../../../../deno.json", import.meta.url));
  assertEquals(plain(parseJson(text)), JSON.parse(text));
});
