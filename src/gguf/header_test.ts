import { assert, assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { CheckpointError, type SpecMQuantError, UnsupportedModelError } from "../base/errors.ts";
import { memoryReader } from "../base/reader.ts";
import { ggufBytes, type Parts, type Tensor, type Value } from "../../tests/gguf/gguf_writer.ts";
import { readHeader } from "./header.ts";
import { Metadata } from "./metadata.ts";

const read = (bytes: Uint8Array) => readHeader(memoryReader(bytes, "x.gguf"));

const VALUES: [key: string, Value, unknown][] = [
  ["u8", ["u8", 200], 200],
  ["i8", ["i8", -100], -100],
  ["u16", ["u16", 60000], 60000],
  ["i16", ["i16", -30000], -30000],
  ["u32", ["u32", 4e9], 4e9],
  ["i32", ["i32", -2e9], -2e9],
  ["u64", ["u64", 2n ** 53n - 1n], 2 ** 53 - 1],
  ["large u64", ["u64", 2n ** 63n + 1n], 2n ** 63n + 1n],
  ["i64", ["i64", -(2n ** 40n)], -(2 ** 40)],
  ["large i64", ["i64", -(2n ** 60n) - 1n], -(2n ** 60n) - 1n],
  ["f32", ["f32", 1e-5], Math.fround(1e-5)],
  ["f64", ["f64", 1e-5], 1e-5],
  ["true", ["bool", true], true],
  ["false", ["bool", false], false],
  ["empty", ["string", ""], ""],
  // A mark of byte order is a character of a token like any other.
  ["text", ["string", "\ufeffĠthe 漢字 🙂 \u0000"], "\ufeffĠthe 漢字 🙂 \u0000"],
  ["long text", ["string", "Ġ".repeat(5000)], "Ġ".repeat(5000)],
  ["texts", ["list", [["string", "a"], ["string", "Ġb"]]], ["a", "Ġb"]],
  ["flags", ["list", [["bool", true], ["bool", false]]], [true, false]],
  ["numbers", ["list", [["i32", -1], ["i32", 7]]], Int32Array.of(-1, 7)],
  ["wide", ["list", [["u64", 2n ** 60n]]], BigUint64Array.of(2n ** 60n)],
  ["none", ["list", []], new Uint32Array()],
];

Deno.test("gguf header: every type of value, by versions 2 and 3", () => {
  for (const version of [2, 3]) {
    const metadata = VALUES.map(([key, value]) => [key, value] as const);
    const header = read(ggufBytes({ version, metadata }));
    assertEquals(header.version, version);
    assertEquals([...header.metadata], VALUES.map(([key, , value]) => [key, value]));
  }
});

Deno.test("gguf header: strings across the windows in which it is read", () => {
  const texts = Array.from({ length: 3000 }, (_, i) => `${i}`.repeat(i % 800));
  const list: Value = ["list", texts.map((text): Value => ["string", text])];
  const header = read(ggufBytes({ metadata: [["a", list], ["b", ["string", "x".repeat(3e6)]]] }));
  assertEquals(header.metadata.get("a"), texts);
  assertEquals(header.metadata.get("b"), "x".repeat(3e6));
});

Deno.test("gguf header: tensors with their shapes, types and places", () => {
  for (const alignment of [32, 1, 4096]) {
    const tensors: Tensor[] = [
      { name: "a", sizes: [64, 3], type: 2, bytes: 108 },
      { name: "b", sizes: [256, 2, 1, 5], type: 14, bytes: 2100 },
      { name: "c", sizes: [], type: 0, bytes: 4 },
      { name: "d", sizes: [7], type: 30, bytes: 14 },
    ];
    const metadata = [["general.alignment", ["u32", alignment]]] as const;
    const bytes = ggufBytes({ metadata, tensors, alignment });
    const header = read(bytes);
    const found = [...header.tensors.values()];
    assertEquals(
      found.map(({ name, type, shape, bytes }) => [name, type, [...shape], bytes]),
      [
        ["a", "Q4_0", [3, 64], 108],
        ["b", "Q6_K", [5, 1, 2, 256], 2100],
        ["c", "F32", [], 4],
        ["d", "BF16", [7], 14],
      ],
    );
    assert(found.every(({ position }) => position % alignment === 0));
    assertEquals(found[3].position + found[3].bytes, bytes.length);
  }
});

Deno.test("gguf header: what llama.cpp may write, holes and padding, is read", () => {
  const tensors: Tensor[] = [
    { name: "a", sizes: [4], type: 0, bytes: 16, offset: 64 },
    { name: "b", sizes: [4], type: 0, bytes: 16, offset: 0 },
    { name: "end", sizes: [1], type: 24, bytes: 200, offset: 96 },
  ];
  assertEquals(read(ggufBytes({ tensors })).tensors.size, 3);
});

const one = (tensor: Partial<Tensor>): Parts => ({
  tensors: [{ name: "w", sizes: [32, 2], type: 0, bytes: 256, ...tensor }],
});
const entry = (value: Value, key = "k"): Parts => ({ metadata: [[key, value]] });
/** A list that says it has more elements than it has. */
const list = (type: number, count: bigint, ...rest: number[]): Value => {
  const bytes = new Uint8Array(4 + 8 + rest.length);
  new DataView(bytes.buffer).setUint32(0, type, true);
  new DataView(bytes.buffer).setBigUint64(4, count, true);
  bytes.set(rest, 12);
  return ["raw", Uint8Array.of(9, ...bytes)];
};

const REFUSED: [what: string, Parts, message: string, kind?: typeof UnsupportedModelError][] = [
  ["another magic", { magic: "GGML" }, `it does not start as GGUF does, expected "GGUF"`],
  ["version 1", { version: 1 }, "version 1 of GGUF (x.gguf)", UnsupportedModelError],
  ["version 4", { version: 4 }, "version 4 of GGUF", UnsupportedModelError],
  ["version 0", { version: 0 }, "version 0 of GGUF", UnsupportedModelError],
  ["big-endian", { version: 3 << 24 }, "big-endian GGUF (x.gguf)", UnsupportedModelError],
  ["more tensors", { counts: [2n ** 40n, 0n] }, "entries of 1099511627776 tensors at byte 24"],
  [
    "a count beyond 2^53",
    { counts: [2n ** 63n, 0n] },
    "the number of tensors is 9223372036854775808",
  ],
  [
    "more entries",
    { counts: [0n, 3n] },
    "metadata of 3 entries at byte 24 would go past the file's end",
  ],
  ["an empty key", entry(["u32", 1], ""), "the key of metadata entry 0 has 0 characters"],
  ["a long key", entry(["u32", 1], "k".repeat(65536)), "has 65536 characters, expected 1 to 65535"],
  [
    "a key twice",
    { metadata: [["k", ["u32", 1]], ["k", ["u32", 2]]] },
    `the key of metadata entry 1 is "k", which is there already`,
  ],
  [
    "a type of no value",
    entry(["raw", Uint8Array.of(13)]),
    'the type of key "k" is 13, expected 0 to 12',
  ],
  ["a boolean of 2", entry(["raw", Uint8Array.of(7, 2)]), `key "k" holds 2, expected 0 or 1`],
  [
    "bad UTF-8",
    entry(["raw", Uint8Array.of(8, 2, 0, 0, 0, 0, 0, 0, 0, 0xc3, 0x28)]),
    `key "k" is not valid UTF-8`,
  ],
  [
    "bad UTF-8 at the end",
    entry(["raw", Uint8Array.of(8, 1, 0, 0, 0, 0, 0, 0, 0, 0xc3)]),
    "not valid UTF-8",
  ],
  [
    "overlong UTF-8",
    entry(["raw", Uint8Array.of(8, 2, 0, 0, 0, 0, 0, 0, 0, 0xc1, 0x81)]),
    "not valid UTF-8",
  ],
  [
    "a long string",
    entry(["raw", Uint8Array.of(8, 255, 255, 255, 255, 255, 255, 255, 127)]),
    `key "k" at byte`,
  ],
  ["lists of lists", entry(list(9, 1n, 4, 0, 0, 0)), `key "k" is a list of lists`],
  ["a list of no type", entry(list(99, 1n)), `the type of key "k" is 99`],
  ["a long list of bytes", entry(list(0, 2n ** 40n)), `key "k" at byte`],
  ["a long list of texts", entry(list(8, 2n ** 30n)), `key "k" at byte`],
  ["a long list of flags", entry(list(7, 2n ** 50n)), `key "k" at byte`],
  ["a list that is too long", entry(list(10, 2n ** 61n)), `the number of elements of key "k" is`],
  ...[0, 3, 33, -32, 2 ** 31].map((value): [string, Parts, string] => [
    `an alignment of ${value}`,
    entry(["i64", BigInt(value)], "general.alignment"),
    `key "general.alignment" is ${value}, expected a power of 2 below 2^31`,
  ]),
  ["a tensor without a name", one({ name: "" }), "the name of tensor 0 has 0 characters"],
  [
    "a tensor twice",
    { tensors: [...one({}).tensors!, ...one({}).tensors!] },
    `the name of tensor 1 is "w", which is there already`,
  ],
  [
    "five sizes",
    one({ sizes: [32, 1, 1, 1, 2] }),
    `tensor "w": it has 5 sizes, expected at most 4`,
  ],
  [
    "a size of 0",
    one({ sizes: [32, 0] }),
    `tensor "w": its shape is [0, 32], expected sizes of at`,
  ],
  [
    "a size beyond 2^53",
    one({ sizes: [32, 2n ** 60n] }),
    `a size of tensor "w" is 1152921504606846976`,
  ],
  ["sizes whose product is beyond 2^53", one({ sizes: [2 ** 30, 2 ** 30] }), "which is too large"],
  [
    "a type that was removed",
    one({ type: 4 }),
    'GGUF type Q4_2 (x.gguf, tensor "w")',
    UnsupportedModelError,
  ],
  ["a type that is unknown", one({ type: 99 }), "GGUF type number 99", UnsupportedModelError],
  [
    "half a block",
    one({ sizes: [48, 2], type: 2 }),
    "its rows have 48 elements, expected a multiple of 32 for Q4_0",
  ],
  ["blocks of 256", one({ sizes: [128, 2], type: 12 }), "expected a multiple of 256 for Q4_K"],
  [
    "a place that is not aligned",
    one({ offset: 16 }),
    "its data begins at 16, expected a multiple of 32",
  ],
  ["a place outside", one({ offset: 2 ** 40 }), "its data ends at byte 10995116281"],
  [
    "a place beyond 2^53",
    one({ offset: 2n ** 63n }),
    `the offset of tensor "w" is 9223372036854775808`,
  ],
  ["data that ends early", { ...one({}), cut: 1 }, "expected at most 351, the file's end"],
  [
    "data within another's",
    {
      tensors: [
        { name: "a", sizes: [64], type: 0, bytes: 256 },
        { name: "b", sizes: [8], type: 0, bytes: 32, offset: 224 },
      ],
    },
    `tensor "b": its data begins at byte`,
  ],
];

for (const [what, parts, message, kind = CheckpointError] of REFUSED) {
  Deno.test(`gguf header: refuses ${what}`, () => {
    const bytes = ggufBytes(parts);
    const error = assertThrows(() => read(bytes), kind as typeof CheckpointError, message);
    assertInstanceOf(error, kind);
    assertEquals(
      (error as SpecMQuantError).code,
      kind === CheckpointError ? "checkpoint" : "unsupported_model",
    );
  });
}

Deno.test("gguf header: cut anywhere, it is refused", () => {
  const metadata = VALUES.filter(([key]) => key !== "long text").map(([key, value]) =>
    [key, value] as const
  );
  const whole = ggufBytes({ metadata, tensors: [{ name: "w", sizes: [2], type: 0, bytes: 8 }] });
  for (let length = 0; length < whole.length; length++) {
    assertThrows(() => read(whole.slice(0, length)), CheckpointError);
  }
});

Deno.test("gguf metadata: a value of another type is refused by file and key", () => {
  const { metadata } = read(ggufBytes({
    metadata: [
      ["text", ["string", "a"]],
      ["zero", ["u32", 0]],
      ["half", ["f32", 0.5]],
      ["texts", ["list", [["string", "a"]]]],
      ["numbers", ["list", [["u8", 1]]]],
      ["wide", ["list", [["u64", 2n ** 60n]]]],
      ["nan", ["f32", NaN]],
      ["none", ["i32", -1]],
      ["flags", ["list", [["bool", true]]]],
    ],
  }));
  const all = new Metadata({ file: "x.gguf", metadata });
  const refused = (call: () => unknown, message: string) => {
    const error = assertThrows(call, CheckpointError, message);
    assertEquals(error.file, "x.gguf");
  };
  refused(() => all.integer("text"), `key "text" is "a", expected an integer of at least 1`);
  refused(() => all.integer("zero"), `key "zero" is 0, expected an integer of at least 1`);
  refused(() => all.integer("half"), `key "half" is 0.5`);
  refused(() => all.integer("absent"), `key "absent" is missing`);
  refused(() => all.positive("nan"), `key "nan" is NaN, expected a number above 0`);
  refused(() => all.boolean("zero", true), `key "zero" is 0, expected true or false`);
  refused(() => all.string("texts"), `key "texts" is a list of 1, expected a string`);
  refused(() => all.strings("text"), `expected a list of strings`);
  refused(() => all.strings("numbers"), `expected a list of strings`);
  refused(() => all.strings("flags"), `expected a list of strings`);
  refused(() => all.numbers("texts"), `expected a list of numbers`);
  refused(() => all.numbers("wide"), `expected a list of numbers below 2^53`);
  refused(() => all.tokenId("half"), `expected an integer of at least 0`);
  assertEquals(all.integer("absent", 3), 3);
  assertEquals(all.integer("zero", undefined, 0), 0);
  assertEquals(all.positive("half"), 0.5);
  assertEquals(all.boolean("absent", true), true);
  assertEquals(all.strings("texts"), ["a"]);
  assertEquals(all.numbers("numbers"), [1]);
  assertEquals(all.tokenId("none"), undefined);
  assertEquals(all.tokenId("zero"), 0);
  assertEquals(all.unasked(), []);
  assertEquals(new Metadata({ file: "x", metadata }).unasked().length, metadata.size);
});
