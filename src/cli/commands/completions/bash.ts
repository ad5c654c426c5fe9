/**
 * Completions for bash.
 *
 * @module
 */
import {
  type CommandGrammar,
  type Expected,
  namesOf,
  PROGRAM_FLAGS,
  type Shell,
} from "./grammar.ts";

/** The bash commands that complete a value. */
function action(expected: Expected): string {
  switch (expected.kind) {
    case "words":
      return `words ${expected.words.join(" ")}`;
    case "list":
      return `list ${expected.words.join(" ")}`;
    case "directory":
      return "paths -d";
    case "file":
      return "paths -f";
    case "model":
      return "models";
    case "text":
      return "text";
  }
}

/** Cases of `<command> <flag>`, those of one action together. */
function valueCases(name: string, commands: readonly CommandGrammar[]): string {
  const cases = new Map<string, string[]>();
  for (const { name, flags } of commands) {
    for (const flag of flags) {
      if (flag.value === undefined) continue;
      const key = action(flag.value.expected);
      const patterns = namesOf(flag).map((word) => `"${name} ${word}"`);
      cases.set(key, [...(cases.get(key) ?? []), ...patterns]);
    }
  }
  return [...cases].map(([key, patterns]) =>
    `    ${patterns.join(" | ")})\n      ${name}_${key}\n      return\n      ;;\n`
  ).join("");
}

function commandCases(name: string, commands: readonly CommandGrammar[]): string {
  return commands.map(({ name: command, flags, positional }) => {
    const argument = positional &&
      `      [[ $cur == -* ]] || { ${name}_${action(positional.expected)}; return; }\n`;
    const words = flags.flatMap(namesOf).join(" ");
    return `    ${command})\n${argument ?? ""}      ${name}_words ${words || "--help"}\n      ;;\n`;
  }).join("");
}

function script(program: string, commands: readonly CommandGrammar[]): string {
  const name = `_${program}`;
  const first = [...commands.map(({ name }) => name), ...PROGRAM_FLAGS.flatMap(namesOf)];
  const topics = commands.filter(({ name }) => name !== "help").map(({ name }) => name);
  return `# bash completion of ${program}: the output of "${program} completions bash"

${name}_words() {
  mapfile -t COMPREPLY < <(compgen -W "$*" -- "$cur")
}

${name}_list() {
  local before=""
  [[ $cur == *,* ]] && before="\${cur%,*},"
  compopt -o nospace 2> /dev/null
  mapfile -t COMPREPLY < <(compgen -P "$before" -W "$*" -- "\${cur##*,}")
}

${name}_paths() {
  compopt -o filenames 2> /dev/null
  mapfile -t COMPREPLY < <(compgen "$1" -- "$cur")
}

${name}_models() {
  compopt -o filenames 2> /dev/null
  mapfile -t COMPREPLY < <({ compgen -d -- "$cur"; compgen -f -X '!*.gguf' -- "$cur"; } | sort -u)
}

${name}_text() {
  COMPREPLY=()
}

${name}() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" flag="\${COMP_WORDS[COMP_CWORD - 1]}"
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    ${name}_words ${first.join(" ")}
    return
  fi
  # "--flag=value" comes as three words.
  if [[ $cur == "=" ]]; then
    cur=""
  elif [[ $flag == "=" ]]; then
    flag="\${COMP_WORDS[COMP_CWORD - 2]}"
  fi
  case "\${COMP_WORDS[1]} $flag" in
${valueCases(name, commands)}  esac
  case "\${COMP_WORDS[1]}" in
${commandCases(name, commands)}    -h | --help)
      ${name}_words ${topics.join(" ")}
      ;;
  esac
}

complete -F ${name} ${program}
`;
}

/** bash. */
export const bash: Shell = {
  name: "bash",
  place: "~/.local/share/bash-completion/completions/PROGRAM, or the end of ~/.bashrc",
  script,
};
