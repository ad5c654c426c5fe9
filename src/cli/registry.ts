/**
 * Every command.
 *
 * @module
 */
import { bench } from "./commands/bench.ts";
import { chat } from "./commands/chat.ts";
import type { Command } from "./options/command.ts";
import { completions } from "./commands/completions.ts";
import { convertHead } from "./commands/convert_head.ts";
import { doctor } from "./commands/doctor.ts";
import { evalCommand } from "./commands/eval.ts";
import { generate } from "./commands/generate.ts";
import { hiddenStates } from "./commands/hidden_states.ts";
import { inspect } from "./commands/inspect.ts";
import { pull } from "./commands/pull.ts";
import { quantize } from "./commands/quantize.ts";
import { score } from "./commands/score.ts";
import { serve } from "./commands/serve.ts";
import { trimHead } from "./commands/trim_head.ts";
import { tune } from "./commands/tune.ts";

/** All commands, in the order of the help; a new one is one file and one line here. */
export const COMMANDS: readonly Command[] = [
  generate,
  chat,
  serve,
  pull,
  score,
  inspect,
  quantize,
  convertHead,
  hiddenStates,
  trimHead,
  bench,
  evalCommand,
  tune,
  doctor,
  completions(() => COMMANDS),
];
