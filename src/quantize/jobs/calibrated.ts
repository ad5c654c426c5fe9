/**
 * What options say of how codes are chosen, and the text that they are chosen with.
 *
 * @module
 */
import { ArgumentError } from "../../base/errors.ts";
import { type GptqOptions, INPUT_ORDERS } from "../methods/gptq.ts";
import type { Method } from "../methods/method.ts";
import type { Quantizer } from "../quantizers/quantizer.ts";
import { calibrationTexts, checkAmount } from "./calibration.ts";
import type { QuantizeOptions } from "./options.ts";

/** What the options come to. */
export interface Calibrated {
  /** Token ids of the calibration texts; none where the method reads none. */
  readonly texts: readonly (readonly number[])[];
  /** What is to be said of too little text. */
  readonly warning?: string;
  /** For GPTQ. */
  readonly gptq: GptqOptions;
}

/**
 * Reads what `method` needs for a model in `dir` of `maxPositions`; `quantizer` is absent where nothing is quantized. An
 * ArgumentError where there is no device that it needs, too little text, or an order that files cannot say.
 */
export function calibrated(
  options: Omit<QuantizeOptions, "model" | "lmHead" | "calibration"> & {
    readonly calibration?: string;
  },
  method: Method,
  quantizer: Quantizer | undefined,
  dir: string,
  maxPositions: number,
): Calibrated {
  const gptq = { damping: options.damping ?? 0.01, order: options.order ?? INPUT_ORDERS[0] };
  const limits = {
    texts: options.calibrationTexts ?? 128,
    tokens: Math.min(options.calibrationTokens ?? 512, maxPositions),
  };
  const reads = quantizer !== undefined && method.calibrated;
  if (reads && options.device === undefined) {
    throw new ArgumentError(
      "device",
      `Cannot quantize by ${method.name}: there is no device to run layers on, expected one`,
    );
  }
  const texts = reads ? calibrationTexts(dir, options.calibration, limits) : [];
  const warning = reads ? checkAmount(texts, options.calibration, limits) : undefined;
  if (gptq.order === "activity" && quantizer !== undefined && !quantizer.namesGroups) {
    throw new ArgumentError(
      "order",
      `Cannot quantize to ${quantizer.scheme} in order of activation: its files cannot say which group an ` +
        "input is in, expected a GPTQ layout",
    );
  }
  return { texts, warning, gptq };
}

/** What tells calibration texts from others. */
export async function digestOf(texts: readonly (readonly number[])[]): Promise<string> {
  const words = Int32Array.from(texts.flatMap((ids) => [ids.length, ...ids]));
  return new Uint8Array(await crypto.subtle.digest("SHA-256", words)).toHex();
}
