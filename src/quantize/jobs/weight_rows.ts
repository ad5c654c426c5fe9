/**
 * The weights of a linear layer that is on a device, however they are stored there.
 *
 * @module
 */
import type { ActivationDType } from "../../base/dtype.ts";
import { Arena, type Device, rows } from "../../device/mod.ts";
import type { Linear } from "../../quant/mod.ts";
import { encodeFloats } from "./tensors.ts";

/** Rows of the identity that are multiplied at once. */
const AT_ONCE = 64;

/**
 * What `linear`, which reads rows, makes of the rows of the identity: the weights of its `outputs`, all where absent, f32
 * [outputs, k].
 */
export function weightRows(
  device: Device,
  dtype: ActivationDType,
  linear: Linear,
  outputs?: ArrayLike<number>,
): Float32Array<ArrayBuffer> {
  const { n, k, scratch } = linear;
  const wanted = outputs ?? Int32Array.from({ length: n }, (_, i) => i);
  const table = new Float32Array(wanted.length * k);
  using arena = new Arena(device, "identity");
  const most = Math.min(AT_ONCE, k);
  const x = arena.allocate(dtype, [most, k], "rows");
  const y = arena.allocate("f32", [most, n], "products");
  const memory = scratch === 0 ? undefined : arena.allocate("u8", [most * scratch], "scratch");
  for (let at = 0; at < k; at += most) {
    const count = Math.min(most, k - at);
    const identity = new Float32Array(count * k);
    for (let i = 0; i < count; i++) identity[i * k + at + i] = 1;
    device.upload(rows(x, 0, count), encodeFloats(identity, dtype));
    linear.queue(rows(y, 0, count), rows(x, 0, count), "logits", memory);
    const products = new Float32Array(device.download(rows(y, 0, count)).buffer);
    for (let i = 0; i < count; i++) {
      for (let j = 0; j < wanted.length; j++) table[j * k + at + i] = products[i * n + wanted[j]];
    }
  }
  return table;
}
