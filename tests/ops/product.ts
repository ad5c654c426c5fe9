/**
 * A product before the ops that tests look at, which on CUDA may leave its outputs in parts to them.
 *
 * @module
 */
import type { Tensor } from "../../src/device/mod.ts";
import { gemmF16, gemmW4A16, w4a16Bytes, w4a16Pack } from "../../src/ops/mod.ts";
import { Random } from "../random.ts";
import type { Activation, Rig } from "../rig.ts";

const GROUP = 128;

/** How its weights are stored. */
export type Scheme = "f16" | "w4a16";

/** What a product multiplies x with, f16 or four bits. */
export function product(rig: Rig, scheme: Scheme, dtype: Activation, n: number, k: number) {
  const { device } = rig;
  const random = new Random(n + k);
  if (scheme === "f16") {
    const w = rig.put(dtype, [n, k], random.normals(n * k, 1 / Math.sqrt(k)));
    return (y: Tensor, x: Tensor, bias?: Tensor) => gemmF16(device, y, x, w, { bias });
  }
  const words = Int32Array.from({ length: k / 8 * n }, (_, i) => Math.imul(i + 1, 0x9e3779b1));
  const w = rig.output("u8", [w4a16Bytes(device, n, k, GROUP)]).tensor;
  w4a16Pack(device, w, {
    ...{ n, k, group: GROUP, nTotal: n, nOffset: 0 },
    qweight: rig.put("i32", [k / 8, n], words),
    scales: rig.put("f16", [k / GROUP, n], random.normals(k / GROUP * n, 0.1 / Math.sqrt(k))),
  });
  return (y: Tensor, x: Tensor, bias?: Tensor) =>
    gemmW4A16(device, y, x, w, { n, k, group: GROUP, bias });
}
