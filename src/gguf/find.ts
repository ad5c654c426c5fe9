/**
 * Which GGUF model a path means.
 *
 * @module
 */
import { CheckpointError } from "../base/errors.ts";
import { pathOf } from "../base/options.ts";
import { attempt } from "../base/reader.ts";
import { isGguf } from "./gguf.ts";

/** Weights of other formats: a directory that has them is no GGUF model, whatever else it has. */
const OTHER_WEIGHTS = /\.(safetensors|bin|pt|pth)(\.index\.json)?$/;

/** Parts of a split model but the first. */
const LATER_PART = /-(?!00001-of)\d{5}-of-\d{5}\.gguf$/;

/**
 * The GGUF model at `path`: the file itself, or the only one, or first of one split set, of a directory without other
 * weights. Undefined where there is none; a CheckpointError that names them where a directory has several.
 */
export function findGguf(path: string | URL): string | undefined {
  const given = pathOf("look for GGUF", "path", path);
  if (isGguf(given) || isFileNamed(given)) return given;
  const names = namesIn(given);
  if (names === undefined || names.some((name) => OTHER_WEIGHTS.test(name))) return undefined;
  const models = names.filter((name) => name.endsWith(".gguf") && !LATER_PART.test(name));
  if (models.length > 1) {
    throw new CheckpointError(
      given,
      `it holds ${models.length} GGUF models (${
        models.join(", ")
      }), expected one; give the path of one`,
    );
  }
  return models.length === 1 ? `${given}/${models[0]}` : undefined;
}

/** Whether a file is called a GGUF file: what is wrong with it, reading it tells. */
function isFileNamed(path: string): boolean {
  return path.endsWith(".gguf") && attempt(path, () => {
    try {
      return Deno.statSync(path).isFile;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
        return false;
      }
      throw error;
    }
  });
}

function namesIn(path: string): string[] | undefined {
  return attempt(path, () => {
    try {
      if (!Deno.statSync(path).isDirectory) return undefined;
      return [...Deno.readDirSync(path)].map(({ name }) => name).sort();
    } catch (error) {
      if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
        return undefined;
      }
      throw error;
    }
  });
}
