/**
 * What would fit: well-known shapes in every scheme, by the plan that an engine goes by.
 *
 * @module
 */
import { MODEL_SHAPES } from "../../../checkpoint/synthetic/shapes.ts";
import { syntheticCheckpoint } from "../../../checkpoint/synthetic/synthetic.ts";
import {
  SYNTHETIC_FORMATS,
  type SyntheticScheme,
} from "../../../checkpoint/synthetic/synthetic_schemes.ts";
import type { Device } from "../../../device/mod.ts";
import { largestContext } from "../../../engine/mod.ts";
import { summarizeModel } from "../../../model/mod.ts";

/** How one model would fit. */
export interface Fit {
  /** Its shape, e.g. `llama-3-8b`. */
  readonly shape: string;
  /** How it is stored. */
  readonly scheme: SyntheticScheme;
  /** Bytes of its weights on a device. */
  readonly weightBytes: number;
  /** The longest text in tokens that memory has room for, whatever the model was made for; 0 where it does not fit. */
  readonly largestContext: number;
}

const SCHEMES = Object.keys(SYNTHETIC_FORMATS) as SyntheticScheme[];

/** All of them in `free` bytes of `device`, by shape. No weight is made up for it. */
export function fitsIn(device: Device, free: number): Fit[] {
  return Object.entries(MODEL_SHAPES).flatMap(([shape, config]) =>
    SCHEMES.map((scheme): Fit => {
      using checkpoint = syntheticCheckpoint(config, { scheme });
      const { weightBytes, needs } = summarizeModel(checkpoint);
      const planned = [{ role: "target", config, weightBytes, needs }];
      return { shape, scheme, weightBytes, largestContext: largestContext(planned, free, device) };
    })
  );
}
