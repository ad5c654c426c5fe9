import { assert, assertEquals, assertThrows } from "@std/assert";
import { pathToFileURL } from "node:url";
import { ArgumentError, CheckpointError } from "../base/errors.ts";
import { ggufBytes, type Tensor, type Value, withFiles } from "../../tests/gguf/gguf_writer.ts";
import { findGguf } from "./find.ts";
import { isGguf, readGguf } from "./gguf.ts";

const name = (part: number, count = 3) => {
  const digits = (value: number) => `${value}`.padStart(5, "0");
  return `m-${digits(part)}-of-${digits(count)}.gguf`;
};

const tensor = (name: string): Tensor => ({ name, sizes: [4], type: 0, bytes: 16 });

type Keys = Readonly<Record<string, Value | undefined>>;

/** Part `i` of three with one tensor of its own; keys that are undefined are left out. */
function part(i: number, keys: Keys = {}, tensors = [tensor(`t${i}`)]): Uint8Array {
  const all: Record<string, Value | undefined> = {
    ...(i === 1 && { "general.architecture": ["string", "llama"] as const }),
    "split.no": ["u16", i - 1],
    "split.count": ["u16", 3],
    "split.tensors.count": ["i32", 3],
    ...keys,
  };
  const metadata = Object.entries(all)
    .filter((entry): entry is [string, Value] => entry[1] !== undefined);
  return ggufBytes({ metadata, tensors });
}

const PARTS = { [name(1)]: part(1), [name(2)]: part(2), [name(3)]: part(3) };

Deno.test("gguf split: three parts are one model", () => {
  withFiles(PARTS, (dir) => {
    using gguf = readGguf(`${dir}/${name(1)}`);
    assertEquals(gguf.files, [1, 2, 3].map((i) => `${dir}/${name(i)}`));
    assertEquals([...gguf.tensors.keys()], ["t1", "t2", "t3"]);
    assertEquals(gguf.tensors.get("t3")!.file, `${dir}/${name(3)}`);
    gguf.readInto(gguf.tensors.get("t3")!, 4, new Uint8Array(12));
  });
});

const REFUSED: [what: string, files: Record<string, Uint8Array | undefined>, message: string][] = [
  ["a part that is missing", { [name(3)]: undefined }, `${name(3)} is unusable`],
  ["a part that is no GGUF", { [name(2)]: new Uint8Array(40) }, "it does not start as GGUF does"],
  [
    "a part in another's place",
    { [name(2)]: part(3) },
    `key "split.no" is 2, expected 1 in this part`,
  ],
  [
    "a part of more parts",
    { [name(2)]: part(2, { "split.count": ["u16", 4] }) },
    `"split.count" is 4`,
  ],
  [
    "a part of another model by its tensors",
    { [name(3)]: part(3, { "split.tensors.count": ["i32", 9] }) },
    `key "split.tensors.count" is 9, expected 3 in this part`,
  ],
  [
    "a part of another architecture",
    { [name(2)]: part(2, { "general.architecture": ["string", "qwen2"] }) },
    `key "general.architecture" is "qwen2", expected "llama" in this part`,
  ],
  [
    "a part with too few tensors",
    { [name(2)]: part(2, {}, []) },
    `key "split.tensors.count" is 3, expected 2`,
  ],
  [
    "a part with another's tensor",
    { [name(2)]: part(2, {}, [tensor("t1")]) },
    `tensor "t1": it is in`,
  ],
  [
    "a part that is a model",
    { [name(2)]: ggufBytes({ tensors: [tensor("t2")] }) },
    `key "split.no" is missing`,
  ],
];

for (const [what, files, message] of REFUSED) {
  Deno.test(`gguf split: refuses ${what}`, () => {
    const whole = Object.entries({ ...PARTS, ...files })
      .filter((entry): entry is [string, Uint8Array] => entry[1] !== undefined);
    withFiles(Object.fromEntries(whole), (dir) => {
      assertThrows(() => readGguf(`${dir}/${name(1)}`), CheckpointError, message);
    });
  });
}

Deno.test("gguf split: a later part says which is the first", () => {
  withFiles(PARTS, (dir) => {
    const message = `it is part 2 of 3, expected the first, ${dir}/${name(1)}`;
    assertThrows(() => readGguf(`${dir}/${name(2)}`), CheckpointError, message);
  });
});

Deno.test("gguf split: the first part needs a name that leads to the others", () => {
  for (const other of ["m.gguf", name(1, 4), name(2), "m-1-of-3.gguf"]) {
    withFiles({ [other]: part(1) }, (dir) => {
      const message = "expected a name that ends with -00001-of-00003.gguf";
      assertThrows(() => readGguf(`${dir}/${other}`), CheckpointError, message);
    });
  }
  for (const count of [["i32", -1], ["u32", 100000], ["f32", 1.5], ["string", "3"]] as const) {
    withFiles({ [name(1)]: part(1, { "split.count": count }) }, (dir) => {
      assertThrows(() => readGguf(`${dir}/${name(1)}`), CheckpointError, `key "split.count" is`);
    });
  }
});

Deno.test("gguf split: a model that was put together again is one file", () => {
  const merged = part(1, { "split.count": ["u16", 0] });
  withFiles({ "m.gguf": merged }, (dir) => {
    using gguf = readGguf(pathToFileURL(`${dir}/m.gguf`));
    assertEquals(gguf.files.length, 1);
  });
});

Deno.test("gguf: known by its magic, whatever it is called", () => {
  const files = { "blob": part(1), "x.gguf": new Uint8Array(8), "short": new Uint8Array(3) };
  withFiles(files, (dir) => {
    assert(isGguf(`${dir}/blob`));
    assert(isGguf(pathToFileURL(`${dir}/blob`)));
    for (const other of ["x.gguf", "short", "absent", "", "blob/below"]) {
      assert(!isGguf(`${dir}/${other}`), other);
    }
    assertThrows(() => isGguf(""), ArgumentError, "path");
    assertThrows(() => readGguf(`${dir}/absent.gguf`), CheckpointError, "it does not exist");
    assertThrows(() => readGguf(`${dir}/x.gguf`), CheckpointError, "does not start as GGUF does");
    assertThrows(() => readGguf(dir), CheckpointError);
  });
});

Deno.test("gguf: which model a path means", () => {
  const [one, two] = [ggufBytes({}), ggufBytes({})];
  const found = (files: Record<string, Uint8Array>, expected: string | undefined) =>
    withFiles(files, (dir) => {
      const path = expected === undefined ? undefined : `${dir}/${expected}`;
      assertEquals(findGguf(dir), path);
    });
  found({ "a.gguf": one, "README.md": two }, "a.gguf");
  found({ "a.gguf": one, "tokenizer.json": two, "config.json": two }, "a.gguf");
  found(PARTS, name(1));
  found({ "config.json": one }, undefined);
  for (
    const other of [
      "model.safetensors",
      "pytorch_model.bin",
      "model.safetensors.index.json",
      "a.pt",
    ]
  ) {
    found({ "a.gguf": one, [other]: two }, undefined);
  }
  withFiles({ "a.gguf": one, "b.gguf": two, ...PARTS }, (dir) => {
    const message = `it holds 3 GGUF models (a.gguf, b.gguf, ${name(1)}), expected one`;
    assertThrows(() => findGguf(dir), CheckpointError, message);
    assertEquals(findGguf(`${dir}/b.gguf`), `${dir}/b.gguf`);
    assertEquals(findGguf(`${dir}/absent`), undefined);
  });
  // What is wrong with a file of that name, reading it tells.
  withFiles({ "a.gguf": new Uint8Array(3), "b": one, "c": new Uint8Array(9) }, (dir) => {
    assertEquals(findGguf(`${dir}/a.gguf`), `${dir}/a.gguf`);
    assertEquals(findGguf(`${dir}/b`), `${dir}/b`);
    assertEquals(findGguf(`${dir}/c`), undefined);
  });
});

Deno.test("gguf: a pointer of Git LFS is called one", () => {
  const pointer = new TextEncoder().encode(
    "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 98362432\n",
  );
  withFiles({ "a.gguf": pointer }, (dir) => {
    assertThrows(() => readGguf(findGguf(dir)!), CheckpointError, "it is a Git LFS pointer");
  });
});
