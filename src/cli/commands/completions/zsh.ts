/**
 * Completions for zsh.
 *
 * @module
 */
import type { CommandGrammar, Flag, Shell } from "./grammar.ts";
import { namesOf, PROGRAM_FLAGS } from "./grammar.ts";

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** A text within the specifications of \`_arguments\`, where colons and brackets mean something. */
function escaped(text: string): string {
  return text.replaceAll(/[\\:[\]]/g, "\\$&");
}

/** What \`_arguments\` is told about a value. */
function valueOf({ name, expected }: NonNullable<Flag["value"]>): string {
  const message = `:${escaped(name)}:`;
  switch (expected.kind) {
    case "words":
      return `${message}(${expected.words.join(" ")})`;
    case "list":
      return `${message}_sequence compadd - ${expected.words.join(" ")}`;
    case "directory":
      return `${message}_files -/`;
    case "file":
      return `${message}_files`;
    case "model":
      return `${message}_files -g "*.gguf"`;
    case "text":
      return `${message} `;
  }
}

/** One specification for each name of a flag; what is given once rules out all of them. */
function flagOf(flag: Flag): string[] {
  const { summary, value, repeats } = flag;
  const once = repeats ? "*" : `(${namesOf(flag).join(" ")})`;
  return namesOf(flag).map((name) => {
    const joint = value === undefined ? "" : name.startsWith("--") ? "=" : "+";
    const rest = value === undefined ? "" : valueOf(value);
    return quoted(`${once}${name}${joint}[${escaped(summary)}]${rest}`);
  });
}

function caseOf({ name, flags, positional }: CommandGrammar): string {
  const specifications = [
    ...flags.flatMap(flagOf),
    ...(positional ? [quoted(`1${valueOf(positional)}`)] : []),
  ];
  return `        ${name})
          _arguments -S \\
            ${specifications.join(" \\\n            ")}
          ;;
`;
}

function script(program: string, commands: readonly CommandGrammar[]): string {
  const summaries = commands.map(({ name, summary }) => quoted(`${name}:${summary}`));
  return `#compdef ${program}
# zsh completion of ${program}: the output of "${program} completions zsh"

_${program}() {
  local curcontext="$curcontext" state line
  typeset -A opt_args
  local -a commands=(
    ${summaries.join("\n    ")}
  )
  _arguments -C \\
    ${PROGRAM_FLAGS.flatMap(flagOf).join(" \\\n    ")} \\
    '1:COMMAND:->command' \\
    '*::argument:->argument'
  case $state in
    command)
      _describe -t commands COMMAND commands
      ;;
    argument)
      curcontext="\${curcontext%:*:*}:${program}-$words[1]:"
      case $words[1] in
${commands.map(caseOf).join("")}      esac
      ;;
  esac
}

if [[ $funcstack[1] == _${program} ]]; then
  _${program} "$@"
else
  compdef _${program} ${program}
fi
`;
}

/** zsh. */
export const zsh: Shell = {
  name: "zsh",
  place: "_PROGRAM in a folder of $fpath",
  script,
};
