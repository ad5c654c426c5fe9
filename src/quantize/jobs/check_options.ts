/**
 * What the options of quantizing may be, where no compiler has looked at them, and which would do nothing.
 *
 * @module
 */
import { ArgumentError } from "../../base/errors.ts";
import { MAX_I32 } from "../../base/i32.ts";
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
import { INPUT_ORDERS } from "../methods/gptq.ts";
import type { Method } from "../methods/method.ts";
import type { QuantizeOptions } from "./options.ts";

/** The scheme of copies that are only rotated. */
export const UNQUANTIZED = "f16";

/** Seeds below this give rotations of their own: four streams of numbers are drawn from each. */
const SEEDS = 2 ** 30;

/** What quantizing a model and quantizing a head are told alike. */
export const SHARED_KINDS: Kinds<Omit<QuantizeOptions, "model" | "rotate" | "seed" | "lmHead">> = {
  out: required(PATH),
  scheme: required(TEXT),
  method: TEXT,
  zeroPoints: oneOf(["none", "gptq", "awq"]),
  calibration: PATH,
  calibrationTexts: integer(1, MAX_I32),
  calibrationTokens: integer(1, MAX_I32),
  damping: number(0, 1),
  order: oneOf(INPUT_ORDERS),
  device: FUNCTION,
  threads: integer(0, MAX_I32),
  onProgress: FUNCTION,
  onKept: FUNCTION,
  signal: SIGNAL,
};

const KINDS: Kinds<QuantizeOptions> = {
  ...SHARED_KINDS,
  model: required(PATH),
  rotate: BOOLEAN,
  seed: integer(0, SEEDS - 1),
  lmHead: oneOf(["w4a16", "w8a16"]),
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

/** An ArgumentError for the first option without effect beside the others; `rotate`: whether that is done. */
export function refuseIdle(
  options: Omit<QuantizeOptions, "model" | "lmHead">,
  { calibrated, gptq }: Method,
  rotate: boolean,
): void {
  const refuse = (argument: string, why: string): never => {
    throw new ArgumentError(argument, `Cannot quantize with --${argument}: ${why}`);
  };
  if (options.scheme === UNQUANTIZED) {
    const nothing = `nothing is quantized with ${UNQUANTIZED}`;
    if (!rotate) {
      refuse("scheme", `nothing changes with ${UNQUANTIZED}, expected --rotate beside it`);
    }
    if (options.method !== undefined) refuse("method", nothing);
    if ((options.zeroPoints ?? "none") !== "none") refuse("zero-points", nothing);
  }
  if (options.seed !== undefined && !rotate) refuse("seed", "expected --rotate beside it");
  if (!gptq && options.order !== undefined) refuse("order", "the method is not GPTQ");
  if (!gptq && options.damping !== undefined) refuse("damping", "the method is not GPTQ");
  if (calibrated) return;
  const idle = "the method reads no text";
  if (options.calibration !== undefined) refuse("calibration", idle);
  if (options.calibrationTexts !== undefined) refuse("calibration-texts", idle);
  if (options.calibrationTokens !== undefined) refuse("calibration-tokens", idle);
}
