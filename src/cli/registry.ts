/**
 * Every command.
 *
 * @module
 */
import { bench } from "./bench.ts";
import type { Command } from "./command.ts";
import { completions } from "./completions.ts";
import { convertHead } from "./convert_head.ts";
import { generate } from "./generate.ts";
import { inspect } from "./inspect.ts";
import { quantize } from "./quantize.ts";
import { score } from "./score.ts";

/** All commands, in the order of the help; a new one is one file and one line here. */
export const COMMANDS: readonly Command[] = [
  generate,
  score,
  inspect,
  quantize,
  convertHead,
  bench,
  completions(() => COMMANDS),
];
