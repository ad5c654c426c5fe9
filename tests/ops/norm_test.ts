import { assertEquals, assertThrows } from "@std/assert";
import { ArgumentError } from "../../src/base/errors.ts";
import { columns, rows } from "../../src/device/mod.ts";
import { convert, rmsNorm, widen } from "../../src/ops/mod.ts";
import { backendTest } from "../backends.ts";
import { decode, encode } from "../half.ts";
import { Random } from "../random.ts";
import { rmsNorm as reference } from "../reference/ops.ts";
import { assertClose } from "../rig.ts";

const WIDTHS = [8, 24, 100, 384, 1000, 1016, 4096];

for (const dtype of ["f16", "bf16"] as const) {
  backendTest(`rmsNorm ${dtype} norms rows, with gaps between those of the output`, (rig) => {
    for (const width of WIDTHS) {
      for (const m of [1, 7, 65]) {
        const random = new Random(width + m);
        const x = rig.put("f32", [m, width], random.normals(m * width, 3));
        const weight = rig.put(dtype, [width], random.normals(width));
        const out = rig.output(dtype, [m, width], width + 16);
        rmsNorm(rig.device, out.tensor, x, weight, 1e-5);
        const expected = reference(rig.get(x), rig.get(weight), 1e-5);
        assertClose(out.values(), expected, dtype, `m ${m}, width ${width}`);
      }
    }
  });

  backendTest(`rmsNorm ${dtype} gives a row the same bits among any number of rows`, (rig) => {
    for (const width of [100, 384, 1016]) {
      const random = new Random(width);
      const x = rig.put("f32", [60, width], random.normals(60 * width));
      const weight = rig.put(dtype, [width], random.normals(width));
      const all = rig.output(dtype, [60, width]);
      rmsNorm(rig.device, all.tensor, x, weight, 1e-6);
      for (const [start, m] of [[59, 1], [5, 2], [3, 7], [11, 10], [30, 30]]) {
        const part = rig.output(dtype, [m, width]);
        rmsNorm(rig.device, part.tensor, rows(x, start, start + m), weight, 1e-6);
        const of = all.bytes().slice(start * width * 2, (start + m) * width * 2);
        assertEquals(part.bytes(), of, `rows ${start} to ${start + m}, width ${width}`);
      }
    }
  });

  backendTest(`convert ${dtype} rounds to nearest, ties to even`, (rig) => {
    const special = [
      0,
      -0,
      1,
      -1,
      65504,
      65519,
      65520,
      1e30,
      Infinity,
      -Infinity,
      6e-8,
      2e-8,
      1e-40,
    ];
    const ties = [1 + 2 ** -11, 1 + 3 * 2 ** -11, 1 + 2 ** -8, 1 + 3 * 2 ** -8, 1 + 2 ** -9];
    for (const width of [8, 24, 33, 1000]) {
      const random = new Random(width);
      const values = random.normals(3 * width, 10);
      values.set([...special, ...ties].slice(0, width));
      const x = rig.put("f32", [3, width], values);
      const out = rig.output(dtype, [3, width], width + 1);
      convert(rig.device, out.tensor, x);
      const bits = encode(dtype, rig.get(x));
      const expected = decode(dtype, new Uint8Array(bits.buffer));
      assertEquals(out.values(), expected, `width ${width}`);
    }
  });
}

for (const dtype of ["f16", "bf16"] as const) {
  backendTest(`widen ${dtype} gives the same numbers, from rows with gaps`, (rig) => {
    for (const width of [8, 24, 33, 1000]) {
      for (const gap of [0, 1, 8]) {
        const stride = width + gap;
        const values = new Random(width).normals(5 * stride, 10);
        const x = columns(rig.put(dtype, [5, stride], values), 0, width);
        const out = rig.output("f32", [5, width]);
        widen(rig.device, out.tensor, x);
        const rounded = decode(dtype, new Uint8Array(encode(dtype, values).buffer));
        const expected = rounded.filter((_, i) => i % stride < width);
        assertEquals(out.values(), expected, `width ${width}, gap ${gap}`);
      }
    }
  });
}

backendTest("rmsNorm, convert and widen refuse what does not fit, naming the argument", (rig) => {
  const { device } = rig;
  const x = rig.put("f32", [2, 16], new Float32Array(32));
  const weight = rig.put("f16", [16], new Float32Array(16));
  const out = rig.output("f16", [2, 16]).tensor;
  const refused: [string, () => void][] = [
    ["rmsNorm: x is f16, expected f32", () => rmsNorm(device, out, out, weight, 1e-5)],
    ["rmsNorm: weight has shape [8]", () => rmsNorm(device, out, x, rows(weight, 0, 8), 1e-5)],
    ["rmsNorm: out is f32, expected f16", () => rmsNorm(device, x, x, weight, 1e-5)],
    ["rmsNorm: eps is -1, expected a number from 0", () => rmsNorm(device, out, x, weight, -1)],
    ["rmsNorm: eps is NaN", () => rmsNorm(device, out, x, weight, NaN)],
    ["convert: out has shape [1, 16], expected [2, 16]", () => convert(device, rows(out, 0, 1), x)],
    ["convert: out is f32, expected f16 or bf16", () => convert(device, x, x)],
    ["widen: x is f32, expected f16 or bf16", () => widen(device, x, x)],
    ["widen: out has shape [1, 16], expected [2, 16]", () => widen(device, rows(x, 0, 1), out)],
  ];
  for (const [message, call] of refused) {
    assertThrows(call, ArgumentError, `Cannot run ${message}`);
  }
});
