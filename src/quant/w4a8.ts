/**
 * W4A8: 4-bit weights for 8-bit integer activations of one scale a row. QQQ and QoQ, with groups or without,
 * are data for this one scheme.
 *
 * @module
 */
import type { StoredW4A8 } from "../checkpoint/formats/stored_linear.ts";
import { gemmW4A8, w4a8Bytes, w4a8Pack } from "../ops/mod.ts";
import { asQuantized } from "./activation.ts";
import { loadBias, outputsOf } from "./f16.ts";
import { expectMultiple, type WeightLoader } from "./loader.ts";
import type { Scheme } from "./scheme.ts";
import { elementBytes, Stage } from "./staging.ts";

/** The scheme W4A8. */
export const w4a8: Scheme<StoredW4A8> = {
  kind: "w4a8",
  activationForm: "i8",
  bytes: ({ n, k, group }) => n * (k / 2 + (group > 0 ? 4 + 3 * (k / group) : 8)),
  scratch: () => 0,
  describe(stored) {
    expectMultiple(stored, "w4a8", 32);
    const { origin, groupSize } = stored;
    return `w4a8-${origin}${groupSize === -1 ? "" : `-g${groupSize}`}`;
  },
  load(loader, parts) {
    const { device } = loader;
    const [{ stored: { prefix, k, group } }] = parts;
    if (!parts.every(({ stored }) => stored.group === group)) return undefined;
    const n = outputsOf(parts);
    const bytes = w4a8Bytes(device, n, k, group);
    const weight = loader.arena.allocate("u8", [bytes], prefix);
    let at = 0;
    for (const { stored } of parts) {
      const staged = stage(loader, stored);
      const part = { nTotal: n, nOffset: at, n: stored.n };
      loader.behind(() => w4a8Pack(device, weight, { ...staged, ...part, k, group }));
      at += stored.n;
    }
    const bias = loadBias(loader, parts);
    return {
      n,
      k,
      bytes,
      activationForm: "i8",
      scratch: 0,
      queue(y, x, epilogue): void {
        gemmW4A8(device, y, asQuantized(x), weight, { n, k, group, bias, epilogue });
      },
    };
  },
};

/** The tensors of a stored layer, in staging memory. */
function stage(loader: WeightLoader, { weight, n, k, group, scales: read }: StoredW4A8) {
  const groups = group > 0 ? k / group : 0;
  const staged = new Stage(loader, elementBytes(weight, (n * k) / 2) + n * (8 + 3 * groups), 6);
  const qweight = staged.elements(weight, "i32", [k / 8, n], n, k);
  // While threads read the elements.
  const { scales, offsets, groupScales, groupZeros } = read();
  return {
    qweight,
    scales: staged.send("f32", [n], scales),
    offsets: offsets && staged.send("f32", [n], offsets),
    groupScales: groupScales && staged.send("f16", [groups, n], groupScales),
    groupZeros: groupZeros && staged.send("u8", [groups, n], groupZeros),
  };
}
