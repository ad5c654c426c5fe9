/**
 * Linear layers of compressed-tensors checkpoints (llm-compressor).
 *
 * Of 4 bits per layer: `weight_packed` i32 [n, k/8], value + 8, the lowest bits the first input; `weight_scale`
 * [n, k/g]; `weight_shape` [2]; where asymmetric `weight_zero_point` i32 [n/8, k/g], the lowest bits the first
 * output; where inputs were reordered `weight_g_idx` i32 [k]. Of 8 bits packed: `weight_packed` i32 [n, k/4], value
 * + 128. Of 8 bits unpacked: `weight` i8 or e4m3 [n, k]; `weight_scale` [n, 1].
 *
 * @module
 */
import { CheckpointError } from "../../base/errors.ts";
import type { DType } from "../../base/dtype.ts";
import {
  type CompressedLayer,
  compressedLayer,
  type CompressedTensorsConfig,
  parseCompressedTensors,
} from "./compressed_tensors_config.ts";
import { expectFloat, expectTensor, readScales, readScalesF16, readWords } from "./expect.ts";
import type { Format } from "./format.ts";
import { readOrder } from "./group_order.ts";
import type { TensorSource } from "../containers/source.ts";
import type { ElementLayout, LinearShape, StoredW4A16, StoredW8 } from "./stored_linear.ts";
import { unpackZeros } from "./zero_points.ts";

/** The format of llm-compressor. */
export const compressedTensors: Format<CompressedTensorsConfig> = {
  parse: parseCompressedTensors,
  linear(source, shape, config) {
    const layer = compressedLayer(config, shape.prefix);
    if (layer === undefined) return undefined;
    if (layer.kind === "w4a16") return packed4(source, shape, layer);
    if (layer.kind === "w8a16") {
      checkShape(source, shape);
      return stored8(source, shape, layer.kind, "weight_packed", "i32", shape.k / 4, "rows8");
    }
    const dtype = layer.kind === "fp8" ? "f8_e4m3" : "i8";
    return stored8(source, shape, layer.kind, "weight", dtype, shape.k, "plain");
  },
};

function stored8(
  source: TensorSource,
  { prefix, n, k }: LinearShape,
  kind: StoredW8["kind"],
  part: string,
  dtype: DType,
  width: number,
  layout: ElementLayout,
): StoredW8 {
  const [weight, scale] = [`${prefix}.${part}`, `${prefix}.weight_scale`];
  expectTensor(source, weight, [dtype], [n, width]);
  expectFloat(source, scale, [n, 1]);
  return {
    kind,
    prefix,
    n,
    k,
    weight: { tensor: weight, layout },
    scales: () => readScales(source, scale, [n, 1]),
  };
}

function packed4(
  source: TensorSource,
  shape: LinearShape,
  { groupSize, symmetric, reordered }: CompressedLayer & { readonly kind: "w4a16" },
): StoredW4A16 {
  const { prefix, n, k } = shape;
  const [weight, scale, zero, index] = ["packed", "scale", "zero_point", "g_idx"].map((part) =>
    `${prefix}.weight_${part}`
  );
  const group = groupSize === -1 ? k : groupSize;
  const groups = Math.ceil(k / group);
  const words = Math.ceil(n / 8);
  expectTensor(source, weight, ["i32"], [n, k / 8]);
  expectFloat(source, scale, [n, groups]);
  checkShape(source, shape);
  if (!symmetric) expectTensor(source, zero, ["i32"], [words, groups]);
  // Without that order, the tensor may be there all the same, filled with -1.
  const order = reordered ? readOrder(source, index, k, group) : undefined;
  return {
    kind: "w4a16",
    prefix,
    n,
    k,
    group,
    groups,
    groupSize,
    weight: { tensor: weight, layout: "rows" },
    asymmetric: !symmetric,
    ...(order && { order }),
    scales() {
      const stored = readScalesF16(source, scale, [n, groups], "any");
      const scales = new Float16Array(transpose(stored, n, groups));
      if (symmetric) return { scales };
      const rows = new Uint32Array(
        transpose(readWords(source, zero, [words, groups]), words, groups),
      );
      return { scales, zeros: unpackZeros(rows, groups, n) ?? new Uint8Array(groups * n).fill(8) };
    },
  };
}

/** The shape before packing must be the layer's. */
function checkShape(source: TensorSource, { prefix, n, k }: LinearShape): void {
  const name = `${prefix}.weight_shape`;
  const { dtype, file } = expectTensor(source, name, ["i64", "i32"], [2]);
  const { buffer } = source.read(name);
  const found = dtype === "i64"
    ? [...new BigInt64Array(buffer)].map(Number)
    : [...new Int32Array(buffer)];
  if (found[0] === n && found[1] === k) return;
  throw new CheckpointError(file, `it is [${found.join(", ")}], expected [${n}, ${k}]`, name);
}

/** The elements of [rows, columns] as [columns, rows]. */
function transpose(values: ArrayLike<number>, rows: number, columns: number): number[] {
  return Array.from(
    { length: rows * columns },
    (_, i) => values[(i % rows) * columns + Math.floor(i / rows)],
  );
}
