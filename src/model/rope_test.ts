import { assertAlmostEquals, assertEquals } from "@std/assert";
import { parseModelConfig, type RopeScaling } from "../checkpoint/config/config.ts";
import { ropeTable } from "./rope.ts";

/**
 * Inverse frequencies and the factor of cosines and sines that `_compute_yarn_parameters` of transformers 5.24 gives
 * for heads of width 16, theta 10000, a factor of 4, 64 trained positions, max_position_embeddings 256 and these keys.
 */
const FLAT = [0.00790569466, 0.00249999994, 0.000790569466, 0.000250000012, 7.90569466e-05];
const YARN: [object, number[], number][] = [
  [{}, [1, 0.237170815, 0.049999997, ...FLAT], 1.138629436111989],
  [{ truncate: false }, [1, 0.198583528, 0.0255952496, ...FLAT], 1.138629436111989],
  [
    { beta_fast: 16, beta_slow: 2, truncate: false },
    [1, 0.14849025, 0.0250000004, ...FLAT],
    1.138629436111989,
  ],
  [{ mscale: 0.707 }, [1, 0.237170815, 0.049999997, ...FLAT], 1.138629436111989],
  [
    { mscale: 0.707, mscale_all_dim: 1 },
    [1, 0.237170815, 0.049999997, ...FLAT],
    0.964326914892074,
  ],
  [
    { attention_factor: 1.5, mscale: 0.5, mscale_all_dim: 1 },
    [1, 0.237170815, 0.049999997, ...FLAT],
    1.5,
  ],
];

for (const [keys, inverse, factor] of YARN) {
  Deno.test(`rope: yarn with ${JSON.stringify(keys)} turns as in transformers`, () => {
    const config = parseModelConfig("config.json", {
      architectures: ["LlamaForCausalLM"],
      vocab_size: 16,
      hidden_size: 32,
      intermediate_size: 64,
      num_hidden_layers: 1,
      num_attention_heads: 2,
      rms_norm_eps: 1e-5,
      max_position_embeddings: 256,
      rope_scaling: {
        type: "yarn",
        factor: 4,
        original_max_position_embeddings: 64,
        ...keys,
      },
    });
    assertEquals(config.headDim, 16);
    const table = ropeTable(config, 2, 2).subarray(16);
    inverse.forEach((frequency, j) => {
      const [cos, sin] = [table[j], table[8 + j]];
      // Positions are 1: the angle is the frequency. Tables and frequencies are f32.
      assertAlmostEquals(Math.atan2(sin, cos), frequency, 3e-7 * Math.max(1, frequency));
      assertAlmostEquals(Math.hypot(sin, cos), factor, 3e-7);
    });
  });
}

Deno.test("rope: divisors of their own give what llama3 gives, whose divisors they are", () => {
  const llama3 = {
    type: "llama3",
    factor: 8,
    lowFreqFactor: 1,
    highFreqFactor: 4,
    originalMaxPositions: 32,
  } as const;
  const config = (ropeScaling?: RopeScaling) => ({
    ...parseModelConfig("config.json", {
      architectures: ["LlamaForCausalLM"],
      vocab_size: 16,
      hidden_size: 32,
      intermediate_size: 64,
      num_hidden_layers: 1,
      num_attention_heads: 1,
      rms_norm_eps: 1e-5,
      max_position_embeddings: 256,
    }),
    ropeScaling,
  });
  // Angles of position 1 are the frequencies.
  const angles = (table: Float32Array) =>
    Array.from({ length: 16 }, (_, j) => Math.atan2(table[32 + 16 + j], table[32 + j]));
  const [plain, scaled] = [config(), config(llama3)].map((one) => angles(ropeTable(one, 2, 2)));
  const factors = plain.map((angle, j) => angle / scaled[j]);
  assertAlmostEquals(factors[0], 1, 1e-6);
  assertAlmostEquals(factors[15], 8, 1e-4);
  const table = ropeTable(config({ type: "factors", factors }), 256, 256);
  const expected = ropeTable(config(llama3), 256, 256);
  const worst = table.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i])), 0);
  assertAlmostEquals(worst, 0, 1e-4);
});
