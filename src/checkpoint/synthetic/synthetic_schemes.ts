/**
 * The schemes that made-up models come in: the description and the tensors of a published format each, so that a
 * made-up checkpoint is read as a real one is.
 *
 * @module
 */
import { ArgumentError } from "../../base/errors.ts";
import { gptqTensors, plainTensors, type StoredTensors } from "./layout.ts";

/** A scheme of made-up models. */
export interface SyntheticFormat {
  /** What `quantization_config` says; absent where nothing is quantized. */
  readonly description?: Record<string, unknown>;
  /** What it says where the output projection is stored so, too; the same where absent. */
  readonly whole?: Record<string, unknown>;
  /** The tensors of a linear layer. */
  readonly tensors: StoredTensors;
}

/** Inputs that share a scale in schemes with `g128` in their name. */
const GROUP = 128;

/**
 * Second-level scales of W4A8 in groups, in steps of 8 bits: q - 8 times it stays within them. QoQ's are integers,
 * for which products have a quicker way; QQQ's are not. Scales of groups that differ would cost the same.
 */
const STEP = 12, FRACTIONAL_STEP = 12.25;

/** The deviation of evenly spread nibbles, i8 and the e4m3 numbers that are made up, in steps. */
const SPREAD = { nibbles: 4.6, bytes: 74, e4m3: 1.9 };

/** compressed-tensors of one `weight` of 8 bits. */
function compressed(type: "int" | "float"): SyntheticFormat {
  const ways = { num_bits: 8, type, symmetric: true };
  const whole = {
    quant_method: "compressed-tensors",
    format: `${type}-quantized`,
    config_groups: {
      group_0: {
        targets: ["Linear"],
        weights: { ...ways, strategy: "channel", dynamic: false },
        input_activations: { ...ways, strategy: "token", dynamic: true },
      },
    },
  };
  return {
    description: { ...whole, ignore: ["lm_head"] },
    whole,
    tensors: (n, k) => [
      type === "int"
        ? { suffix: "weight", role: "qweight", dtype: "i8", shape: [n, k] }
        : { suffix: "weight", role: "e4m3", dtype: "f8_e4m3", shape: [n, k] },
      {
        suffix: "weight_scale",
        role: "scales",
        dtype: "f32",
        shape: [n, 1],
        size: 1 / (type === "int" ? SPREAD.bytes : SPREAD.e4m3),
      },
    ],
  };
}

const awq: SyntheticFormat = {
  description: {
    quant_method: "awq",
    bits: 4,
    group_size: GROUP,
    zero_point: true,
    version: "gemm",
  },
  tensors: (n, k) => [
    { suffix: "qweight", role: "qweight", dtype: "i32", shape: [k, n / 8] },
    { suffix: "scales", role: "scales", dtype: "f16", shape: [k / GROUP, n], size: 1 / 7 },
    // Every zero point is 8: others of random nibbles would add up along the inputs of a group.
    {
      suffix: "qzeros",
      role: "constant",
      dtype: "i32",
      shape: [k / GROUP, n / 8],
      size: 0x88888888,
    },
  ],
};

function qqq(grouped: boolean): SyntheticFormat {
  const step = grouped ? FRACTIONAL_STEP : 16;
  return {
    description: { quant_method: "qqq", wbits: 4, group_size: grouped ? GROUP : -1 },
    tensors: (n, k) => [
      { suffix: "B", role: "qweight", dtype: "i32", shape: [k / 16, 2 * n] },
      {
        suffix: "s_channel",
        role: "scales",
        dtype: "f32",
        shape: [1, n],
        size: 1 / (SPREAD.nibbles * step),
      },
      ...grouped
        ? [{
          suffix: "s_group",
          role: "constant",
          dtype: "f16",
          shape: [k / GROUP, n],
          size: FRACTIONAL_STEP,
        }] as const
        : [],
    ],
  };
}

function qoq(grouped: boolean): SyntheticFormat {
  const scale = 1 / (SPREAD.nibbles * (grouped ? STEP : 1));
  const first = (n: number, suffix: string, size: number) =>
    ({ suffix, role: "level", dtype: "f16", shape: [n], size }) as const;
  const second = (n: number, k: number, suffix: string, size: number) =>
    ({ suffix, role: "constant", dtype: "i8", shape: [k / GROUP, n], size }) as const;
  return {
    description: { quant_method: "qoq" },
    tensors: (n, k) => [
      { suffix: "qweight", role: "qweight", dtype: "i8", shape: [n, k / 2] },
      first(n, "s1_scales", scale),
      ...grouped
        ? [second(n, k, "s2_scales", STEP), second(n, k, "s2_zeros", -8 * STEP)]
        : [first(n, "s1_szeros", 7.5 * scale)],
    ],
  };
}

/** GPTQ of 4 bits, the output projection aside. */
const GPTQ = { quant_method: "gptq", bits: 4, group_size: GROUP, desc_act: false, sym: true };

/** Every scheme, by the name that users give it. Embeddings are f16 always. */
export const SYNTHETIC_FORMATS = {
  "w4a16-g128": {
    description: GPTQ,
    whole: { ...GPTQ, lm_head: true },
    tensors: gptqTensors(GROUP),
  },
  "w4a16-g128-asym": awq,
  "w8a8": compressed("int"),
  "w4a8-qqq": qqq(false),
  "w4a8-qqq-g128": qqq(true),
  "w4a8-qoq": qoq(false),
  "w4a8-qoq-g128": qoq(true),
  "fp8": compressed("float"),
  "f16": { tensors: plainTensors },
} as const satisfies Record<string, SyntheticFormat>;

/** What a made-up GPTQ model's output projection can be, besides f16: what the description says, and the tensors. */
export const SYNTHETIC_LM_HEADS = {
  "w4a16-g128": { description: { ...GPTQ, lm_head: true }, tensors: gptqTensors(GROUP) },
  "w8a16": {
    description: { ...GPTQ, lm_head: true, dynamic: { lm_head: { bits: 8, group_size: -1 } } },
    tensors: (n, k) => [
      { suffix: "qweight", role: "qweight", dtype: "i32", shape: [k / 4, n] },
      { suffix: "scales", role: "scales", dtype: "f16", shape: [1, n], size: 1 / SPREAD.bytes },
    ],
  },
} as const satisfies Record<string, SyntheticFormat>;

/** How the output projection of a made-up model is stored, where it is not f16. */
export type SyntheticLmHead = keyof typeof SYNTHETIC_LM_HEADS;

/** How linear layers of a made-up model are stored. */
export type SyntheticScheme = keyof typeof SYNTHETIC_FORMATS;

/** The description of a model in a scheme, the tensors of its linear layers and of its output projection. */
export function syntheticFormat(
  scheme: SyntheticScheme,
  lmHead: SyntheticLmHead | undefined,
): SyntheticFormat & { readonly lmHead: StoredTensors } {
  if (lmHead === undefined) return { ...SYNTHETIC_FORMATS[scheme], lmHead: plainTensors };
  if (scheme !== "w4a16-g128") {
    throw new ArgumentError(
      "lmHead",
      `Cannot make up a model: its output projection is ${lmHead} beside ${scheme}, ` +
        "expected the scheme w4a16-g128, or none",
    );
  }
  const { description, tensors } = SYNTHETIC_LM_HEADS[lmHead];
  return { description, tensors: SYNTHETIC_FORMATS[scheme].tensors, lmHead: tensors };
}

/** The description of a head in a scheme, and the tensors of its linear layers and of its output projection. */
export function syntheticHeadFormat(scheme: SyntheticScheme): SyntheticFormat {
  const { description, whole = description, tensors }: SyntheticFormat = SYNTHETIC_FORMATS[scheme];
  return { description: whole, tensors };
}
