/**
 * Completions as the shells themselves give them; those that are not installed are skipped.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { testIo } from "../fixtures_test.ts";
import { runProgram } from "../program.ts";
import { COMMANDS } from "../registry.ts";

const root = Deno.makeTempDirSync();
addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));
for (const dir of ["mod-a", "my model"]) Deno.mkdirSync(`${root}/${dir}`);
for (const file of ["mod.txt", "notes.txt", "my.gguf"]) {
  Deno.writeTextFileSync(`${root}/${file}`, "");
}

/** A command line up to the cursor, and the words that may stand at its end. */
const CASES: readonly (readonly [line: string, words: readonly string[]])[] = [
  ["specmquant ge", ["generate"]],
  ["specmquant --v", ["--version"]],
  ["specmquant help co", ["completions", "convert-head"]],
  ["specmquant completions ", ["bash", "fish", "zsh"]],
  ["specmquant generate --m", ["--max-tokens", "--method", "--min-draft", "--min-p"]],
  ["specmquant generate --method ", [
    "ar",
    "auto",
    "dflash",
    "draft",
    "dspark",
    "eagle2",
    "eagle3",
    "hier",
    "suffix",
  ]],
  ["specmquant generate --inner ", ["dflash", "dspark", "eagle2", "eagle3", "suffix"]],
  ["specmquant generate -t mod", ["mod-a"]],
  ["specmquant generate --target my", ["my model", "my.gguf"]],
  ["specmquant generate --draft my.", ["my.gguf"]],
  ["specmquant generate --head my", ["my model"]],
  ["specmquant generate --prompt-file n", ["notes.txt"]],
  ["specmquant generate --logp", ["--logprobs", "--logprobs-of"]],
  ["specmquant generate --sampling ", ["greedy", "model"]],
  ["specmquant generate --logprobs-of p", ["processed"]],
  ["specmquant generate --logit-bias ", []],
  ["specmquant generate --json-schema n", ["notes.txt"]],
  ["specmquant generate --grammar n", ["notes.txt"]],
  ["specmquant generate --regex n", []],
  ["specmquant generate --prompt ", []],
  ["specmquant generate -p ", []],
  ["specmquant generate -n ", []],
  // What looks like a command, a flag or a file is the prompt here.
  ["specmquant generate --prompt score --b", ["--backend"]],
  ["specmquant inspect m", ["mod-a", "my model", "my.gguf"]],
  ["specmquant inspect --b", ["--bandwidth"]],
  ["specmquant quantize --scheme w8", ["w8a8"]],
  ["specmquant quantize --scheme=w8", ["w8a8"]],
  ["specmquant quantize --zero-points g", ["gptq"]],
  ["specmquant bench --tables for", ["forward"]],
  ["specmquant bench --tables forward,pre", ["prefill"]],
];

async function scriptOf(shell: string): Promise<string> {
  const io = testIo();
  assertEquals(await runProgram(["completions", shell], COMMANDS, io), 0);
  const file = `${root}/completions.${shell}`;
  Deno.writeTextFileSync(file, io.stdout.text);
  return file;
}

/** Reads a completion line as words, e.g. `--scheme=w8a8` as `w8a8` and `a,b` as `b`. */
function word(text: string): string {
  const bare = text.replace(/\t.*/, "").replace(/^--[a-z-]+=/, "").replace(/^.*,/, "");
  return bare.replaceAll("\\ ", " ").replace(/\/$/, "");
}

/** Runs a shell on a driver that prints the words for each line, and `=` behind them. */
async function answers(shell: string, args: readonly string[]): Promise<string[][]> {
  const { code, stdout, stderr } = await new Deno.Command(shell, {
    args: [...args],
    cwd: root,
    stdin: "null",
    env: { HOME: root, TERM: "dumb" },
  }).output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  assertEquals([code, decode(stderr)], [0, ""]);
  const parts = decode(stdout).split(/^=\n/m).slice(0, -1);
  return parts.map((part) =>
    [...new Set(part.split("\n").filter((line) => line.trim() !== "").map(word))].sort()
  );
}

/** bash hands its function the words up to the cursor; = is a word of its own. */
const BASH = `
source "$1"; shift
for line; do
  mapfile -t COMP_WORDS < <(sed 's/ /\\n/g; s/=/\\n=\\n/g' <<< "$line")
  COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
  _specmquant
  printf '%s\\n' "\${COMPREPLY[@]}" =
done
`;

const FISH = `
source $argv[1]
for line in $argv[2..]
  complete -C $line
  echo =
end
`;

/** zsh completes in its line editor alone: one on a terminal of its own, which tells what it adds. */
const ZSH = `
zmodload zsh/zpty
export SCRIPT=$1 FOUND=$2
shift 2
touch $FOUND
zpty -b child 'zsh -f -i'
cat > $FOUND.setup <<'SETUP'
PROMPT=
autoload -Uz compinit
compinit -u -D
source $SCRIPT
compadd() {
  local -a found
  # Calls that only ask which words match add nothing.
  if [[ " \${(j: :)@[1,(i)(-|--)]} " != *" -"[OAD]" "* ]]; then
    builtin compadd -O found "$@"
    print -rl -- $found >> $FOUND
  fi
  builtin compadd "$@"
}
end-line() { print -r -- = >> $FOUND; zle kill-whole-line }
end-all() { print -r -- ALL-DONE }
zle -N end-line
zle -N end-all
bindkey '^I' complete-word '^Xl' end-line '^Xa' end-all
print READY
SETUP
zpty -w child "source $FOUND.setup"
zpty -r child got '*READY*'
for line; do zpty -wn child "$line"$'\\t\\x18l'; done
zpty -wn child $'\\x18a'
zpty -r child got '*ALL-DONE*'
zpty -d child
cat $FOUND
`;

function installed(shell: string): boolean {
  try {
    return new Deno.Command(shell, { args: ["-c", "true"] }).outputSync().success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

const DRIVERS: Readonly<Record<string, (script: string) => string[]>> = {
  bash: (script) => ["--norc", "-c", BASH, "bash", script],
  zsh: (script) => ["-f", "-c", ZSH, "zsh", script, `${root}/found`],
  fish: (script) => ["--no-config", "-c", FISH, script],
};

for (const [shell, args] of Object.entries(DRIVERS)) {
  Deno.test({
    name: `completions: ${shell} completes commands, flags, their values and paths`,
    ignore: !installed(shell),
    fn: async () => {
      const lines = CASES.map(([line]) => line);
      const found = await answers(shell, [...args(await scriptOf(shell)), ...lines]);
      assertEquals(found.length, CASES.length);
      for (const [at, [line, words]] of CASES.entries()) assertEquals(found[at], words, line);
    },
  });
}

Deno.test("completions: every flag of every command is in every script", async () => {
  for (const shell of Object.keys(DRIVERS)) {
    const text = Deno.readTextFileSync(await scriptOf(shell));
    for (const { name, options } of COMMANDS) {
      assert(text.includes(name), `${shell}: ${name}`);
      for (const { name: option, short } of options) {
        assertMatch(text, new RegExp(shell === "fish" ? `-l ${option} ` : `--${option}\\b`));
        if (short !== undefined) assertMatch(text, new RegExp(`-(s )?${short}\\b`));
      }
    }
  }
});

Deno.test("completions: a shell that there is none for", async () => {
  const io = testIo();
  assertEquals(await runProgram(["completions", "zhs"], COMMANDS, io), 2);
  assertEquals(
    io.stderr.text.split("\n")[0],
    `error: Cannot use "zhs": expected bash, zsh or fish; did you mean zsh?`,
  );
});
