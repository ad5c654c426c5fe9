/**
 * Which of an engine's directories an error is about.
 *
 * @module
 */
import { CheckpointError, UnsupportedModelError } from "../base/errors.ts";

/** What a directory is for, as the options of an engine call it. */
export type Role = "target" | "draft" | "head";

/** What `work` gives. Where it throws as something is wrong with files, the error says that they are those of `role`. */
export function inRole<T>(role: Role, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const ofFiles = error instanceof CheckpointError || error instanceof UnsupportedModelError;
    if (ofFiles && error.role === undefined) {
      error.role = role;
      error.message = `${role}: ${error.message}`;
    }
    throw error;
  }
}
