/**
 * Every command.
 *
 * @module
 */
import { bench } from "./commands/bench.ts";
import type { Command } from "./options/command.ts";
import { completions } from "./commands/completions.ts";
import { convertHead } from "./commands/convert_head.ts";
import { generate } from "./commands/generate.ts";
import { hiddenStates } from "./commands/hidden_states.ts";
import { inspect } from "./commands/inspect.ts";
import { pull } from "./commands/pull.ts";
import { quantize } from "./commands/quantize.ts";
import { score } from "./commands/score.ts";
import { tune } from "./commands/tune.ts";

/** All commands, in the order of the help; a new one is one file and one line here. */
export const COMMANDS: readonly Command[] = [
  generate,
  pull,
  score,
  inspect,
  quantize,
  convertHead,
  hiddenStates,
  bench,
  tune,
  completions(() => COMMANDS),
];
