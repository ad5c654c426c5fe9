/**
 * The output projection that a quantized head gets: its own, or one that is made of its target's.
 *
 * @module
 */
import { toF32 } from "../../base/half.ts";
import type { Checkpoint } from "../../checkpoint/checkpoint.ts";
import type { TensorToWrite } from "../../checkpoint/containers/safetensors_writer.ts";
import type { Head } from "../../checkpoint/head.ts";
import type { Device } from "../../device/mod.ts";
import { headTensors } from "../../model/mod.ts";
import { type Weight, weightOf } from "../jobs/check_weights.ts";
import { type Floats, readFloats } from "../jobs/tensors.ts";
import { outputOf, plainOutput } from "./target_output.ts";
import { vocabularyMap } from "./vocabulary_map.ts";

/** Its tensor. */
const NAME = "lm_head.weight";

/** The output projection of a head, as floats. */
export class OwnOutput {
  readonly #head: Head;
  readonly #target: Checkpoint;
  /** The target's tokens that it has rows of, where it is made of the target's; absent where the head has one. */
  readonly #tokens?: readonly number[];

  /** For `head` on `target`. */
  constructor(head: Head, target: Checkpoint) {
    this.#head = head;
    this.#target = target;
    if (headTensors(head).lmHead !== undefined) return;
    // One of the two may be padded.
    const count = Math.min(head.config.model.vocabSize, target.config.vocabSize);
    this.#tokens = Array.from({ length: count }, (_, token) => token);
  }

  /** Whether only a device can say what it is. */
  get asksDevice(): boolean {
    return this.#tokens !== undefined && plainOutput(this.#target) === undefined;
  }

  /** Its sizes. */
  get weight(): Weight {
    if (this.#tokens === undefined) return weightOf(this.#head.tensors, NAME);
    return { name: NAME, n: this.#tokens.length, k: this.#target.config.hiddenSize };
  }

  /** Reads it. */
  floats(device: Device | undefined): Floats {
    if (this.#tokens === undefined) return readFloats(this.#head.tensors, NAME);
    const { dtype, shape, data } = outputOf(this.#target, this.#tokens, device);
    const values = new Float32Array(shape[0] * shape[1]);
    const given = data();
    let at = 0;
    for (const piece of given instanceof Uint8Array ? [given] : given) {
      const part = toF32(piece.slice(), dtype);
      values.set(part, at);
      at += part.length;
    }
    return new Map([[NAME, { dtype, shape, values }]]);
  }

  /** The map that the head then needs, where its tokens are not its vocabulary. */
  map(): TensorToWrite[] {
    const { vocabSize } = this.#head.config.model;
    if (this.#tokens === undefined || this.#tokens.length === vocabSize) return [];
    return vocabularyMap(this.#tokens, vocabSize);
  }
}
