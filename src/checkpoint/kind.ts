/**
 * Whether a directory holds a complete model or a draft head, by the names of its tensors.
 *
 * @module
 */
import { CheckpointError } from "../base/errors.ts";
import type { TensorSource } from "./containers/source.ts";

/** Tensors that heads have and models have not: what joins a token's embedding and hidden states, and other kinds'. */
const OF_HEADS = /^(model\.)?(fc|midlayer|(layers\.0\.)?hidden_norm|d2t|t2d)(\.|$)/;

/** Tensors that models have, and heads have not. */
const OF_MODELS = /^(model\.)?(norm|layers\.\d+\.input_layernorm)\.weight$/;

/** What a directory may hold. */
export type Kind = "model" | "head";

/** What `source` holds; a model where nothing tells. */
export function kindOf(source: TensorSource): Kind {
  return source.names().some((name) => OF_HEADS.test(name)) ? "head" : "model";
}

/** Throws where the directory `dir` holds a head and a model was asked for, or the other way round. */
export function expectKind(kind: Kind, dir: string, source: TensorSource): void {
  const names = source.names();
  const ofHead = names.find((name) => OF_HEADS.test(name));
  if (kind === "model") {
    if (ofHead === undefined) return;
    throw new CheckpointError(
      dir,
      `it holds a draft head (tensor "${ofHead}"), expected a complete model; a head goes with "head"`,
    );
  }
  if (ofHead !== undefined) return;
  const ofModel = names.find((name) => OF_MODELS.test(name));
  if (ofModel === undefined) {
    throw new CheckpointError(source.file, "it is missing, expected one in a head", "fc.weight");
  }
  throw new CheckpointError(
    dir,
    `it holds a complete model (tensor "${ofModel}"), expected a draft head; a model that drafts goes ` +
      'with "draft"',
  );
}
