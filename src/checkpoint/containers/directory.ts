/**
 * Directories of models: whether there is one, and what to say where there is none.
 *
 * @module
 */
import { CheckpointError } from "../../base/errors.ts";
import { exists } from "./json.ts";
import { attempt } from "../../base/reader.ts";

/** Throws unless `dir` is a directory. */
export function checkDirectory(dir: string): void {
  if (!exists(dir)) throw new CheckpointError(dir, absentDirectory(dir));
  if (attempt(dir, () => Deno.statSync(dir)).isDirectory) return;
  throw new CheckpointError(dir, "it is not a directory");
}

/** `organization/name`, as models are called on the Hub. */
const HUB_NAME = /^([A-Za-z0-9][\w.-]*)\/[A-Za-z0-9][\w.-]*$/;

/** What is wrong with a directory that does not exist: it may be meant for the name of a model on the Hub. */
function absentDirectory(dir: string): string {
  const [, organization] = HUB_NAME.exec(dir) ?? [];
  // In a directory that exists it is a slip of the pen.
  if (organization === undefined || exists(organization)) return "it does not exist";
  return "it does not exist; it looks like the name of a model on Hugging Face, which has to be fetched " +
    `first: "hf download ${dir} --local-dir DIR" fetches it to DIR`;
}
