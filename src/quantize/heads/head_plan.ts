/**
 * The linear layers of a head, in the order in which they are quantized, and what they read.
 *
 * @module
 */
import type { Head } from "../../checkpoint/head.ts";
import { headTensors } from "../../model/mod.ts";
import { READERS } from "../jobs/layer_plan.ts";
import type { LayerInput } from "../jobs/layer_runner.ts";

/** Linear layers that read one input. */
export interface HeadReaders {
  /** What `withLinears` calls who reads it. */
  readonly reader: string;
  /** Prefixes of their tensors. */
  readonly linears: readonly string[];
}

/** What is quantized in one step, and seen as the parts before have become. */
export interface HeadPart {
  /** What it is, in a few words. */
  readonly stage: string;
  /** The prefix of a decoder layer, where it is one: `layers.0`. */
  readonly layer?: string;
  /** Its linear layers, by what they read. */
  readonly inputs: readonly HeadReaders[];
}

/** The output projection of a head. */
export const OUTPUT_READER = "lm_head";

/** What of a decoder layer of a head is made by one tensor, and so can be smoothed. */
export const SMOOTHED: readonly LayerInput[] = ["output", "gateUp", "down"];

/** The parts of `head`; its output projection among them where it is to be quantized, whether it has one of its own or not. */
export function headParts(head: Head, withOutput: boolean): HeadPart[] {
  const { fc, output, markov } = headTensors(head);
  const { layers } = head.config.model;
  const one = (reader: string, prefix = reader): HeadReaders => ({ reader, linears: [prefix] });
  const ends = [
    ...(output ? [one("output", output.prefix)] : []),
    ...(markov ? [one(markov.after.prefix)] : []),
    ...(withOutput ? [one(OUTPUT_READER)] : []),
  ];
  return [
    { stage: "fc", inputs: [one("fc", fc.prefix)] },
    ...Array.from({ length: layers }, (_, i): HeadPart => {
      const layer = `layers.${i}`;
      return {
        stage: `layer ${i + 1} of ${layers}`,
        layer,
        inputs: READERS.map(({ input, linears }) => ({
          reader: `${layer}.${input}`,
          linears: linears.map((name) => `${layer}.${name}`),
        })),
      };
    }),
    ...ends.map((input): HeadPart => ({
      stage: input.reader === OUTPUT_READER ? "output projection" : input.reader,
      inputs: [input],
    })),
  ];
}

/** Prefixes of all linear layers of some parts. */
export function linearsOf(parts: readonly HeadPart[]): string[] {
  return parts.flatMap(({ inputs }) => inputs.flatMap(({ linears }) => linears));
}
