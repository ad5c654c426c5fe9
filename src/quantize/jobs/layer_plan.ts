/**
 * The linear layers of a decoder layer: which read the same input, and who makes that input.
 *
 * @module
 */
import type { LayerInput } from "./layer_runner.ts";

/** Linear layers that read one input of a decoder layer. */
export interface InputReaders {
  /** The input. */
  readonly input: LayerInput;
  /** Names of those that read it, within the layer. */
  readonly linears: readonly string[];
  /** The tensors of which output j makes input j: a norm, or the rows of a linear layer. */
  readonly maker: string;
}

/** All of them, in the order of the forward. */
export const READERS: readonly InputReaders[] = [
  {
    input: "qkv",
    linears: ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
    maker: "input_layernorm",
  },
  { input: "output", linears: ["self_attn.o_proj"], maker: "self_attn.v_proj" },
  {
    input: "gateUp",
    linears: ["mlp.gate_proj", "mlp.up_proj"],
    maker: "post_attention_layernorm",
  },
  { input: "down", linears: ["mlp.down_proj"], maker: "mlp.up_proj" },
];

/** Names of all linear layers, within a decoder layer. */
export const LINEARS: readonly string[] = READERS.flatMap(({ linears }) => linears);
