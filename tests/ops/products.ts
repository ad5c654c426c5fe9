/**
 * What the tests of products share: one product with every epilogue, and rows that do not depend on the
 * rows beside them.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Tensor } from "../../src/device/mod.ts";
import { MAX_TREE_ROWS, type ProductOptions } from "../../src/ops/mod.ts";
import { Random } from "../random.ts";
import { type Activation, assertClose, inPieces, type Rig } from "../rig.ts";

/** A product to check. */
export interface Product {
  /** Rows. */
  readonly m: number;
  /** Outputs. */
  readonly n: number;
  /** The dtype of y where it is stored, and of the bias. */
  readonly dtype: Activation;
  /** What x w^T is, in f64, [m, n]. */
  readonly expected: Float64Array;
  /** Which rows may meet weights rounded to `dtype` on CUDA: a prompt's, or all. */
  readonly rounded?: "prompts" | "always";
  /** Names the sizes. */
  readonly what: string;
  /** Runs it. */
  run(y: Tensor, options: ProductOptions): void;
}

/** Checks a product with every epilogue, with and without bias, with gaps between the rows of y. */
export function checkProduct(rig: Rig, product: Product): void {
  const { m, n, dtype, expected, what, run } = product;
  const random = new Random(m + n);
  const bias = rig.put(dtype, [n], random.normals(n));
  const added = rig.get(bias);
  const biased = expected.map((value, i) => value + added[i % n]);
  const gpu = rig.device.backend !== "cpu";
  const always = gpu && product.rounded === "always";
  const wide = always || gpu && product.rounded && m > MAX_TREE_ROWS ? dtype : "f32";
  // Weights are rounded, and then what comes of them.
  const close = (out: Float64Array, ref: Float64Array, as: Activation | "f32", form: string) =>
    assertClose(out, ref, as, `${what}, ${form}`, always ? 2 : 1);

  const y = rig.output(dtype, [m, n], n + 5);
  run(y.tensor, { bias });
  close(y.values(), biased, dtype, "stored");
  const bare = rig.output(dtype, [m, n]);
  run(bare.tensor, {});
  close(bare.values(), expected, dtype, "stored without bias");

  const logits = rig.output("f32", [m, n], n + 1);
  run(logits.tensor, { epilogue: "logits" });
  close(logits.values(), expected, wide, "logits");
  const biasedLogits = rig.output("f32", [m, n]);
  run(biasedLogits.tensor, { bias, epilogue: "logits" });
  close(biasedLogits.values(), biased, wide, "logits with bias");

  const before = random.normals(m * n).map(Math.fround);
  const residual = rig.output("f32", [m, n]).set(before);
  run(residual.tensor, { bias, epilogue: "residual" });
  const sum = biased.map((value, i) => value + before[i]);
  close(residual.values(), sum, wide, "residual");
}

/** First row and number of rows: alone, beside others, and across the edges of tiles. */
const PARTS = [[0, 1], [129, 1], [5, 2], [3, 7], [11, 10], [50, 30], [65, 64], [64, 60]];

/** Checks that up to 64 rows of 130 have the same bits alone and in any company. `run` takes rows. */
export function checkInvariance(
  rig: Rig,
  n: number,
  what: string,
  run: (y: Tensor<"f32">, from: number, to: number) => void,
): void {
  const expected = inPieces(rig, 130, n, run);
  for (const [start, m] of PARTS) {
    const part = rig.output("f32", [m, n]);
    run(part.tensor, start, start + m);
    const of = expected.slice(start * n * 4, (start + m) * n * 4);
    assertEquals(part.bytes(), of, `rows ${start} to ${start + m} of ${what}`);
  }
}
