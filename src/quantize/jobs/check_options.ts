/**
 * What the options of quantizing may be, where no compiler has looked at them.
 *
 * @module
 */
import {
  BOOLEAN,
  checkOptions,
  FUNCTION,
  integer,
  type Kinds,
  number,
  oneOf,
  PATH,
  pathOf,
  required,
  SIGNAL,
  TEXT,
} from "../../base/options.ts";
import type { QuantizeOptions } from "./options.ts";

const KINDS: Kinds<QuantizeOptions> = {
  model: required(PATH),
  out: required(PATH),
  scheme: required(TEXT),
  method: TEXT,
  zeroPoints: oneOf(["none", "gptq", "awq"]),
  calibration: PATH,
  calibrationTexts: integer(1),
  calibrationTokens: integer(1),
  damping: number(0),
  actOrder: BOOLEAN,
  rotate: BOOLEAN,
  seed: integer(0),
  lmHead: oneOf(["w4a16", "w8a16"]),
  device: FUNCTION,
  threads: integer(0),
  onProgress: FUNCTION,
  signal: SIGNAL,
};

/** Options whose files are paths. */
export interface CheckedQuantizeOptions extends QuantizeOptions {
  /** See {@linkcode QuantizeOptions}. */
  readonly model: string;
  /** See {@linkcode QuantizeOptions}. */
  readonly out: string;
  /** See {@linkcode QuantizeOptions}. */
  readonly calibration?: string;
}

/** Checks `options`; throws an `ArgumentError` that names the one at fault. */
export function checkQuantizeOptions(options: QuantizeOptions): CheckedQuantizeOptions {
  const doing = "quantize";
  checkOptions(doing, options, KINDS);
  const { model, out, calibration } = options;
  return {
    ...options,
    model: pathOf(doing, "model", model),
    out: pathOf(doing, "out", out),
    calibration: calibration && pathOf(doing, "calibration", calibration),
  };
}
