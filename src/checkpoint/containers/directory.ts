/**
 * Directories of models: whether there is one, and what to say where there is none.
 *
 * @module
 */
import { CheckpointError } from "../../base/errors.ts";
import { parsePullRecord, PULL_RECORD, pullCommand } from "../../base/pull_record.ts";
import { exists } from "./json.ts";
import { attempt } from "../../base/reader.ts";

/** Throws unless `dir` is a directory, and no pull of it was broken off. */
export function checkDirectory(dir: string): void {
  if (!exists(dir)) throw new CheckpointError(dir, absentDirectory(dir));
  if (!attempt(dir, () => Deno.statSync(dir)).isDirectory) {
    throw new CheckpointError(dir, "it is not a directory");
  }
  const file = `${dir}/${PULL_RECORD}`;
  if (!exists(file)) return;
  const record = parsePullRecord(attempt(file, () => Deno.readTextFileSync(file)));
  if (record === undefined || record.complete) return;
  throw new CheckpointError(
    dir,
    `it is not complete, as its pull was broken off; "${pullCommand(record, dir)}" goes on`,
  );
}

/** `organization/name`, as models are called on the Hub. */
const HUB_NAME = /^([A-Za-z0-9][\w.-]*)\/[A-Za-z0-9][\w.-]*$/;

/** What is wrong with a directory that does not exist: it may be meant for the name of a model on the Hub. */
function absentDirectory(dir: string): string {
  const [, organization] = HUB_NAME.exec(dir) ?? [];
  // In a directory that exists it is a slip of the pen.
  if (organization === undefined || exists(organization)) return "it does not exist";
  return "it does not exist; it looks like the name of a model on Hugging Face, which has to be fetched " +
    `first: "${pullCommand({ repository: dir })}" fetches it to ${dir}`;
}
