/**
 * The special tokens that a tokenizer puts around a text.
 *
 * @module
 */

import type { JsonObject } from "../files/files.ts";

/** Token ids before and after those of a text. */
export interface Frame {
  /** What comes before, e.g. BOS. */
  readonly before: readonly number[];
  /** What comes after, e.g. EOS. */
  readonly after: readonly number[];
}

const NONE: Frame = { before: [], after: [] };

/**
 * What the `post_processor` of a `tokenizer.json` puts around a text.
 *
 * @throws {Error} it names a token that it does not have, or does not have the text exactly once
 */
export function frameOf(processor: unknown): Frame {
  if (processor === undefined || processor === null) return NONE;
  const { type, processors, sep, cls, single, special_tokens } = processor as JsonObject;
  switch (type) {
    case "ByteLevel":
      return NONE;
    case "Sequence": {
      const frames = (processors as unknown[]).map(frameOf).filter((frame) => frame !== NONE);
      if (frames.length > 1) throw new Error("its post_processor puts tokens around a text twice");
      return frames[0] ?? NONE;
    }
    case "BertProcessing":
    case "RobertaProcessing":
      return { before: [idOf(cls)], after: [idOf(sep)] };
    case "TemplateProcessing":
      return template(single as JsonObject[], special_tokens as JsonObject);
  }
  throw new Error(`its post_processor is ${JSON.stringify(type)}`);
}

function idOf(pair: unknown): number {
  return (pair as [string, number])[1];
}

function template(pieces: readonly JsonObject[], tokens: JsonObject): Frame {
  const sides: number[][] = [[]];
  for (const piece of pieces) {
    const { id } = Object.values(piece)[0] as { id: string };
    if ("Sequence" in piece) {
      if (id !== "A") throw new Error(`its post_processor puts a second text behind the first`);
      sides.push([]);
      continue;
    }
    const token = Object.hasOwn(tokens, id) ? tokens[id] as { ids: number[] } : undefined;
    if (token === undefined) {
      throw new Error(`its post_processor names ${JSON.stringify(id)}, but has no id for it`);
    }
    sides.at(-1)!.push(...token.ids);
  }
  const [before, after, ...more] = sides;
  if (after === undefined || more.length > 0) {
    throw new Error(`its post_processor has the text ${sides.length - 1} times, expected once`);
  }
  return { before, after };
}
