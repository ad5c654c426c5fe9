/**
 * W4A16: 4-bit weights with a scale, and maybe a zero point, for each group of inputs; 16-bit activations.
 *
 * @module
 */
import type { StoredW4A16 } from "../checkpoint/formats/stored_linear.ts";
import { type Tensor, view } from "../device/mod.ts";
import { gatherColumns, gemmW4A16, w4a16Bytes, w4a16Pack } from "../ops/mod.ts";
import { asRows } from "./activation.ts";
import { loadBias, outputsOf } from "./f16.ts";
import { expectMultiple, type WeightLoader } from "./loader.ts";
import type { Scheme } from "./scheme.ts";
import { elementBytes, Stage } from "./staging.ts";

function sameOrder(a: Int32Array | undefined, b: Int32Array | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.length === b.length && a.every((value, i) => value === b[i]);
}

/** The tensors of a stored layer, in staging memory. */
function stage(
  loader: WeightLoader,
  { weight, n, k, groups, scales: read }: StoredW4A16,
  asymmetric: boolean,
): { qweight: Tensor<"i32">; scales: Tensor<"f16">; zeros?: Tensor<"u8"> } {
  const staged = new Stage(loader, elementBytes(weight, (n * k) / 2) + 3 * groups * n, 4);
  const qweight = staged.elements(weight, "i32", [k / 8, n], n, k);
  // While threads read the elements.
  const { scales, zeros } = read();
  return {
    qweight,
    scales: staged.send("f16", [groups, n], scales),
    ...(asymmetric && {
      zeros: staged.send("u8", [groups, n], zeros ?? new Uint8Array(groups * n).fill(8)),
    }),
  };
}

/** The scheme W4A16, any group size, symmetric or not. */
export const w4a16: Scheme<StoredW4A16> = {
  kind: "w4a16",
  activationForm: "rows",
  bytes: ({ n, k, groups, asymmetric }) => n * (k / 2 + (asymmetric ? 3 : 2) * groups),
  // Activations are gathered where inputs were reordered.
  scratch: ({ order, k }) => order === undefined ? 0 : 2 * k,
  describe(stored) {
    expectMultiple(stored, "w4a16", 8);
    const { groupSize, asymmetric } = stored;
    return `w4a16-${groupSize === -1 ? "channel" : `g${groupSize}`}${asymmetric ? "-asym" : ""}`;
  },
  load(loader, parts) {
    const { device } = loader;
    const [{ stored: { prefix, k, group, order } }] = parts;
    const alike = parts.every(({ stored }) =>
      stored.group === group && sameOrder(stored.order, order)
    );
    if (!alike) return undefined;
    const n = outputsOf(parts);
    const asymmetric = parts.some(({ stored }) => stored.asymmetric);
    const zeros = asymmetric ? "points" : "none";
    const bytes = w4a16Bytes(device, n, k, group, zeros);
    const weight = loader.arena.allocate("u8", [bytes], prefix);
    const permutation = order && loader.arena.fromHost("i32", [k], order);
    let at = 0;
    for (const { stored } of parts) {
      const staged = stage(loader, stored, asymmetric);
      const part = { nTotal: n, nOffset: at, n: stored.n };
      loader.behind(() =>
        w4a16Pack(device, weight, { ...staged, ...part, order: permutation, k, group })
      );
      at += stored.n;
    }
    const bias = loadBias(loader, parts);
    return {
      n,
      k,
      bytes,
      activationForm: "rows",
      scratch: permutation ? 2 * k : 0,
      queue(y, x, epilogue, scratch): void {
        let rows = asRows(x);
        if (permutation) {
          const gathered = view(scratch!, rows.dtype, rows.shape);
          gatherColumns(device, gathered, rows, permutation);
          rows = gathered;
        }
        gemmW4A16(device, y, rows, weight, { n, k, group, zeros, bias, epilogue });
      },
    };
  },
};
