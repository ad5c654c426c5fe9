/**
 * `completions`: what a shell needs to complete command lines of this program.
 *
 * @module
 */
import { type Command, command, type CommandInfo } from "../options/command.ts";
import { bash } from "./completions/bash.ts";
import { fish } from "./completions/fish.ts";
import { grammarOf, type Shell } from "./completions/grammar.ts";
import { zsh } from "./completions/zsh.ts";
import { PROGRAM } from "../options/help.ts";

/** All shells; a new one is one file and one line here. */
const SHELLS: readonly Shell[] = [bash, zsh, fish];

const NAMES = SHELLS.map(({ name }) => name);

/** The `completions` command, for all that `commands` gives. */
export function completions(commands: () => readonly CommandInfo[]): Command {
  return command({
    name: "completions",
    summary: "Print a script that completes command lines with the Tab key.",
    notes: [`Put it where the shell looks for completions of ${PROGRAM}.`],
    positional: {
      name: "shell",
      value: "SHELL",
      summary: "the shell",
      choices: NAMES,
      notes: SHELLS.map(({ name, place }) => `${name}: ${place.replace("PROGRAM", PROGRAM)}`),
    },
    options: [],
    example: "completions bash",

    async run({ shell }, io) {
      const { script } = SHELLS.find(({ name }) => name === shell)!;
      await io.stdout.write(script(PROGRAM, grammarOf(commands())));
      return 0;
    },
  });
}
