/**
 * `eval` from end to end, on the bundled trio and made-up benchmarks: what it answers, what is left of it when it is
 * killed, and its report in a browser.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertGreater,
  assertMatch,
  assertNotEquals,
  assertStringIncludes,
} from "@std/assert";
import { fileURLToPath } from "node:url";
import { findBrowser, openPage } from "../../scripts/browser/browser.ts";
import { DEMO_DIR } from "../../scripts/models/trio.ts";
import { testIo } from "../../src/cli/fixtures_test.ts";
import { runProgram } from "../../src/cli/program.ts";
import { COMMANDS } from "../../src/cli/registry.ts";
import { Tokenizer } from "../../src/text/tokenizer.ts";
import { noNamespaces } from "../namespaces.ts";
import { writeBenchmarks } from "./eval_data.ts";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const CONFIG = fileURLToPath(new URL("../../deno.json", import.meta.url));

const root = Deno.makeTempDirSync();
addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));
const data = writeBenchmarks(`${root}/data`);

const TOKENS = 12;
const CPU = ["--backend", "cpu"];

async function run(args: readonly string[]) {
  const io = testIo();
  const code = await runProgram(args, COMMANDS, io);
  return { code, out: io.stdout.text, err: io.stderr.text };
}

/** Arguments of an evaluation of the trio, `tokens` a turn. */
function demo(bench: string, out: string, more: readonly string[], tokens = TOKENS): string[] {
  return ["eval", "--trio", DEMO_DIR, "--bench", bench, "--data", data, "--out", `${root}/${out}`]
    .concat("-n", `${tokens}`, CPU, more);
}

async function evaluated(args: readonly string[]) {
  const { code, out, err } = await run(args);
  assertEquals(code, 0, err);
  return out;
}

// deno-lint-ignore no-explicit-any
type Json = any;

/** The lines of an evaluation's answers. */
function answers(out: string): Json[] {
  return Deno.readTextFileSync(`${root}/${out}/answers.jsonl`).trimEnd().split("\n")
    .map((line) => JSON.parse(line));
}

function read(out: string, name: string): string {
  return Deno.readTextFileSync(`${root}/${out}/${name}`);
}

const key = ({ target, method, seed, problem }: Json) =>
  JSON.stringify([target, method, seed, problem]);

/** What of an answer does not depend on clocks. */
const said = (answer: Json) => [
  key(answer),
  answer.turns.map((turn: Json) => [
    turn.tokens,
    turn.text,
    turn.cached_tokens,
    turn.levels.map(({ lengths, rows }: Json) => [lengths, rows]),
  ]),
];

// 8 s.
Deno.test("eval: each benchmark, with the tokens of generate, and the same in every method", async () => {
  const counts: Record<string, number> = { gsm8k: 3, mt_bench: 2, spec_bench: 4, humaneval: 2 };
  for (const [bench, prompts] of Object.entries(counts)) {
    const methods = bench === "gsm8k" ? "ar,draft,suffix,eagle2,hier" : "ar,eagle2";
    const out = await evaluated(demo(bench, bench, ["--limit", "4", "--methods", methods]));
    assertMatch(out, new RegExp(`^benchmark +${bench}\nprompts +${prompts}\n`));
    const all = answers(bench);
    assertEquals(all.length, prompts * methods.split(",").length);
    assertEquals(new Set(all.map(key)).size, all.length);
    const { targets: [{ methods: figures }] } = JSON.parse(read(bench, "summary.json"));
    assertEquals(figures.map(({ name }: Json) => name), methods.split(","));
    for (const { all: { same, answers } } of figures) assertEquals(same, answers);
    for (const { turns, method } of all) {
      for (const { tokens, levels } of turns) {
        const { lengths, rows } = levels[0];
        const sum = lengths.reduce((a: number, b: number) => a + b, 0);
        assert(sum >= tokens.length && lengths.length === rows.length);
        if (method === "ar") assertEquals([sum, Math.max(...rows)], [tokens.length, 1]);
        if (method === "hier") {
          assertEquals(levels.map(({ name }: Json) => name), ["target", "draft"]);
        }
      }
    }
  }
  const prompt = "Mia has 4 pens and buys 3. How many pens has she?";
  const generate = ["generate", "-t", `${DEMO_DIR}/target`, "--chat", "--json", "-p", prompt];
  const expected = JSON.parse(await evaluated([...generate, "-n", `${TOKENS}`, ...CPU]));
  for (const { problem, turns: [turn] } of answers("gsm8k")) {
    if (problem !== "1") continue;
    assertEquals([turn.tokens, turn.text], [expected.tokens, expected.text]);
    assertEquals(turn.finish_reason, expected.finish_reason);
    assertEquals([turn.prompt_tokens, turn.cached_tokens], [expected.prompt_tokens, 0]);
  }
  // A second turn goes on from the first: its prompt has the answer in it, and most of it is in the caches.
  const [{ turns: [first, second] }] = answers("mt_bench");
  assertGreater(second.prompt_tokens, first.prompt_tokens + first.tokens.length);
  assertGreater(second.cached_tokens, first.prompt_tokens - 2);
  const tokenizer = Tokenizer.load(`${DEMO_DIR}/target`);
  assertEquals(tokenizer.decode(first.tokens, { skipSpecialTokens: true }), first.text);
  for (const name of ["report.md", "report.html"]) {
    assertStringIncludes(read("gsm8k", name), "exact match");
    assert(!read("humaneval", name).includes("pass@1"));
  }
});

// 2 s.
Deno.test("eval: what is answered is not asked again, and methods, prompts and targets may be added", async () => {
  await evaluated(demo("spec_bench", "grown", ["--limit", "2", "--methods", "suffix"]));
  const before = read("grown", "answers.jsonl");
  const more = ["--limit", "3", "--methods", "ar,suffix:depth=3"];
  await evaluated(demo("spec_bench", "grown", more));
  const after = read("grown", "answers.jsonl");
  assert(after.startsWith(before));
  assertEquals(answers("grown").length, 2 + 2 * 3);
  await evaluated(demo("spec_bench", "grown", more));
  assertEquals(read("grown", "answers.jsonl"), after);
  const other = await run(demo("spec_bench", "grown", [...more, "--context", "99"]));
  assertEquals(other.code, 1);
  assertStringIncludes(other.err, "Cannot go on in");
  const grid = ["eval", "--bench", "spec_bench", "--data", data, "--out", `${root}/grid`, "-n", "4"]
    .concat("--limit", "2", CPU, "--methods", "ar,draft", "--draft", `${DEMO_DIR}/draft`)
    .concat("--targets", `large=${DEMO_DIR}/target,small=${DEMO_DIR}/draft`);
  const text = await evaluated(grid);
  assertMatch(text, /^Compatibility: [^]*^large +\d+\.\d tokens\/s +\d\.\d\d \(\d\.\d\d\)$/m);
  // A model that drafts for itself is always right: six tokens, and the one behind them.
  const { targets: [, { methods: [, { all }] }] } = JSON.parse(read("grid", "summary.json"));
  assertEquals(all.tau, 7);
});

// 2 s.
Deno.test("eval: sampled texts of several seeds are those of generate, and the same in every method", async () => {
  const sampling = ["--temperature", "0.9", "--seed", "7"];
  const more = ["--limit", "1", "--methods", "ar,suffix", "--seeds", "2", ...sampling];
  await evaluated(demo("gsm8k", "sampled", more));
  const all = answers("sampled");
  assertEquals(all.map(({ method, seed }) => [method, seed]), [
    ["ar", 7],
    ["ar", 8],
    ["suffix", 7],
    ["suffix", 8],
  ]);
  const texts = all.map(({ turns: [{ tokens }] }) => tokens);
  assertEquals([texts[0], texts[1]], [texts[2], texts[3]]);
  assertNotEquals(texts[0], texts[1]);
  const prompt = "Mia has 4 pens and buys 3. How many pens has she?";
  const generate = ["generate", "-t", `${DEMO_DIR}/target`, "--chat", "--json", "-p", prompt];
  const same = await evaluated([...generate, ...sampling, "-n", `${TOKENS}`, ...CPU]);
  assertEquals(JSON.parse(same).tokens, texts[0]);
});

// 2 s.
Deno.test("eval: prompts that do not fit into the context are left out, and told", async () => {
  const file = `${root}/long.jsonl`;
  const long = "word ".repeat(100);
  const rows = [
    { id: "short", prompt: "Hello." },
    { id: "long", prompt: long, category: "long" },
    { id: "half", turns: ["Hello.", long], category: "long" },
  ];
  Deno.writeTextFileSync(file, rows.map((row) => JSON.stringify(row)).join("\n"));
  const args = ["eval", "-t", `${DEMO_DIR}/target`, "--bench", file, "--out", `${root}/long`]
    .concat("--methods", "ar", "--context", "64", "-n", "4", CPU);
  const out = await evaluated(args);
  assertMatch(out, /^Left out\n.*\n.*\ntarget +long +2\n/m);
  assertEquals(answers("long").map(({ turns, left }) => [turns.length, left]), [
    [1, 0],
    [0, 1],
    [1, 1],
  ]);
  // A prompt that fills the context leaves no room for an answer.
  const [{ turns: [{ prompt_tokens: exact }] }] = answers("long");
  const full = args.map((word) => word === "64" ? `${exact}` : word.replace(/long$/, "full"));
  await evaluated(full);
  assertEquals(answers("full").map(({ left }) => left), [1, 1, 2]);
});

/** Begins an evaluation in a process of its own. */
function begin(args: readonly string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", `--config=${CONFIG}`, MAIN, ...args],
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
}

/** The bytes of a file; none where it is not there yet. */
function bytesOf(path: string): Uint8Array {
  try {
    return Deno.readFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return new Uint8Array();
    throw error;
  }
}

const lines = (bytes: Uint8Array) => bytes.reduce((count, byte) => count + Number(byte === 10), 0);

/** Runs `args` until there are `count` answers in `path`, and sends `signal`; how the process ended. */
async function stopped(args: readonly string[], path: string, count: number, signal: Deno.Signal) {
  const child = begin(args);
  const started = performance.now();
  while (lines(bytesOf(path)) < count) {
    assert(performance.now() - started < 60_000, "no answer in a minute");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  child.kill(signal);
  return await child.status;
}

// 6 s.
Deno.test("eval: killed and gone on with, it has all answers once, as without", async () => {
  const args = (out: string) => demo("gsm8k", out, ["--methods", "ar,suffix,eagle2"], 60);
  await evaluated(args("whole"));
  const total = answers("whole").length;
  const path = `${root}/killed/answers.jsonl`;
  // What a process leaves that is killed before its first answer.
  Deno.mkdirSync(`${root}/killed`);
  Deno.writeTextFileSync(`${root}/killed/run.json.12345678.partial`, "{");
  let kept: Uint8Array = new Uint8Array();
  for (const signal of ["SIGKILL", "SIGINT", "SIGKILL"] as const) {
    const { code, signal: by } = await stopped(args("killed"), path, lines(kept) + 1, signal);
    if (signal === "SIGKILL") assertEquals(by, signal);
    else assertEquals(code, 130);
    const now = bytesOf(path);
    assertEquals(now.subarray(0, kept.length), kept);
    kept = now.subarray(0, now.lastIndexOf(10) + 1);
    assert(lines(kept) < total, "all was done before it was stopped");
    // What a process that is killed in the middle of a line leaves.
    Deno.writeTextFileSync(path, '{"target":"demo","met', { append: true });
  }
  await evaluated(args("killed"));
  assertEquals(answers("killed").map(said), answers("whole").map(said));
});

const apart = noNamespaces();

// 3 s.
Deno.test({
  name: `eval: code is run where that is asked for${apart ? ` [skipped: ${apart}]` : ""}`,
  ignore: apart !== undefined,
  async fn() {
    const more = ["--methods", "ar", "--limit", "1", "--run-code"];
    const out = await evaluated(demo("humaneval", "code", more));
    assertMatch(out, /^demo +ar +1 +0\.0 \[0\.0, 79\.3\]$/m);
    // Answers that are there are judged again: as if the model had been right.
    const path = `${root}/code/answers.jsonl`;
    const [answer] = answers("code");
    answer.turns[0].text = "```python\ndef doubled(x):\n    return x + x\n```";
    Deno.writeTextFileSync(path, `${JSON.stringify(answer)}\n`);
    assertMatch(await evaluated(demo("humaneval", "code", more)), /^demo +ar +1 +100\.0 \[/m);
    assertStringIncludes(read("code", "report.html"), "pass@1");
  },
});

Deno.test("eval: what cannot be is refused before anything is written", async () => {
  const out = ["--out", `${root}/refused`];
  const cases: [args: string[], code: number, words: string][] = [
    [["--bench", "gsm8k", "--data", data], 2, "--trio DIR, --target MODEL or --targets"],
    [["--trio", DEMO_DIR, "--bench", "gsm8"], 2, "--bench: Cannot use bench gsm8"],
    [["--trio", DEMO_DIR, "--bench", "gsm8k"], 2, "published as test.jsonl"],
    [["--trio", DEMO_DIR, "--bench", "gsm8k", "--data", root], 1, "has no gsm8k_test.jsonl"],
    [["--trio", root, "--bench", "gsm8k", "--data", data], 2, "it has no directory target"],
    [
      ["--trio", DEMO_DIR, "--bench", "gsm8k", "--data", data, "--methods", "ar,eagle3"],
      2,
      "demo has no models for it, expected an EAGLE-3 head of the target",
    ],
    [["--targets", "a", "--bench", "gsm8k", "--data", data], 2, "a name and a model each"],
    [["--targets", "a=x,a=y", "--bench", "gsm8k", "--data", data], 2, "no name twice"],
    [
      ["--target", `${root}/none`, "--bench", "gsm8k", "--data", data, "--sampling", "model"],
      1,
      "--target: Cannot read",
    ],
  ];
  for (const [args, code, words] of cases) {
    const outcome = await run(["eval", ...args, ...out, ...CPU]);
    assertEquals([outcome.code, outcome.out], [code, ""], outcome.err);
    assertStringIncludes(outcome.err, words);
  }
  assertEquals([...Deno.readDirSync(root)].some(({ name }) => name === "refused"), false);
  const taken = await run(demo("gsm8k", "data", []));
  assertEquals(taken.code, 1);
  assertStringIncludes(taken.err, "expected an absent or empty directory, or one of an evaluation");
});

const browser = findBrowser();
const reason = browser === undefined ? " [skipped: Chromium is not installed]" : "";

// 4 s.
Deno.test({
  name: `eval: the report opens in a browser without a word in its console${reason}`,
  ignore: browser === undefined,
  async fn() {
    const more = ["--limit", "3", "--methods", "ar,suffix"];
    await evaluated(demo("spec_bench", "shown", more, 4));
    const report = read("shown", "report.html");
    const { dom, logged } = await openPage(browser!, `file://${root}/shown/report.html`);
    assertEquals(logged, []);
    for (const tag of ["<svg", "<table", "<h2"]) {
      assertEquals(dom.split(tag).length, report.split(tag).length, tag);
    }
    // What a page says is heard.
    const bad = `${root}/bad.html`;
    Deno.writeTextFileSync(bad, report.replace("</body>", "<script>nothing()</script></body>"));
    const [error] = (await openPage(browser!, `file://${bad}`)).logged;
    assertMatch(error, /ReferenceError: nothing is not defined/);
  },
});
