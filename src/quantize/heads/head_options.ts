/**
 * What quantizing a head is asked to do.
 *
 * @module
 */
import { checkOptions, type Kinds, oneOf, PATH, pathOf, required } from "../../base/options.ts";
import { SHARED_KINDS } from "../jobs/check_options.ts";
import type { QuantizeOptions } from "../jobs/options.ts";
import type { HeadScheme } from "../jobs/output_projection.ts";

/** How the output projection of a head is stored: in a scheme of its own, or as it is. */
export type HeadOutput = HeadScheme | "f16";

/** What {@link quantizeHead} is asked to do. */
export interface QuantizeHeadOptions
  extends Omit<QuantizeOptions, "model" | "rotate" | "seed" | "lmHead"> {
  /** Directory of the head, not quantized: a path or a `file:` URL, like the others. */
  readonly head: string | URL;
  /** The model that it drafts for, as it will: quantized, if that is how it runs. A directory or a GGUF file. */
  readonly target: string | URL;
  /**
   * How its output projection is stored: in the scheme of the others where absent; `f16` as it is, and where it is the target's
   * it stays that.
   */
  readonly lmHead?: HeadOutput;
}

const KINDS: Kinds<QuantizeHeadOptions> = {
  ...SHARED_KINDS,
  head: required(PATH),
  target: required(PATH),
  lmHead: oneOf(["w4a16", "w8a16", "f16"]),
};

/** Options whose files are paths. */
export interface CheckedHeadOptions extends QuantizeHeadOptions {
  /** See {@linkcode QuantizeHeadOptions}. */
  readonly head: string;
  /** See {@linkcode QuantizeHeadOptions}. */
  readonly target: string;
  /** See {@linkcode QuantizeHeadOptions}. */
  readonly out: string;
  /** See {@linkcode QuantizeHeadOptions}. */
  readonly calibration?: string;
}

/** Checks `options`; throws an `ArgumentError` that names the one at fault. */
export function checkHeadOptions(options: QuantizeHeadOptions): CheckedHeadOptions {
  const doing = "quantize a head";
  checkOptions(doing, options, KINDS);
  const { head, target, out, calibration } = options;
  return {
    ...options,
    head: pathOf(doing, "head", head),
    target: pathOf(doing, "target", target),
    out: pathOf(doing, "out", out),
    calibration: calibration && pathOf(doing, "calibration", calibration),
  };
}
