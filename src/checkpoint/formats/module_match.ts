/**
 * Names of modules against patterns, as Python's `re.match` compares them: from the first letter on.
 *
 * @module
 */
import { UnsupportedModelError } from "../../base/errors.ts";

/** Whether the regular expression `pattern` matches the beginning of `name`. */
export function matchesPattern(pattern: string, name: string): boolean {
  let expression: RegExp;
  try {
    expression = new RegExp(`^(?:${pattern})`);
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw new UnsupportedModelError(
      `the pattern "${pattern}" of modules`,
      "expected a regular expression that Python and JavaScript share",
    );
  }
  return expression.test(name);
}
