import { assertEquals, assertThrows } from "@std/assert";
import { ArgumentError } from "../base/errors.ts";
import { byteLength, columns, isContiguous, reshape, rows, tensor } from "./tensor.ts";

const t = tensor(1000n, "f16", [4, 6]);

Deno.test("a tensor's rows are contiguous unless a stride is given", () => {
  assertEquals([t.rowStride, byteLength(t), isContiguous(t)], [6, 48, true]);
  assertEquals(tensor(0n, "i32", [5]).rowStride, 1);
  assertEquals(tensor(0n, "f32", [2, 3, 4]).rowStride, 12);
  const strided = tensor(0n, "f32", [2, 3], 5);
  assertEquals([byteLength(strided), isContiguous(strided)], [24, false]);
  assertEquals(isContiguous(tensor(0n, "f32", [1, 3], 5)), true);
});

Deno.test("rows and columns are views", () => {
  assertEquals(rows(t, 1, 3), { address: 1012n, dtype: "f16", shape: [2, 6], rowStride: 6 });
  const view = columns(t, 2, 4);
  assertEquals(view, { address: 1004n, dtype: "f16", shape: [4, 2], rowStride: 6 });
  assertEquals(rows(view, 3, 4).address, 1004n + 36n);
  assertEquals(rows(tensor(0n, "i32", [5]), 2, 5), tensor(8n, "i32", [3]));
  assertEquals(rows(tensor(0n, "f32", [2, 3, 4]), 1, 2).address, 48n);
});

Deno.test("a contiguous tensor takes another shape", () => {
  assertEquals(reshape(t, [2, 12]), tensor(1000n, "f16", [2, 12]));
  assertEquals(reshape(columns(rows(t, 0, 1), 2, 4), [2]), tensor(1004n, "f16", [2]));
});

Deno.test("what does not fit is refused", () => {
  const refused: [string, () => void][] = [
    ["Cannot make a tensor: the shape is [0, 2]", () => tensor(0n, "f16", [0, 2])],
    ["Cannot make a tensor: the shape is [1.5]", () => tensor(0n, "f16", [1.5])],
    ["Cannot make a tensor: the shape is []", () => tensor(0n, "f16", [])],
    ["the row stride is 2, expected at least 3", () => tensor(0n, "f16", [2, 3], 2)],
    ["Cannot view rows 2 to 5: expected a range within 0 to 4", () => rows(t, 2, 5)],
    ["Cannot view rows 2 to 2", () => rows(t, 2, 2)],
    ["Cannot view columns -1 to 2", () => columns(t, -1, 2)],
    ["the shape is [5], expected two dimensions", () => columns(tensor(0n, "i32", [5]), 0, 1)],
    ["Cannot reshape [4, 6] to [5, 5]", () => reshape(t, [5, 5])],
    ["the row stride is 6, expected contiguous rows of 2", () => reshape(columns(t, 0, 2), [8])],
  ];
  for (const [message, call] of refused) assertThrows(call, ArgumentError, message);
});
