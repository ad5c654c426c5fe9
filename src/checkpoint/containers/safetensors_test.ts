import { fileURLToPath } from "node:url";
import { assertEquals, assertThrows } from "@std/assert";
import { ArgumentError, CheckpointError } from "../../base/errors.ts";
import { memoryReader } from "../../base/reader.ts";
import { openSafetensors, readHeader } from "./safetensors.ts";
import { SafetensorsWriter, writeSafetensors } from "./safetensors_writer.ts";

const FIXTURE = fileURLToPath(new URL("../../../tests/data/pickles.safetensors", import.meta.url));

/** A file of the header's text (with its true length, or another) and `data` bytes. */
function file(header: string, data: number, length?: number | bigint): Uint8Array {
  const json = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + json.length + data);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length ?? json.length), true);
  bytes.set(json, 8);
  return bytes;
}

const parse = (header: string, data: number, length?: number | bigint) =>
  readHeader(memoryReader(file(header, data, length), "m.safetensors"));

Deno.test("safetensors: a well-formed header", () => {
  const { tensors, metadata } = parse(
    `{"__metadata__":{"format":"pt"},"b":{"dtype":"F16","shape":[2,2],"data_offsets":[4,12]},` +
      `"__proto__":{"dtype":"I32","shape":[],"data_offsets":[0,4]},` +
      `"e":{"dtype":"U8","shape":[0,9],"data_offsets":[12,12]}}   `,
    12,
  );
  assertEquals([...metadata], [["format", "pt"]]);
  assertEquals([...tensors.keys()].sort(), ["__proto__", "b", "e"]);
  assertEquals(tensors.get("__proto__")?.info.dtype, "i32");
  assertEquals(tensors.get("b")?.info.bytes, 8);
  assertEquals(parse("{}", 0).tensors.size, 0);
});

Deno.test("safetensors: every dtype of the format, and metadata of null, as the reference library takes them", () => {
  // Names and widths in bits: `Dtype` of the safetensors crate 0.6.
  const bits = {
    C64: 64,
    F8_E8M0: 8,
    F8_E4M3FNUZ: 8,
    F8_E5M2FNUZ: 8,
    F6_E2M3: 6,
    F6_E3M2: 6,
    F4: 4,
    U16: 16,
    U64: 64,
    I64: 64,
    BOOL: 8,
    F64: 64,
  };
  for (const [dtype, width] of Object.entries(bits)) {
    const header = `{"__metadata__":null,"a":${entry(`"${dtype}"`, "[2,4]", `[0,${width}]`)}}`;
    const { tensors, metadata } = parse(header, width);
    assertEquals(metadata.size, 0);
    const { info } = tensors.get("a")!;
    assertEquals([info.dtype, info.bytes], [dtype.toLowerCase(), width], dtype);
  }
});

const entry = (dtype: string, shape: string, offsets: string) =>
  `{"dtype":${dtype},"shape":${shape},"data_offsets":${offsets}}`;
const one = (dtype: string, shape: string, offsets: string) =>
  `{"a":${entry(dtype, shape, offsets)}}`;
const u8 = (begin: number, end: number) => entry(`"U8"`, `[${end - begin}]`, `[${begin},${end}]`);

const MALFORMED: [string, string, number, (number | bigint)?][] = [
  ["claims 100 bytes", "{}", 0, 100],
  ["claims 18446744073709551615 bytes", "{}", 0, 2n ** 64n - 1n],
  ["not valid JSON", "{", 0],
  ["not valid JSON", `{"a":1}}`, 0],
  ["expected an object", "[]", 0],
  ["expected an object", "null", 0],
  ["twice", `{"a":${u8(0, 1)},"a":${u8(0, 1)}}`, 1],
  ["twice", `{"a":${u8(0, 1)},"\\u0061" :${u8(0, 1)}}`, 1],
  ["twice", `{"a":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}}`, 1],
  ["expected a string", `{"__metadata__":{"a":1}}`, 0],
  ["its entry is 3", `{"a":3}`, 0],
  [`dtype is "F3"`, one(`"F3"`, "[2]", "[0,1]"), 1],
  ["span 1 bytes, expected 1.5", one(`"F4"`, "[3]", "[0,1]"), 1],
  [`dtype is "constructor"`, one(`"constructor"`, "[2]", "[0,1]"), 1],
  ["dtype is missing", `{"a":{"shape":[1],"data_offsets":[0,1]}}`, 1],
  ["shape is [-1]", one(`"U8"`, "[-1]", "[0,1]"), 1],
  ["shape is [0.5]", one(`"F16"`, "[0.5]", "[0,1]"), 1],
  ["shape is 1", one(`"U8"`, "1", "[0,1]"), 1],
  ["too large", one(`"F32"`, "[4294967296,4294967296]", "[0,0]"), 0],
  ["too large", one(`"F32"`, "[0,9007199254740991,9007199254740991]", "[0,0]"), 0],
  ["data_offsets is [1,0]", one(`"U8"`, "[1]", "[1,0]"), 1],
  ["data_offsets is [0]", one(`"U8"`, "[1]", "[0]"), 1],
  ["span 3 bytes, expected 4", one(`"F16"`, "[2]", "[0,3]"), 3],
  ["its data ends at byte", one(`"U8"`, "[9]", "[0,9]"), 8],
  ["overlaps", `{"a":${u8(0, 4)},"b":${u8(3, 6)}}`, 6],
  ["overlaps", `{"a":${u8(0, 4)},"b":${u8(0, 4)}}`, 4],
  ["hole", `{"a":${u8(0, 2)},"b":${u8(3, 6)}}`, 6],
  ["hole", one(`"U8"`, "[1]", "[1,2]"), 2],
  ["the tensors end at byte", one(`"U8"`, "[1]", "[0,1]"), 2],
];

for (const [message, header, data, length] of MALFORMED) {
  Deno.test(`safetensors: refuses ${header.slice(0, 60)}: ${message}`, () => {
    const error = assertThrows(() => parse(header, data, length), CheckpointError, message);
    assertEquals(error.file, "m.safetensors");
  });
}

Deno.test("safetensors: bad UTF-8, short files, missing files", () => {
  const bytes = file(`{"xy":1}`, 0);
  bytes[11] = 0xff;
  assertThrows(() => readHeader(memoryReader(bytes, "f")), CheckpointError, "UTF-8");
  assertThrows(
    () => readHeader(memoryReader(bytes.subarray(0, 5), "f")),
    CheckpointError,
    "at least 8",
  );
  assertThrows(() => openSafetensors("no/such.safetensors"), CheckpointError, "does not exist");
  assertThrows(() => openSafetensors("."), CheckpointError);
});

Deno.test("safetensors: an error names the tensor", () => {
  const error = assertThrows(() => parse(one(`"F16"`, "[2]", "[0,3]"), 3), CheckpointError);
  assertEquals(error.tensor, "a");
});

Deno.test("safetensors: reads what the reference library wrote", () => {
  using source = openSafetensors(FIXTURE);
  assertEquals(source.info("f32").shape, [2, 3]);
  const f32 = new Float32Array(source.read("f32").buffer);
  assertEquals([...f32], [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5]);
  const error = assertThrows(() => source.info("nothing"), CheckpointError);
  assertEquals([error.file, error.tensor], [FIXTURE, "nothing"]);
  assertEquals(source.find("nothing"), undefined);
});

Deno.test("safetensors: writes and reads back, in chunks too", () => {
  const dir = Deno.makeTempDirSync();
  const path = `${dir}/out.safetensors`;
  const data = Uint8Array.from({ length: 24 }, (_, i) => i);
  writeSafetensors(path, [
    { name: "whole", dtype: "f32", shape: [2, 3], data: () => data },
    {
      name: "__proto__",
      dtype: "u8",
      shape: [3],
      data: () => [data.subarray(0, 1), data.subarray(1, 3)],
    },
    { name: "empty", dtype: "f16", shape: [0], data: () => new Uint8Array() },
  ], { note: "x" });
  const source = openSafetensors(path);
  assertEquals(source.read("whole"), data);
  assertEquals([...source.read("__proto__")], [0, 1, 2]);
  assertEquals(source.read("empty").length, 0);
  const pieces = [...source.chunks("whole", 10)].map((piece) => piece.length);
  assertEquals(pieces, [10, 10, 4]);
  const joined: number[] = [];
  for (const piece of source.chunks("whole", 7)) joined.push(...piece);
  assertEquals(joined, [...data]);

  const some = new Uint8Array(6);
  source.readInto("whole", 5, some.subarray(1, 4));
  assertEquals([...some], [0, 5, 6, 7, 0, 0]);
  for (const [offset, length] of [[-1, 2], [20, 5], [0.5, 1], [NaN, 1]]) {
    assertThrows(() => source.readInto("whole", offset, new Uint8Array(length)), ArgumentError);
  }
  assertThrows(() => source.readInto("nothing", 0, some), CheckpointError, "no tensor");

  // A file cut after it was opened is an error, not garbage.
  Deno.truncateSync(path, Deno.statSync(path).size - 4);
  assertThrows(() => source.read("__proto__"), CheckpointError, "ends");
  assertThrows(() => source.readInto("__proto__", 1, some.subarray(0, 2)), CheckpointError, "ends");
  source[Symbol.dispose]();
  assertThrows(() => source.read("whole"), CheckpointError, "closed");
  assertThrows(() => openSafetensors(path), CheckpointError);
  assertEquals([...Deno.readDirSync(dir)].length, 1);
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("safetensors: a failed write leaves nothing behind", () => {
  const dir = Deno.makeTempDirSync();
  const path = `${dir}/out.safetensors`;
  const tensor = { name: "a", dtype: "u8", shape: [2] } as const;
  for (const bytes of [1, 3]) {
    assertThrows(
      () => writeSafetensors(path, [{ ...tensor, data: () => new Uint8Array(bytes) }]),
      Error,
      "expected 2",
    );
  }
  assertThrows(() =>
    writeSafetensors(path, [tensor, tensor].map((t) => ({ ...t, data: () => [] })))
  );
  {
    using writer = new SafetensorsWriter(path, [tensor]);
    assertThrows(() => writer.write("b", new Uint8Array(2)), Error, `"a"`);
    assertThrows(() => writer.finish(), Error, "expected 1");
  }
  assertEquals([...Deno.readDirSync(dir)], []);
  Deno.removeSync(dir);
});
