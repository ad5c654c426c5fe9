/**
 * Flags of one letter, as the long ones that they stand for.
 *
 * @module
 */
import type { Option } from "./option.ts";
import { suggestion } from "../../base/nearest.ts";
import { UsageError } from "./usage_error.ts";

/** What a value may be that stands behind its letter without a space, as in `-n5`. */
const ATTACHED = /^\d+(\.\d*)?(e-?\d+)?$/i;

/**
 * `args` with long flags in place of short ones: `-n 5`, `-n=5` and `-n5` are `--max-tokens` with 5. Only numbers
 * may stand behind a letter without a space, so that `-prompt` is a mistake and not `-p rompt`. Letters that no
 * option has are left as they are. Arguments behind `--` are no flags.
 */
export function expandShort(args: readonly string[], options: readonly Option[]): string[] {
  const end = args.indexOf("--");
  return args.flatMap((arg, at) => {
    const [, letter, equals, tail] = /^-([A-Za-z])(=?)(.*)$/s.exec(arg) ?? [];
    const option = options.find(({ short }) => letter !== undefined && short === letter);
    if (option === undefined || (end !== -1 && at > end)) return [arg];
    if (equals === "" && tail === "") return [`--${option.name}`];
    if (equals !== "") return [`--${option.name}=${tail}`];
    if (option.type !== "boolean" && ATTACHED.test(tail)) return [`--${option.name}=${tail}`];
    const expected = option.type === "boolean" ? `-${letter}` : `-${letter} ${option.value}`;
    const names = options.map(({ name }) => name);
    throw new UsageError(
      `Cannot use ${arg}: expected ${expected}${suggestion(arg.slice(1), names, "--")}`,
    );
  });
}
