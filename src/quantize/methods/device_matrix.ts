/**
 * Matrices on a device, as the quantizers work on them: in blocks.
 *
 * @module
 */
import { elements } from "../../base/shape.ts";
import { Arena, columns, type Device, reshape, rows, type Tensor } from "../../device/mod.ts";
import { gatherRows, gemmF32, type Update } from "../../ops/mod.ts";

/** Rows of a symmetric product that are made at once: what lies beyond their diagonal is left out. */
const BAND = 512;

/**
 * The lower triangle of `y` = x^T x, or y plus or minus that: `x` f32 [m, k], `y` f32 [k, k]. Some of what is
 * above the diagonal is written too.
 */
export function lowerProduct(
  device: Device,
  y: Tensor<"f32">,
  x: Tensor<"f32">,
  update: Update,
): void {
  const k = x.shape[1];
  for (let start = 0; start < k; start += BAND) {
    const end = Math.min(start + BAND, k);
    const band = columns(rows(y, start, end), 0, end);
    const options = { update, transposed: true };
    gemmF32(device, band, columns(x, start, end), columns(x, 0, end), options);
  }
}

/** Moves blocks of matrices between host and device, where their rows lie apart. */
export class BlockMover implements Disposable {
  readonly #device: Device;
  readonly #arena: Arena;
  readonly #staging: Tensor<"f32">;
  readonly #each: Tensor<"i32">;

  /** For blocks of up to `height` rows and `width` columns. */
  constructor(device: Device, height: number, width: number) {
    this.#device = device;
    this.#arena = new Arena(device, "blocks");
    try {
      this.#staging = this.#arena.allocate("f32", [height * width]);
      const each = Int32Array.from({ length: height }, (_, i) => i);
      this.#each = this.#arena.fromHost("i32", [height], each);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** The values of a block, row after row, to the beginning of `into`. */
  download(block: Tensor<"f32">, into: Float32Array): void {
    const staged = this.#staged(block);
    gatherRows(this.#device, staged, block, rows(this.#each, 0, block.shape[0]));
    this.#device.downloadInto(into.subarray(0, elements(block.shape)), staged);
  }

  /** Gives a block values, row after row. */
  upload(block: Tensor<"f32">, values: Float32Array): void {
    const staged = this.#staged(block);
    this.#device.upload(staged, values);
    gatherRows(this.#device, block, staged, rows(this.#each, 0, block.shape[0]));
  }

  /** Frees the device's part. */
  [Symbol.dispose](): void {
    this.#arena[Symbol.dispose]();
  }

  #staged({ shape }: Tensor<"f32">): Tensor<"f32"> {
    return reshape(rows(this.#staging, 0, shape[0] * shape[1]), shape);
  }
}
