/**
 * GGUF files of a repository, by their names.
 *
 * @module
 */
import type { PulledFile } from "../../base/pull_record.ts";

/** A model in one GGUF file, or in several parts. */
export interface GgufModel {
  /** The path without the number of the part and without `.gguf`. */
  readonly stem: string;
  /** How it is quantized, by its name, e.g. `Q4_K_M`; its file's name where that does not tell. */
  readonly quant: string;
  /** Its files, the first part first. */
  readonly files: readonly PulledFile[];
  /** How many parts there are to be. */
  readonly parts: number;
  /** Bytes of all files. */
  readonly bytes: number;
}

const PART = /-(\d{5})-of-(\d{5})$/;

/** How names end that tell the quantization. */
const QUANT = /(?:^|[-._])((?:UD-)?(?:I?Q\d\w*|TQ\d\w*|MXFP4\w*|BF16|FP?16|FP?32))$/i;

/** What is in GGUF but is no language model by itself: eyes and ears of one, and what quantizing was guided by. */
const OTHER = /(^|[-._])(mmproj|imatrix)/i;

/** The models of a repository that are in GGUF. */
export function ggufModels(files: readonly PulledFile[]): GgufModel[] {
  const groups = new Map<string, PulledFile[]>();
  for (const file of files) {
    const name = file.path.split("/").at(-1)!;
    if (!/\.gguf$/i.test(name) || OTHER.test(name)) continue;
    const bare = file.path.replace(/\.gguf$/i, "");
    const total = PART.exec(bare)?.[2] ?? "";
    const key = `${bare.replace(PART, "")}/${total}`;
    groups.set(key, [...groups.get(key) ?? [], file]);
  }
  return [...groups].map(([key, files]) => {
    const slash = key.lastIndexOf("/");
    const [stem, total] = [key.slice(0, slash), key.slice(slash + 1)];
    const name = stem.split("/").at(-1)!;
    return {
      stem,
      quant: QUANT.exec(name)?.[1] ?? name,
      files,
      parts: total === "" ? 1 : Number(total),
      bytes: files.reduce((sum, { size }) => sum + size, 0),
    };
  });
}

/** The models that are quantized as `quant` says; those that are called just so come before those that end so. */
export function withQuant(models: readonly GgufModel[], quant: string): GgufModel[] {
  const wanted = quant.toUpperCase();
  const exact = models.filter((model) => model.quant.toUpperCase() === wanted);
  if (exact.length > 0) return exact;
  return models.filter(({ stem }) => {
    const name = stem.toUpperCase();
    return name.endsWith(wanted) && /[-._/]/.test(name[name.length - wanted.length - 1] ?? "/");
  });
}
