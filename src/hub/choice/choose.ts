/**
 * Which files of a repository are fetched.
 *
 * @module
 */
import { ArgumentError, IntegrityError, UnsupportedModelError } from "../../base/errors.ts";
import { megabytes } from "../../base/megabytes.ts";
import { suggestion } from "../../base/nearest.ts";
import type { PulledFile } from "../../base/pull_record.ts";
import { type GgufModel, ggufModels, withQuant } from "./gguf.ts";
import { globMatches } from "./glob.ts";

/** What is asked for. */
export interface Wish {
  /** Patterns: then exactly what matches one of them. */
  readonly include: readonly string[];
  /** The quantization of a GGUF file. */
  readonly quant?: string;
}

/** What is fetched of a repository. */
export interface Choice {
  /** The files. */
  readonly files: readonly PulledFile[];
  /** The others. */
  readonly leftOut: readonly PulledFile[];
  /** The GGUF file to open, the first of several; absent where the directory is what is opened. */
  readonly gguf?: string;
}

/** What belongs to a model beside its weights. */
const COMPANIONS: readonly RegExp[] = [
  /^(config|generation_config)\.json$/,
  /^(quantize_config|quant_config|hf_quant_config)\.json$/,
  /^(tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab)\.json$/,
  /^(merges\.txt|tokenizer\.model|rotation\.safetensors)$/,
  /^(chat_template\.(jinja|json)|additional_chat_templates\/[^/]+\.jinja)$/,
];

/**
 * Weights, in the order in which directories are read: of the first line that has some, all that match. An index comes
 * with its shards.
 */
const WEIGHTS: readonly RegExp[] = [
  /^model\.safetensors$/,
  /^model([-.][^/]*)?-\d+-of-\d+\.safetensors$|^model\.safetensors\.index\.json$/,
  /^(gptq_model-[^/]*|model_gptq|model_gptq_marlin)\.safetensors$/,
  /^pytorch_model\.bin$/,
  /^pytorch_model-\d+-of-\d+\.bin$|^pytorch_model\.bin\.index\.json$/,
  /^quant_model\.pt$/,
];

/** Weights in safetensors are lines of the list up to this one. */
const SAFETENSORS = 3;

/** The files of `name` that are fetched. An ArgumentError names what there is where the wish does not decide. */
export function chooseFiles(name: string, files: readonly PulledFile[], wish: Wish): Choice {
  const { include, quant } = wish;
  const models = ggufModels(files);
  if (include.length > 0) return included(name, files, include);
  const companions = files.filter(({ path }) => COMPANIONS.some((pattern) => pattern.test(path)));
  const weights = WEIGHTS.map((pattern) => files.filter(({ path }) => pattern.test(path)));
  const take = (taken: readonly PulledFile[]) => split(files, [...companions, ...taken]);
  if (quant !== undefined) return ggufOf(name, files, models, withQuant(models, quant), quant);
  const safe = weights.slice(0, SAFETENSORS).find((found) => found.length > 0);
  if (safe !== undefined) return take(safe);
  if (models.length > 0) return ggufOf(name, files, models, models);
  const others = weights.find((found) => found.length > 0);
  if (others !== undefined) return take(others);
  throw new UnsupportedModelError(
    `a repository without safetensors, PyTorch or GGUF weights (${name})`,
    files.length === 0 ? "it has no files" : `it has ${listed(files.map(({ path }) => path))}`,
  );
}

function included(name: string, files: readonly PulledFile[], globs: readonly string[]): Choice {
  for (const glob of globs) {
    if (files.some(({ path }) => globMatches(glob, path))) continue;
    const paths = files.map(({ path }) => path);
    throw new ArgumentError(
      "include",
      `Cannot fetch ${name}: no file matches ${
        JSON.stringify(glob)
      }, expected a pattern for some of ` +
        listed(paths) + suggestion(glob, paths),
    );
  }
  const choice = split(
    files,
    files.filter(({ path }) => globs.some((glob) => globMatches(glob, path))),
  );
  const models = ggufModels(choice.files);
  return models.length === 1 ? { ...choice, gguf: models[0].files[0].path } : choice;
}

function ggufOf(
  name: string,
  files: readonly PulledFile[],
  all: readonly GgufModel[],
  found: readonly GgufModel[],
  quant?: string,
): Choice {
  const names = all.map(({ quant, bytes }) => `${quant} (${megabytes(bytes)})`).join(", ");
  const [model] = found;
  if (found.length !== 1) {
    const reason = all.length === 0
      ? "it has no GGUF files, expected no quant"
      : quant === undefined
      ? `it has ${all.length} models in GGUF, expected quant to be one of ${names}`
      : found.length === 0
      ? `quant is ${JSON.stringify(quant)}, expected one of ${names}` +
        suggestion(quant.toUpperCase(), all.map((one) => one.quant))
      : `quant is ${JSON.stringify(quant)}, which ${found.length} of its models are: ` +
        `${found.map(({ stem }) => stem).join(", ")}; expected include to say which`;
    throw new ArgumentError("quant", `Cannot fetch ${name}: ${reason}`);
  }
  if (model.files.length !== model.parts) {
    const first = model.files[0].path;
    const reason = `the repository has ${model.files.length} of its ${model.parts} parts`;
    throw new IntegrityError(name, first, reason);
  }
  return { ...split(files, model.files), gguf: model.files[0].path };
}

function split(files: readonly PulledFile[], taken: readonly PulledFile[]): Choice {
  const paths = new Set(taken.map(({ path }) => path));
  return {
    files: files.filter(({ path }) => paths.has(path)),
    leftOut: files.filter(({ path }) => !paths.has(path)),
  };
}

function listed(paths: readonly string[]): string {
  const most = 20;
  const more = paths.length > most ? ` and ${paths.length - most} more` : "";
  return paths.slice(0, most).join(", ") + more;
}
