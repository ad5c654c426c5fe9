/**
 * The error of a command line that asks for something that cannot be.
 *
 * @module
 */
import { SpecMQuantError } from "../../base/errors.ts";

/** A mistake on the command line; the command exits with 2. Its code is `"usage"`. */
export class UsageError extends SpecMQuantError {
  /** Makes an error with a message that names the flag. */
  constructor(message: string) {
    super("usage", message);
  }
}
