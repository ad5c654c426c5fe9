import { assertEquals, assertThrows } from "@std/assert";
import { ArgumentError, SpecMQuantError } from "../base/errors.ts";
import { Lifetime, meet, meeting } from "./lifetime.ts";
import { addressOf, columns, reshape, rows, type Tensor, tensor, view } from "./tensor.ts";

Deno.test("a lifetime ends once, or with what it lives on", () => {
  const device = new Lifetime("the device");
  const arena = new Lifetime("the arena", device);
  arena.expect("run");
  device.end();
  assertEquals([arena.ended, arena.end(), arena.end()], [true, true, false]);
  const other = new Lifetime("the other", device);
  const error = assertThrows(() => other.expect("run"), SpecMQuantError);
  assertEquals([error.code, error.message], [
    "disposed",
    "Cannot run: the device has been disposed",
  ]);
  assertThrows(() => arena.expect("run"), SpecMQuantError, "Cannot run: the arena has been");
});

Deno.test("every view of a tensor lives as long as the tensor", () => {
  const life = new Lifetime("the arena");
  const t: Tensor = { ...tensor(256n, "f16", [4, 6]), life };
  const views = [
    rows(t, 1, 2),
    columns(t, 0, 3),
    reshape(t, [24]),
    view(t, "u8", [8], 40),
    rows(reshape(t, [2, 12]), 0, 1),
  ];
  assertEquals(views.map(addressOf), [268n, 256n, 256n, 296n, 256n]);
  life.end();
  for (const one of views) assertThrows(() => addressOf(one), SpecMQuantError, "has been disposed");
  assertEquals(addressOf(undefined), 0n);
});

Deno.test("a view lies within its tensor", () => {
  const t = tensor(0n, "f16", [4, 6]);
  assertEquals(view(t, "i32", [12]), tensor(0n, "i32", [12]));
  for (const offset of [-1, 2, 48]) {
    assertThrows(() => view(t, "i32", [12], offset), ArgumentError, "within 48 contiguous bytes");
  }
  assertThrows(() => view(columns(t, 0, 2), "f16", [2]), ArgumentError, "contiguous");
});

Deno.test("what is met while meeting is noted once, also around another meeting", () => {
  const [a, b, c] = ["a", "b", "c"].map((name) => new Lifetime(name));
  let inner: readonly Lifetime[] = [];
  const outer = meeting(() => {
    meet(a);
    inner = meeting(() => meet(b));
    assertThrows(() =>
      meeting(() => {
        throw new Error("stop");
      })
    );
    meet(c);
    meet(a);
  });
  assertEquals([outer, inner], [[a, c], [b]]);
  meet(a);
});

Deno.test("the library gets an address from addressOf alone", () => {
  for (const folder of ["ops", "quant", "model", "speculation", "engine"]) {
    const dir = new URL(`../${folder}/`, import.meta.url);
    for (const { name } of Deno.readDirSync(dir)) {
      if (!name.endsWith(".ts") || name.endsWith("_test.ts")) continue;
      const source = Deno.readTextFileSync(new URL(name, dir));
      const found = source.match(/.*(\.address\b|\{[^}]*\baddress\b[^}]*\} =).*/);
      assertEquals(found?.[0], undefined, `${folder}/${name} reads an address`);
    }
  }
});
