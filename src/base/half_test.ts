import { assert, assertEquals } from "@std/assert";
import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16, toF32 } from "./half.ts";

const bytesOf = (a: ArrayBufferView<ArrayBuffer>) =>
  new Uint8Array(a.buffer, a.byteOffset, a.byteLength);

Deno.test("f16: every finite pattern survives the round trip", () => {
  const all = Uint16Array.from({ length: 65536 }, (_, i) => i);
  const values = f16ToF32(bytesOf(all));
  const back = new Uint16Array(f32ToF16(values).buffer);
  for (let i = 0; i < 65536; i++) {
    if (Number.isNaN(values[i])) continue;
    assertEquals(back[i], i);
  }
  assertEquals([values[0x3c00], values[0x0001], values[0x7bff]], [1, 2 ** -24, 65504]);
});

Deno.test("bf16: every pattern survives, and rounding is to nearest even", () => {
  const all = Uint16Array.from({ length: 65536 }, (_, i) => i);
  const values = bf16ToF32(bytesOf(all));
  const back = f32ToBf16(values);
  for (let i = 0; i < 65536; i++) {
    if (!Number.isNaN(values[i])) assertEquals(back[i], i);
    else assert(Number.isNaN(bf16ToF32(bytesOf(back.slice(i, i + 1)))[0]));
  }
  // 1 + 2^-8 lies halfway between 1 and 1 + 2^-7: down to even; 1 + 3 * 2^-8 goes up to even.
  const halves = new Float32Array([1 + 2 ** -8, 1 + 3 * 2 ** -8, 1 + 2 ** -8 + 2 ** -20]);
  assertEquals([...f32ToBf16(halves)], [0x3f80, 0x3f82, 0x3f81]);
});

Deno.test("toF32 reads unaligned bytes", () => {
  const raw = new Uint8Array(9);
  raw.set(bytesOf(new Float32Array([1.5, -2])), 1);
  assertEquals([...toF32(raw.subarray(1), "f32")], [1.5, -2]);
  raw.set(bytesOf(new Float16Array([1.5, -2, 3, 4])), 1);
  assertEquals([...toF32(raw.subarray(1), "f16")], [1.5, -2, 3, 4]);
});
