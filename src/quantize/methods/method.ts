/**
 * How codes are chosen: what is done to a layer first, and what to each of its weights.
 *
 * @module
 */
import { ArgumentError } from "../../base/errors.ts";

/** A method, as a combination of independent parts. */
export interface Method {
  /** Its name. */
  readonly name: string;
  /** What it does, in a few words. */
  readonly summary: string;
  /** Whether scales move from activations into weights before anything is quantized. */
  readonly smooth: boolean;
  /** Whether inputs make up for each other's errors; else each weight is rounded. */
  readonly gptq: boolean;
  /** Whether it looks at a model's activations. */
  readonly calibrated: boolean;
}

/** All methods. */
export const METHODS: readonly Method[] = [
  {
    name: "rtn",
    summary: "round to nearest, the clipping of each group searched; reads no calibration text",
    smooth: false,
    gptq: false,
    calibrated: false,
  },
  {
    name: "clip",
    summary: "the same, the search weighted by how active inputs are (as AWQ's)",
    smooth: false,
    gptq: false,
    calibrated: true,
  },
  {
    name: "gptq",
    summary: "inputs make up for the errors of those before them",
    smooth: false,
    gptq: true,
    calibrated: true,
  },
  {
    name: "smooth",
    summary: "scales moved between activations and weights (SmoothQuant, AWQ), then as clip",
    smooth: true,
    gptq: false,
    calibrated: true,
  },
  {
    name: "smooth-gptq",
    summary: "scales moved, then as gptq (QQQ)",
    smooth: true,
    gptq: true,
    calibrated: true,
  },
];

/** The method of a name. An ArgumentError lists the known ones. */
export function findMethod(name: string): Method {
  const found = METHODS.find((method) => method.name === name);
  if (found !== undefined) return found;
  throw new ArgumentError(
    "method",
    `Cannot quantize: the method is "${name}", expected one of ${
      METHODS.map((method) => method.name).join(", ")
    }`,
  );
}
