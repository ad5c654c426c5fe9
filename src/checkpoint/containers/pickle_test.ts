import { fileURLToPath } from "node:url";
import { assertEquals, assertThrows } from "@std/assert";
import { makeZip } from "../../../tests/checkpoint/zip.ts";
import { CheckpointError } from "../../base/errors.ts";
import { openPickle, pickleSource } from "./pickle.ts";
import { memoryReader, readAt } from "../../base/reader.ts";
import { openSafetensors } from "./safetensors.ts";
import { unpickle } from "./unpickle.ts";
import { readZip } from "./zip.ts";

const data = (name: string) =>
  fileURLToPath(new URL(`../../../tests/data/${name}`, import.meta.url));

for (const name of ["plain.bin", "protocol4.pt"]) {
  Deno.test(`pickle: ${name} holds the tensors that safetensors holds`, () => {
    using source = openPickle(data(name));
    using expected = openSafetensors(data("pickles.safetensors"));
    assertEquals(source.names().sort(), expected.names().sort());
    for (const tensor of expected.names()) {
      const { dtype, shape, bytes } = expected.info(tensor);
      const found = source.info(tensor);
      assertEquals([found.dtype, found.shape, found.bytes], [dtype, shape, bytes], tensor);
      assertEquals(source.read(tensor), expected.read(tensor), tensor);
      const joined: number[] = [];
      for (const piece of source.chunks(tensor, 3)) joined.push(...piece);
      assertEquals(joined, [...expected.read(tensor)], tensor);
    }
  });
}

Deno.test("pickle: a module's state with metadata", () => {
  using source = openPickle(data("module.bin"));
  assertEquals(source.names(), ["weight", "bias"]);
  assertEquals(source.info("weight").shape, [2, 3]);
});

/** Pickles a dict of tensors [2, 2] of f32 with these strides, or of other values. */
function stateDict(values: Record<string, number[] | number>): Uint8Array<ArrayBuffer> {
  const word = (text: string) => ["X", text.length, 0, 0, 0, text];
  const storage = ["(", ...word("storage"), "ctorch\nFloatStorage\n", ...word("0"), ...word("cpu")];
  const tensor = ([rows, columns]: number[]) => [
    "ctorch._utils\n_rebuild_tensor_v2\n((",
    ...storage.slice(1),
    ...["K", 8, "tQK", 0, "(K", 2, "K", 2, "t(K", rows, "K", columns, "t", 0x89, "}tR"],
  ];
  const items = Object.entries(values).flatMap(([name, value]) => [
    ...word(name),
    ...(typeof value === "number" ? ["K", value] : tensor(value)),
    "s",
  ]);
  return bytes("}", ...items, ".");
}

Deno.test("pickle: values that nothing can use are in nobody's way until they are asked for", () => {
  const open = (values: Record<string, number[] | number>) => {
    const entries = new Map([["m/data.pkl", stateDict(values)], ["m/data/0", new Uint8Array(32)]]);
    return pickleSource(memoryReader(makeZip(entries), "z"));
  };
  const source = open({ w: [2, 1], step: 7, odd: [4, 2], t: [1, 2] });
  assertEquals(source.names(), ["w", "t"]);
  assertEquals(source.find("step"), undefined);
  for (
    const [name, message] of [
      ["step", "its value is the number 7, expected a tensor"],
      ["odd", "strides [4, 2] of shape [2, 2]"],
    ]
  ) assertThrows(() => source.info(name), CheckpointError, `tensor "${name}": ${message}`);
  assertThrows(() => open({ step: 7 }), CheckpointError, "the number 7");
});

const REFUSED: [string, string][] = [
  ["evil.bin", "posix.system is refused"],
  ["strided.bin", `tensor "w": strides [1, 12, 4] of shape [4, 2, 3]`],
  ["nested.bin", `tensor "model": its value is a dict, expected a tensor`],
  ["legacy.bin", "PyTorch before 1.6"],
  ["deflated.bin", "compressed (method 8)"],
  ["pickles.safetensors", "no zip directory"],
  ["pickles.json", "no zip directory"],
];
for (const [name, message] of REFUSED) {
  Deno.test(`pickle: refuses ${name}`, () => {
    assertThrows(() => openPickle(data(name)), CheckpointError, message);
  });
}

/** The entries of a fixture, by name. */
function entriesOf(name: string): Map<string, Uint8Array> {
  const reader = memoryReader(Deno.readFileSync(data(name)), name);
  const entries = [...readZip(reader).values()];
  return new Map(entries.map((e) => [e.name, readAt(reader, e.position, e.size)]));
}

Deno.test("pickle: zip64 archives", () => {
  const entries = entriesOf("plain.bin");
  for (const zip64 of [false, true]) {
    const source = pickleSource(memoryReader(makeZip(entries, { zip64 }), "z"));
    assertEquals([...new Float32Array(source.read("scalar").buffer)], [3.5]);
  }
});

Deno.test("pickle: lies about storages are found", () => {
  const entries = entriesOf("module.bin");
  const open = () => pickleSource(memoryReader(makeZip(entries), "z"));
  const storage = [...entries.keys()].find((name) => name.endsWith("/data/0"))!;
  const whole = entries.get(storage)!;
  entries.set(storage, whole.subarray(0, 8));
  assertThrows(open, CheckpointError, "its storage claims 6 f32, but its entry has 8 bytes");
  entries.delete(storage);
  assertThrows(open, CheckpointError, `its storage "0" is not in the archive`);
  entries.set(storage, whole);
  open();
  entries.set(storage.replace("data/0", "byteorder"), new TextEncoder().encode("big"));
  assertThrows(open, CheckpointError, `byte order is "big"`);
});

Deno.test("zip: every truncation is refused", () => {
  const whole = Deno.readFileSync(data("module.bin"));
  for (let length = 0; length < whole.length; length++) {
    assertThrows(() => readZip(memoryReader(whole.subarray(0, length), "z")), CheckpointError);
  }
});

const bytes = (...parts: (string | number)[]) =>
  Uint8Array.from(
    parts.flatMap((p) => typeof p === "number" ? [p] : [...new TextEncoder().encode(p)]),
  );

Deno.test("unpickle: numbers and texts of all protocols", () => {
  assertEquals(unpickle(bytes("I-12\n."), "p"), -12);
  assertEquals(unpickle(bytes("I01\n."), "p"), true);
  assertEquals(unpickle(bytes("L99L\n."), "p"), 99);
  assertEquals(unpickle(bytes(0x8a, 2, 0x00, 0xff, "."), "p"), -256);
  assertEquals(unpickle(bytes(0x8a, 8, 0, 0, 0, 0, 0, 0, 0, 0x40, "."), "p"), 2n ** 62n);
  assertEquals(unpickle(bytes("S'ab'\n."), "p"), "ab");
  assertEquals(unpickle(bytes("(K", 1, "K", 2, "l."), "p"), [1, 2]);
});

const BAD: [Uint8Array, string][] = [
  [bytes(""), "byte 0: the pickle ends"],
  [bytes("K", 1), "byte 2: the pickle ends"],
  [bytes("."), "stack is empty"],
  [bytes("cos\nsystem\n."), "byte 0: global os.system is refused"],
  [bytes("ctorch\n_utils._rebuild_tensor_v2\n."), "is refused"],
  [bytes("cbuiltins\neval\n(S'1'\ntR."), "global builtins.eval is refused"],
  [bytes("K", 1, 0x81, "."), "byte 2: opcode 0x81 (NEWOBJ) is refused"],
  [bytes("(icollections\nOrderedDict\n."), "(INST) is refused"],
  [bytes(0xff), "opcode 0xff is refused"],
  [bytes(0x8b, 0xff, 0xff, 0xff, 0x7f), "integer has 2147483647 bytes"],
  [bytes("X", 0xff, 0xff, 0xff, 0xff, "a"), "ends within an opcode"],
  [bytes("h", 7, "."), "memo entry 7 was never written"],
  [bytes("t."), "there is no mark"],
  [bytes("}]K", 1, "s."), "a dict key is a list"],
  [bytes("ccollections\nOrderedDict\n(]tR."), "OrderedDict gets arguments"],
  [bytes("ctorch\nFloatStorage\n)R."), "torch.FloatStorage, which is no function"],
  [bytes("K", 1, "Q."), "expected that of a storage"],
  [bytes("}}b."), "opcode BUILD"],
];
for (const [pickle, message] of BAD) {
  Deno.test(`unpickle: refuses ${JSON.stringify(new TextDecoder().decode(pickle))}`, () => {
    assertThrows(() => unpickle(pickle, "p"), CheckpointError, message);
  });
}
