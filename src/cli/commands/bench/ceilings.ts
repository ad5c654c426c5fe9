/**
 * What the device can do at most: read, copy, multiply.
 *
 * @module
 */
import { Arena, type Device, reshape, rows, type Tensor } from "../../../device/mod.ts";
import { checksum, copy, fill, gemmF16 } from "../../../ops/mod.ts";
import type { BenchTable } from "./bench.ts";
import { rate } from "./figure.ts";
import type { Samples } from "./samples.ts";
import { timeQueued } from "./timing.ts";

const MiB = 2 ** 20;

/** Sizes of the ceilings, far beyond caches; less where memory is short. */
interface Sizes {
  readonly readBytes: number;
  readonly copyBytes: number;
  readonly matrix: number;
}

function sizes(device: Device): Sizes {
  const [read, half, matrix] = device.backend === "cuda"
    ? [4096 * MiB, 2048 * MiB, 8192]
    : [512 * MiB, 256 * MiB, 512];
  const most = Math.floor(device.memory().free / (4 * MiB)) * MiB;
  return {
    readBytes: Math.min(read, Math.max(most, MiB)),
    copyBytes: Math.min(half, Math.max(most, MiB)),
    matrix,
  };
}

/** Times one read of a large buffer. */
export function measureRead(device: Device, runs: number): { samples: Samples; bytes: number } {
  const bytes = sizes(device).readBytes;
  using arena = new Arena(device, "read ceiling");
  const src = arena.allocate("u8", [bytes], "source");
  const out = arena.allocate("u64", [1], "sum");
  fill(device, src, 0x5a);
  return { samples: timeQueued(device, runs, () => checksum(device, out, src)), bytes };
}

function measureCopy(device: Device, runs: number): { samples: Samples; bytes: number } {
  const bytes = sizes(device).copyBytes;
  using arena = new Arena(device, "copy ceiling");
  const [src, dst] = ["source", "copy"].map((label) => arena.allocate("u8", [bytes], label));
  fill(device, src, 0x5a);
  return { samples: timeQueued(device, runs, () => copy(device, dst, src)), bytes: 2 * bytes };
}

/** Fills `out`, f16, with numbers between 0.5 and 1 in size: zeros would let a device run faster. */
function fillRandom(device: Device, out: Tensor): void {
  const flat = reshape(out, [out.shape[0] * out.shape[1]]);
  const block = new Uint32Array(Math.min(flat.shape[0], 2 ** 22) / 2);
  let state = 0x9e3779b9;
  for (let i = 0; i < block.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    block[i] = (state & 0x83ff83ff) | 0x38003800;
  }
  const step = block.length * 2;
  for (let at = 0; at < flat.shape[0]; at += step) {
    device.upload(rows(flat, at, at + step), block);
  }
}

function measureMatrix(device: Device, runs: number): { samples: Samples; size: number } {
  const size = sizes(device).matrix;
  using arena = new Arena(device, "matrix ceiling");
  const [x, w, y] = ["x", "w", "y"].map((label) => arena.allocate("f16", [size, size], label));
  fillRandom(device, x);
  fillRandom(device, w);
  return { samples: timeQueued(device, runs, () => gemmF16(device, y, x, w)), size };
}

/** The table `ceilings`. */
export const ceilings: BenchTable = {
  name: "ceilings",
  summary: "what the device reads, copies and multiplies at most",
  once: true,
  *measure({ device, runs, read, progress }) {
    progress("ceilings", 0, 2);
    const copied = measureCopy(device, runs);
    progress("ceilings", 1, 2);
    const matrix = measureMatrix(device, runs);
    yield {
      table: "ceilings",
      subject: "device",
      notes: [
        `read: a sum over ${read.bytes / MiB} MiB; copy: bytes read and written; ` +
        `matrix: a product of two f16 matrices of ${matrix.size} x ${matrix.size}, ` +
        "accumulated in f32",
      ],
      figures: [
        rate("read", read.samples, read.bytes, "GB/s"),
        rate("copy", copied.samples, copied.bytes, "GB/s"),
        rate("matrix", matrix.samples, 2 * matrix.size ** 3, "TFLOP/s", 1e12),
      ],
    };
  },
};
