/**
 * Options that cannot be, or would do nothing.
 *
 * @module
 */
import { ArgumentError } from "../../base/errors.ts";
import type { Method } from "../methods/method.ts";
import type { QuantizeOptions } from "./options.ts";

/** The scheme of copies that are only rotated. */
export const UNQUANTIZED = "f16";

/** The largest native integer. */
const MOST = 2 ** 31 - 1;

/** Seeds below this give rotations of their own: four streams of numbers are drawn from each. */
const SEEDS = 2 ** 30;

/** An ArgumentError for the first option that is out of its range, or without effect beside the others. */
export function checkOptions(options: QuantizeOptions, method: Method): void {
  checkRanges(options);
  refuseIdle(options, method);
}

function checkRanges(options: QuantizeOptions): void {
  const { seed, damping } = options;
  const whole = (name: string, value: number | undefined, least: number, most: number): void => {
    if (value === undefined || (Number.isInteger(value) && value >= least && value <= most)) return;
    throw new ArgumentError(
      name,
      `Cannot quantize: ${name} is ${value}, expected a whole number from ${least} to ${most}`,
    );
  };
  whole("seed", seed, 0, SEEDS - 1);
  whole("threads", options.threads, 0, MOST);
  whole("calibration-texts", options.calibrationTexts, 1, MOST);
  whole("calibration-tokens", options.calibrationTokens, 1, MOST);
  if (damping !== undefined && !(damping >= 0 && damping <= 1)) {
    throw new ArgumentError(
      "damping",
      `Cannot quantize: damping is ${damping}, expected a number from 0 to 1`,
    );
  }
}

function refuseIdle(options: QuantizeOptions, { calibrated, gptq }: Method): void {
  const refuse = (argument: string, why: string): never => {
    throw new ArgumentError(argument, `Cannot quantize with --${argument}: ${why}`);
  };
  if (options.scheme === UNQUANTIZED) {
    const nothing = `nothing is quantized with ${UNQUANTIZED}`;
    if (!options.rotate) {
      refuse("scheme", `nothing changes with ${UNQUANTIZED}, expected --rotate beside it`);
    }
    if (options.method !== undefined) refuse("method", nothing);
    if ((options.zeroPoints ?? "none") !== "none") refuse("zero-points", nothing);
  }
  if (options.seed !== undefined && !options.rotate) refuse("seed", "expected --rotate beside it");
  if (!gptq && options.actOrder) refuse("act-order", "the method is not GPTQ");
  if (!gptq && options.damping !== undefined) refuse("damping", "the method is not GPTQ");
  if (calibrated) return;
  const idle = "the method reads no text";
  if (options.calibration !== undefined) refuse("calibration", idle);
  if (options.calibrationTexts !== undefined) refuse("calibration-texts", idle);
  if (options.calibrationTokens !== undefined) refuse("calibration-tokens", idle);
}
