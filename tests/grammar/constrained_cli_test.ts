/**
 * Schemas, grammars and patterns from the command line.
 *
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { testIo } from "../../src/cli/fixtures_test.ts";
import { runProgram } from "../../src/cli/program.ts";
import { COMMANDS } from "../../src/cli/registry.ts";
import { SMALL, writeRandomHead } from "../models.ts";
import { makeModel, VOCAB } from "../whole_models.ts";

const root = Deno.makeTempDirSync();
addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));

const SHAPE = { ...SMALL, vocab: VOCAB };
const target = makeModel(`${root}/target`, SHAPE);
const draft = makeModel(`${root}/draft`, { ...SHAPE, noise: 0.2 });
const head = writeRandomHead(`${root}/head`, SHAPE);
const BASE = ["generate", "--backend", "cpu", "-p", "hello", "-n", "60"];
const TARGET = [...BASE, "-t", target];

const SCHEMA = {
  type: "object",
  properties: { ok: { type: "boolean" }, n: { type: "integer", minimum: 0, maximum: 99 } },
  required: ["ok", "n"],
  additionalProperties: false,
};
const schema = write("schema.json", JSON.stringify(SCHEMA));
const grammar = write("sums.ebnf", 'root ::= n ("+" n){2}\nn ::= [0-9]{1,2}\n');

function write(name: string, text: string): string {
  const file = `${root}/${name}`;
  Deno.writeTextFileSync(file, text);
  return file;
}

async function run(...args: string[]) {
  const io = testIo();
  const code = await runProgram(args, COMMANDS, io);
  return { code, out: io.stdout.text, err: io.stderr.text };
}

/** The JSON of a command that must succeed. */
// deno-lint-ignore no-explicit-any
async function json(...args: string[]): Promise<any> {
  const { code, out, err } = await run(...args, "--json");
  assertEquals([code, err], [0, ""]);
  return JSON.parse(out);
}

Deno.test("constrained: texts follow what is given, in every method, and the JSON has it", async () => {
  const others = [
    ["--draft", draft, "--method", "draft"],
    ["--head", head, "--method", "eagle2"],
    ["--draft", draft, "--head", head, "--method", "hier"],
    ["--draft", draft, "--head", head],
  ];
  const cases: [args: string[], given: unknown, fits: (text: string) => boolean][] = [
    [
      ["--json-schema", schema, "--temperature", "0.5", "--seed", "2"],
      { json_schema: SCHEMA },
      (text) => {
        const { ok, n, ...more } = JSON.parse(text);
        return typeof ok === "boolean" && n >= 0 && n <= 99 && Object.keys(more).length === 0;
      },
    ],
    [
      ["--grammar", grammar],
      { ebnf: Deno.readTextFileSync(grammar) },
      (text) => /^\d\d?(\+\d\d?){2}$/.test(text),
    ],
    [
      ["--regex", "(yes|no), [a-c]{5}"],
      { regex: "(yes|no), [a-c]{5}" },
      (text) => /^(yes|no), [a-c]{5}$/.test(text),
    ],
  ];
  for (const [args, given, fits] of cases) {
    const plain = await json(...TARGET, ...args);
    assertEquals([plain.finish_reason, plain.grammar], ["stop", given], plain.text);
    assert(fits(plain.text), plain.text);
    for (const more of others) {
      assertEquals((await json(...TARGET, ...args, ...more)).tokens, plain.tokens, `${more}`);
    }
  }
  assertEquals((await json(...TARGET)).grammar, null);
  const { err } = await run(...TARGET, "--regex", "yes", "--color", "always");
  assertMatch(err, /^proposed by: .*target.*grammar/);
});

Deno.test("constrained: what cannot be used is refused by its flag and file, before a model is read", async () => {
  const nowhere = [...BASE, "-t", `${root}/none`];
  const broken = write("broken.json", "{");
  const wrong = write("wrong.json", '{"type": "text"}');
  const bad = write("bad.ebnf", "root = x");
  const cases: [args: string[], code: number, words: string[]][] = [
    [["--json-schema", broken], 2, [`--json-schema: Cannot use ${broken}: `, "it is no JSON"]],
    [["--json-schema", wrong], 2, [`--json-schema: Cannot use ${wrong}: Cannot compile a JSON`]],
    [["--grammar", bad], 2, [`--grammar: Cannot use ${bad}: Cannot compile a grammar in EBNF`]],
    [["--regex", "(a"], 2, ["--regex: Cannot use (a: Cannot compile a regular expression"]],
    [["--json-schema", `${root}/nothing`], 1, [`Cannot read ${root}/nothing`]],
    [["--regex", "a", "--grammar", grammar], 2, ["--grammar", "--regex"]],
    [["--json-schema", schema, "--regex", "a"], 2, ["--json-schema", "--regex"]],
    [["--regex", "a", "--ignore-eos"], 2, ["--ignore-eos: it does nothing with --regex"]],
  ];
  for (const [args, expected, words] of cases) {
    const { code, err } = await run(...nowhere, ...args);
    assertEquals(code, expected, `${args}: ${err}`);
    for (const one of words) assertStringIncludes(err, one);
  }
});
