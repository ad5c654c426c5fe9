import { assertEquals } from "@std/assert";
import { uniform } from "../../base/random.ts";
import type { CallFormat } from "./call_format.ts";
import { CallReader } from "./call_reader.ts";

const HERMES: CallFormat = {
  marker: "<tool_call>",
  opening: "<tool_call>\n",
  closing: "</tool_call>",
  isList: false,
  argumentsKey: "arguments",
};
const LLAMA: CallFormat = {
  marker: "",
  opening: "",
  closing: "",
  isList: false,
  argumentsKey: "parameters",
};
const MISTRAL: CallFormat = {
  marker: "[TOOL_CALLS]",
  opening: "[TOOL_CALLS]",
  closing: "",
  isList: true,
  argumentsKey: "arguments",
};

/** What is said, and name and arguments of each call. */
type Outcome = readonly [content: string, ...calls: (readonly [name: string, args: string])[]];

const ADD = ["add", '{"a": 1, "b": [2, {"c": "}\\"{"}]}'] as const;

/** Texts, and what they come to with the tools `add` and `now`. */
const CASES:
  readonly (readonly [name: string, CallFormat, text: string, Outcome, most?: number])[] = [
    ["words", HERMES, "Hello <b>there</b>, a < b <tool", ["Hello <b>there</b>, a < b <tool"]],
    ["a call", HERMES, `<tool_call>\n{"name": "add", "arguments": ${ADD[1]}}\n</tool_call>`, [
      "",
      ADD,
    ]],
    [
      "words, then two calls",
      HERMES,
      `Well.\n<tool_call>\n{"name": "add", "arguments": ${
        ADD[1]
      }}\n</tool_call>\n<tool_call>{"name":"now","arguments":{}}</tool_call>`,
      ["Well.\n", ADD, ["now", "{}"]],
    ],
    [
      "words behind a call",
      HERMES,
      `<tool_call>{"name": "now", "arguments": {}}</tool_call>\nThat was it.`,
      ["That was it.", ["now", "{}"]],
    ],
    ["a call that is cut", HERMES, `<tool_call>\n{"name": "add", "arguments": {"a": 1`, ["", [
      "add",
      '{"a": 1',
    ]]],
    ["one that is cut in its name", HERMES, `<tool_call>\n{"name": "ad`, [
      '<tool_call>\n{"name": "ad',
    ]],
    [
      "a tool that there is not",
      HERMES,
      `<tool_call>\n{"name": "rm", "arguments": {}}\n</tool_call>`,
      [`<tool_call>\n{"name": "rm", "arguments": {}}\n</tool_call>`],
    ],
    ["no object behind the marker", HERMES, "<tool_call> is a word.", ["<tool_call> is a word."]],
    ["arguments first", HERMES, `<tool_call>{"arguments": ${ADD[1]}, "name": "add"}</tool_call>`, [
      "",
      ADD,
    ]],
    ["arguments as text", HERMES, `<tool_call>{"name": "now", "arguments": "{\\"a\\": 1}"}`, ["", [
      "now",
      '{"a": 1}',
    ]]],
    ["no arguments", HERMES, `<tool_call>{"name": "now"}</tool_call>`, ["", ["now", ""]]],
    ["Llama", LLAMA, `{"name": "add", "parameters": ${ADD[1]}}`, ["", ADD]],
    [
      "Llama, with spaces and a type",
      LLAMA,
      `\n {"type": "function", "name": "now", "parameters": {}}`,
      ["", ["now", "{}"]],
    ],
    [
      "Llama, two",
      LLAMA,
      `{"name": "now", "parameters": {}}; {"name": "add", "parameters": ${ADD[1]}}`,
      ["", ["now", "{}"], ADD],
    ],
    ["Llama, JSON that is no call", LLAMA, ` {"answer": {"name": "add"}} is it`, [
      ` {"answer": {"name": "add"}} is it`,
    ]],
    ["Llama, words with JSON", LLAMA, `See {"name": "now", "parameters": {}}`, [
      `See {"name": "now", "parameters": {}}`,
    ]],
    [
      "Mistral",
      MISTRAL,
      `[TOOL_CALLS] [{"name": "add", "arguments": ${
        ADD[1]
      }}, {"name": "now", "arguments": {}, "id": "123456789"}]`,
      ["", ADD, ["now", "{}"]],
    ],
    [
      "Mistral, one at most",
      MISTRAL,
      `[TOOL_CALLS] [{"name": "now", "arguments": {}}, {"name": "now", "arguments": {}}]`,
      ["", ["now", "{}"]],
      1,
    ],
  ];

function read(
  format: CallFormat,
  pieces: readonly string[],
  most = Infinity,
  isForced = false,
): Outcome {
  const reader = new CallReader(format, ["add", "now"], most, isForced);
  let content = "";
  const calls: [string, string][] = [];
  for (
    const { content: more, calls: some } of [...pieces.map((one) => reader.push(one)), reader.end()]
  ) {
    content += more;
    for (const { index, name, arguments: text } of some) {
      if (name !== undefined) {
        assertEquals(index, calls.length);
        calls.push([name, ""]);
      }
      calls[index][1] += text;
    }
  }
  assertEquals(reader.count, calls.length);
  return [content, ...calls];
}

Deno.test("call reader: words and calls are told apart, however the text is cut", () => {
  const random = uniform(5);
  for (const [name, format, text, outcome, most] of CASES) {
    assertEquals(read(format, [text], most), outcome, name);
    assertEquals(read(format, [...text], most), outcome, `${name}, letter by letter`);
    for (let i = 0; i < 20; i++) {
      const pieces: string[] = [];
      for (let at = 0; at < text.length;) {
        const end = at + 1 + Math.floor(random() * 12);
        pieces.push(text.slice(at, end));
        at = end;
      }
      assertEquals(read(format, pieces, most), outcome, `${name}, as ${JSON.stringify(pieces)}`);
    }
  }
});

Deno.test("call reader: of a call that is forced the text is nothing else", () => {
  const text = `{"name": "add", "arguments": ${ADD[1]}}`;
  assertEquals(read(HERMES, [text], 1, true), ["", ADD]);
  assertEquals(read(MISTRAL, [`[${text}]`], 1, true), ["", ADD]);
  assertEquals(read(LLAMA, [text], 1, true), ["", ADD]);
});

Deno.test("call reader: arguments come as they are written, not at the end", () => {
  const reader = new CallReader(HERMES, ["add"], 1, false);
  const pieces = ['<tool_call>{"name": "add"', ', "arguments": {"a"', ": 1", "}}"];
  assertEquals(pieces.map((piece) => reader.push(piece).calls), [
    [{ index: 0, name: "add", arguments: "" }],
    [{ index: 0, arguments: '{"a"' }],
    [{ index: 0, arguments: ": 1" }],
    [{ index: 0, arguments: "}" }],
  ]);
});
