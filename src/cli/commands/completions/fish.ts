/**
 * Completions for fish.
 *
 * @module
 */
import type { CommandGrammar, Expected, Flag, Shell } from "./grammar.ts";
import { PROGRAM_FLAGS } from "./grammar.ts";

function quoted(text: string): string {
  return `'${text.replaceAll(/[\\']/g, "\\$&")}'`;
}

/** What \`complete\` is told about a value: no files unless it is one. */
function valueOf(expected: Expected): string {
  switch (expected.kind) {
    case "words":
      return `-x -a ${quoted(expected.words.join(" "))}`;
    case "list":
      return `-x -a ${
        quoted(`(__fish_complete_list , 'printf "%s\\n" ${expected.words.join(" ")}')`)
      }`;
    case "directory":
      return "-x -a '(__fish_complete_directories)'";
    case "file":
      return "-r -F";
    case "model":
      return `-x -a '(__fish_complete_directories; __fish_complete_path | string match "*.gguf*")'`;
    case "text":
      return "-x";
  }
}

function flagOf({ long, short, summary, value }: Flag): string {
  const letter = short === undefined ? "" : `-s ${short.slice(1)} `;
  const rest = value === undefined ? "-f" : valueOf(value.expected);
  return `${letter}-l ${long.slice(2)} ${rest} -d ${quoted(summary)}`;
}

function script(program: string, commands: readonly CommandGrammar[]): string {
  const about = `complete -c ${program}`;
  const first = `${about} -n __${program}_first`;
  const lines = commands.flatMap(({ name, summary, flags, positional }) => {
    const within = `${about} -n '__${program}_runs ${name}'`;
    return [
      "",
      `${first} -f -a ${name} -d ${quoted(summary)}`,
      ...flags.map((flag) => `${within} ${flagOf(flag)}`),
      ...(positional ? [`${within} ${valueOf(positional.expected)}`] : []),
    ];
  });
  return `# fish completion of ${program}: the output of "${program} completions fish"

function __${program}_first
    test (count (commandline -opc)) -eq 1
end

function __${program}_runs
    set -l words (commandline -opc)
    test (count $words) -gt 1; and test $words[2] = $argv[1]
end

${about} -f
${PROGRAM_FLAGS.map((flag) => `${first} ${flagOf(flag)}`).join("\n")}
${lines.join("\n").trimStart()}
`;
}

/** fish. */
export const fish: Shell = {
  name: "fish",
  place: "~/.config/fish/completions/PROGRAM.fish",
  script,
};
