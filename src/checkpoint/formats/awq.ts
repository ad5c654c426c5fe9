/**
 * Linear layers of AWQ checkpoints, version GEMM (AutoAWQ): w[output, input] = (q - z) s[group, output].
 *
 * Per layer: `qweight` i32 [k, n/8] and `qzeros` i32 [k/g, n/8], nibble p of a word being column
 * [0,2,4,6,1,3,5,7][p] of its eight; `scales` f16 [k/g, n].
 *
 * @module
 */
import { UnsupportedModelError } from "../../base/errors.ts";
import { expectFloat, expectTensor, readScalesF16, readWords } from "./expect.ts";
import type { Format } from "./format.ts";
import type { Fields } from "../containers/json.ts";
import { unpackZeros } from "./zero_points.ts";

/** An AWQ checkpoint that this project reads: 4 bits, asymmetric. */
export interface AwqConfig {
  /** Inputs that share a scale; -1 means all of a channel. */
  readonly groupSize: number;
}

/** The column of each nibble among its eight. */
const COLUMNS: readonly number[] = [0, 2, 4, 6, 1, 3, 5, 7];

/** The format of AutoAWQ. */
export const awq: Format<AwqConfig> = {
  parse(fields) {
    const bits = fields.integer(either(fields, "bits", "w_bit"));
    if (bits !== 4) refuse(`${bits}-bit AWQ`, "expected 4 bits");
    const version = (fields.string("version") ?? "gemm").toLowerCase();
    if (version !== "gemm") refuse(`AWQ version "${version}"`, "expected gemm");
    if (!fields.boolean("zero_point", true)) refuse("AWQ without zero points", "expected them");
    const key = either(fields, "group_size", "q_group_size");
    const groupSize = fields.integer(key, 128, -1);
    return groupSize === 0 ? fields.fail(key, "-1 or at least 1") : { groupSize };
  },
  linear(source, { prefix, n, k }, { groupSize }) {
    const [weight, zeros, scales] = ["qweight", "qzeros", "scales"].map((x) => `${prefix}.${x}`);
    if (source.find(weight) === undefined) return undefined;
    const group = groupSize === -1 ? k : groupSize;
    const groups = k / group;
    expectTensor(source, weight, ["i32"], [k, n / 8]);
    expectFloat(source, scales, [groups, n]);
    expectTensor(source, zeros, ["i32"], [groups, n / 8]);
    return {
      kind: "w4a16",
      prefix,
      n,
      k,
      group,
      groups,
      groupSize,
      weight: { tensor: weight, layout: "awq" },
      asymmetric: true,
      scales() {
        const words = readWords(source, zeros, [groups, n / 8]);
        return {
          scales: readScalesF16(source, scales, [groups, n], "any"),
          zeros: unpackZeros(words, groups, n, 0, COLUMNS) ?? new Uint8Array(groups * n).fill(8),
        };
      },
    };
  },
};

/** The name of a key that `config.json` and `quant_config.json` call differently. */
function either(fields: Fields, first: string, second: string): string {
  return fields.raw(first) === undefined && fields.raw(second) !== undefined ? second : first;
}

function refuse(feature: string, expected: string): never {
  throw new UnsupportedModelError(feature, expected);
}
