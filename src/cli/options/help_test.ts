import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { commandHelp, programHelp } from "./help.ts";
import { COMMANDS } from "../registry.ts";
import { textWidth } from "../terminal/width.ts";

const WIDTHS = [40, 60, 80, 120];

/** Whether a line that is too long has a place where it could have been broken. */
function couldBreak(line: string): boolean {
  // An example's text in quotes is one word of the shell.
  return line.trim().replaceAll(/"[^"]*"/g, '""').replace(/ \\$/, "").includes(" ");
}

function words(help: string): string {
  return help.replaceAll(/ \\$/gm, "").replaceAll(/\s+/g, " ");
}

Deno.test("help: fits the terminal, and says the same in any", () => {
  const helps = [
    programHelp,
    ...COMMANDS.map((one) => (_: unknown, n: number) => commandHelp(one, n)),
  ];
  for (const [at, help] of helps.entries()) {
    const whole = words(help(COMMANDS, 1000));
    for (const width of WIDTHS) {
      const text = help(COMMANDS, width);
      assertEquals(words(text), whole, `${at}`);
      for (const line of text.split("\n")) {
        assert(textWidth(line) <= width || !couldBreak(line), `at ${width}: ${line}`);
        assertEquals(line.trimEnd(), line);
      }
    }
  }
});

Deno.test("help: lines are used, but never too long to read", () => {
  const longest = (help: string) => Math.max(...help.split("\n").map((line) => line.length));
  for (const command of COMMANDS) {
    const [at80, at200] = [longest(commandHelp(command, 80)), longest(commandHelp(command, 200))];
    assert(at80 > 70 && at80 <= 80, command.name);
    assert(at200 <= 100, command.name);
  }
});

Deno.test("help: what goes on in the next line stands under what it belongs to", () => {
  const [generate] = COMMANDS;
  const beside = commandHelp(generate, 60);
  assertMatch(
    beside,
    /^ {2}-t, --target MODEL {10}The model: a directory in\n {30}Hugging Face layout, or a GGUF/m,
  );
  assertMatch(beside, /^ {2}-n, --max-tokens N {10}Most tokens/m);
  assertMatch(beside, /^ {6}--json {18}Print one line/m);
  const below = commandHelp(generate, 40);
  assertMatch(below, /^ {2}-t, --target MODEL\n {8}The model: a directory in\n {8}Hugging/m);
  assertStringIncludes(
    below,
    `  specmquant generate \\\n    -t models/demo/target \\\n    -p "Question: What is 2 + 3?" \\\n    -n 40\n`,
  );
});
