/**
 * What the schemes of 8-bit weights share: one scale an output, one packed layout.
 *
 * @module
 */
import type { StoredW8 } from "../checkpoint/formats/stored_linear.ts";
import type { Device, Tensor } from "../device/mod.ts";
import { type QuantizedForm, w8Bytes, type W8Options, w8Pack } from "../ops/mod.ts";
import { loadBias, outputsOf } from "./f16.ts";
import { expectMultiple } from "./loader.ts";
import type { ActivationForm, Activations, Scheme } from "./scheme.ts";
import { elementBytes, Stage } from "./staging.ts";

/** A product with a packed 8-bit weight. */
export type W8Product = (
  device: Device,
  y: Tensor,
  x: Activations,
  weight: Tensor<"u8">,
  options: W8Options,
) => void;

/** The scheme of `kind`, whose weights are `dtype` and whose layers read `activationForm`. */
export function w8Scheme(
  kind: StoredW8["kind"],
  dtype: QuantizedForm,
  activationForm: ActivationForm,
  product: W8Product,
): Scheme<StoredW8> {
  return {
    kind,
    activationForm,
    bytes: ({ n, k }) => n * (k + 4),
    scratch: () => 0,
    describe(stored) {
      expectMultiple(stored, kind, 16);
      return kind;
    },
    load(loader, parts) {
      const { device } = loader;
      const [{ stored: { prefix, k } }] = parts;
      const n = outputsOf(parts);
      const bytes = w8Bytes(device, n, k);
      const weight = loader.arena.allocate("u8", [bytes], prefix);
      let at = 0;
      for (const { stored } of parts) {
        const scales = stored.scales();
        const staged = new Stage(
          loader,
          elementBytes(stored.weight, stored.n * k) + 4 * stored.n,
          3,
        );
        const weights = {
          nTotal: n,
          nOffset: at,
          qweight: staged.elements(stored.weight, dtype, [stored.n, k], stored.n, k),
          scales: staged.send("f32", [stored.n], scales),
          n: stored.n,
          k,
        };
        loader.behind(() => w8Pack(device, weight, weights));
        at += stored.n;
      }
      const bias = loadBias(loader, parts);
      return {
        n,
        k,
        bytes,
        activationForm,
        scratch: 0,
        queue(y, x, epilogue): void {
          product(device, y, x, weight, { n, k, bias, epilogue });
        },
      };
    },
  };
}
