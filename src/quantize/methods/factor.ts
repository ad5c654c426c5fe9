/**
 * How the errors of quantized inputs can be made up for by inputs that are not quantized yet.
 *
 * @module
 */
import { ArgumentError } from "../../base/errors.ts";
import { Arena, columns, type Device, reshape, rows, type Tensor } from "../../device/mod.ts";
import { gemmF32 } from "../../ops/mod.ts";
import { BlockMover, lowerProduct } from "./device_matrix.ts";
import { invertUpper, upperFactor } from "./triangular.ts";

/**
 * A symmetric positive matrix H as U D U^T with U unit upper triangular: in the loss e H e^T of errors e,
 * input i costs D_i (e_i + sum over j < i of e_j U_ji)^2, so the best value of input i, those before it
 * given, is w_i + sum over j < i of e_j U_ji. That is GPTQ's update in the form of arXiv 2307.13304: one
 * factorization and no inverse.
 */
export interface Factor extends Disposable {
  /** Where the shares are. */
  readonly device: Device;
  /** Inputs. */
  readonly k: number;
  /** U: row j says what inputs behind input j take of its error. f32 [k, k], undefined below the diagonal. */
  readonly shares: Tensor<"f32">;
  /**
   * The squares of {@link BLOCK} inputs along the diagonal, on the host and by what is taken: U_ji at i BLOCK +
   * j % BLOCK for j < i of the same square. f32 [k, BLOCK].
   */
  readonly nearShares: Float32Array<ArrayBuffer>;
  /** D, f32 [k]. */
  readonly costs: Float32Array<ArrayBuffer>;
}

/** Inputs that are worked on at once: the host does what is within them, the device what is not. */
export const BLOCK = 128;

/**
 * Factors H + damping mean(diag H) I, where `hessian` is f32 [k, k] and `order` says which input comes when.
 * Of the last inputs first: H = [A B^T; B D] and R R^T = D give G = R^-1 B, and what is left is A - G^T G. The
 * lower triangle of a matrix on the device shrinks while U grows in the upper one.
 * An ArgumentError where H holds a number that is not finite.
 */
export function factorize(
  device: Device,
  hessian: Float32Array,
  k: number,
  damping: number,
  order?: Int32Array,
): Factor {
  const damp = dampOf(hessian, k, damping);
  using owned = new DisposableStack();
  const arena = owned.use(new Arena(device, "Hessian"));
  const matrix = arena.allocate("f32", [k, k]);
  upload(device, matrix, hessian, damp, order);
  const nearShares = new Float32Array(k * BLOCK);
  const costs = new Float32Array(k);
  const most = Math.min(BLOCK, k);
  using scratch = new Arena(device, "factoring");
  using mover = new BlockMover(device, most, most);
  const small = scratch.allocate("f32", [most * most]);
  const wide = scratch.allocate("f32", [most, k]);
  const block = new Float32Array(most * most);
  const square = (values: Float64Array, size: number): Tensor<"f32"> => {
    const placed = reshape(rows(small, 0, size * size), [size, size]);
    device.upload(placed, Float32Array.from(values));
    return placed;
  };
  for (let start = (Math.ceil(k / BLOCK) - 1) * BLOCK; start >= 0; start -= BLOCK) {
    const size = Math.min(BLOCK, k - start);
    const own = rows(matrix, start, start + size);
    const near = columns(own, start, start + size);
    mover.download(near, block);
    const r = Float64Array.from(block.subarray(0, size * size));
    const bad = upperFactor(r, size);
    if (bad >= 0) {
      const input = order?.[start + bad] ?? start + bad;
      throw new ArgumentError(
        "hessian",
        `Cannot factor a Hessian: it is not positive at input ${input}; use more damping`,
      );
    }
    const u = new Float32Array(size * size);
    const inverseSizes = new Float64Array(size * size);
    for (let i = 0; i < size; i++) {
      const length = r[i * size + i];
      costs[start + i] = length * length;
      inverseSizes[i * size + i] = 1 / length;
      for (let j = 0; j <= i; j++) u[j * size + i] = r[j * size + i] / length;
      for (let j = 0; j < i; j++) nearShares[(start + i) * BLOCK + j] = u[j * size + i];
    }
    mover.upload(near, u);
    if (start === 0) break;
    const g = columns(rows(wide, 0, size), 0, start);
    gemmF32(device, g, square(invertUpper(r, size), size), columns(own, 0, start));
    const before = rows(matrix, 0, start);
    gemmF32(device, columns(before, start, start + size), g, square(inverseSizes, size), {
      transposed: true,
    });
    lowerProduct(device, columns(before, 0, start), g, "subtract");
  }
  const kept = owned.move();
  return { device, k, shares: matrix, nearShares, costs, [Symbol.dispose]: () => kept.dispose() };
}

/**
 * What {@link factorize} adds to the diagonal of a Hessian f32 [k, k]. An ArgumentError where its mean is not
 * finite.
 */
export function dampOf(hessian: Float32Array, k: number, damping: number): number {
  let mean = 0;
  for (let i = 0; i < k; i++) mean += hessian[i * k + i] / k;
  if (!(mean < Infinity)) {
    throw new ArgumentError("hessian", `Cannot factor a Hessian: its mean diagonal is ${mean}`);
  }
  return mean > 0 ? damping * mean : 1;
}

/** Brings H onto the device, damped and in order, some rows at a time: a second one may not fit into memory. */
function upload(
  device: Device,
  matrix: Tensor<"f32">,
  hessian: Float32Array,
  damp: number,
  order: Int32Array | undefined,
): void {
  const k = matrix.shape[1];
  const some = new Float32Array(Math.min(BLOCK, k) * k);
  for (let start = 0; start < k; start += BLOCK) {
    const count = Math.min(BLOCK, k - start);
    for (let i = 0; i < count; i++) {
      const from = (order?.[start + i] ?? start + i) * k;
      const row = some.subarray(i * k, (i + 1) * k);
      if (order === undefined) row.set(hessian.subarray(from, from + k));
      else for (let j = 0; j < k; j++) row[j] = hessian[from + order[j]];
      row[start + i] += damp;
    }
    device.upload(rows(matrix, start, start + count), some.subarray(0, count * k));
  }
}
