/**
 * The twin beside llama.cpp (node-llama-cpp's prebuilt library) on the same processor, threads and weights:
 *
 *     python bench/llama_cpp/models.py CACHE      # see there for what it needs
 *     deno task specmquant quantize --model CACHE/f16 --out CACHE/w8a8 --scheme w8a8 --method rtn
 *     deno run -A bench/llama_cpp.ts CACHE [--rounds 5] [--threads 1,2] [--cases q4_1,q8_0] [--json FILE]
 *
 * Rounds are interleaved: ours, theirs, ours, theirs. Decoding is 64 tokens behind a prompt of 64, reading a
 * prompt is of 512 tokens; both greedy, no speculation. Prints a table, and writes the format of
 * `docs/bench-format.md`. npm installs the pinned package into CACHE; nothing of this project needs it.
 *
 * Both programs answer a line `{"what": "decode" | "prompt", "prompt": [...], "warm", "tokens"}` of standard
 * input with a line `{"ms"}`, after a first line `{"about"}`.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { fileURLToPath } from "node:url";
import { commitOf, describeDevice } from "../src/cli/commands/bench/environment.ts";
import type { Figure, Section } from "../src/cli/commands/bench/figure.ts";
import { reportJson } from "../src/cli/commands/bench/report.ts";
import { quantile, summarize } from "../src/cli/commands/bench/samples.ts";
import { Device } from "../src/device/mod.ts";
import { TextLineStream } from "./llama_cpp/lines.ts";

/** What is compared: a file of theirs and, where that is not the same, a folder of ours. */
const CASES = [
  { name: "f16", theirs: "f16.gguf", ours: "f16.gguf" },
  { name: "q4_1", theirs: "q4_1.gguf", ours: "q4_1.gguf" },
  { name: "q8_0", theirs: "q8_0.gguf", ours: "q8_0.gguf" },
  { name: "q8_0-w8a8", theirs: "q8_0.gguf", ours: "w8a8" },
] as const;

/** What is measured, and how many tokens that is. */
const WORK = [
  { what: "decode", prompt: 64, warm: 4, tokens: 64 },
  { what: "prompt", prompt: 512, warm: 0, tokens: 512 },
] as const;

const HERE = new URL("./llama_cpp/", import.meta.url);

/** A program at work; idle between two lines. */
class Program implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #lines: ReadableStreamDefaultReader<string>;

  constructor(command: string, args: readonly string[]) {
    this.#child = new Deno.Command(command, {
      args: [...args],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    this.#writer = this.#child.stdin.getWriter();
    this.#lines = this.#child.stdout.pipeThrough(new TextDecoderStream())
      .pipeThrough(new TextLineStream()).getReader();
  }

  /** Its next line. */
  async line(): Promise<{ about: string; ms: number }> {
    const { value } = await this.#lines.read();
    if (value === undefined) throw new Error("a program ended before its answer");
    return JSON.parse(value);
  }

  /** Milliseconds of a piece of work. */
  async ms(work: (typeof WORK)[number]): Promise<number> {
    // Tokens of no text, none of them special.
    const prompt = Array.from({ length: work.prompt }, (_, i) => 1000 + (i * 7919) % 30000);
    const text = `${JSON.stringify({ ...work, prompt })}\n`;
    await this.#writer.write(new TextEncoder().encode(text));
    return (await this.line()).ms;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer.close();
    await this.#child.status;
  }
}

/** Installs the pinned package, where it is not. */
function install(cache: string): string {
  const folder = `${cache}/node-llama-cpp`;
  Deno.mkdirSync(folder, { recursive: true });
  Deno.copyFileSync(new URL("package.json", HERE), `${folder}/package.json`);
  const { success } = new Deno.Command("npm", {
    args: ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"],
    cwd: folder,
  }).outputSync();
  if (!success) throw new Error(`Cannot install node-llama-cpp in ${folder}: npm failed`);
  return folder;
}

function rate(name: string, tokens: number, ms: readonly number[], first?: number): Figure {
  const { median, p10, p90, runs } = summarize(ms.map((one) => tokens / one * 1000));
  const relative = first === undefined ? undefined : median / first;
  return { name, value: median, unit: "tokens/s", better: "higher", p10, p90, runs, relative };
}

/** Measures one case; the median of the rounds' own ratios is in the notes. */
async function compare(
  one: (typeof CASES)[number],
  cache: string,
  folder: string,
  threads: number,
  rounds: number,
): Promise<Section> {
  const at = (name: string) => fileURLToPath(new URL(name, HERE));
  await using ours = new Program(Deno.execPath(), [
    ...["run", "-A", "--no-check", at("ours.ts"), `${cache}/${one.ours}`, `${threads}`],
  ]);
  await using theirs = new Program("node", [
    ...[at("theirs.mjs"), folder, `${cache}/${one.theirs}`, `${threads}`],
  ]);
  await ours.line();
  const { about } = await theirs.line();
  const figures: Figure[] = [];
  const notes = [`llama.cpp: ${about}`];
  for (const work of WORK) {
    const [a, b]: [number[], number[]] = [[], []];
    // The first round of each warms caches, and is not counted.
    for (let round = 0; round <= rounds; round++) {
      const pair = [await ours.ms(work), await theirs.ms(work)];
      if (round === 0) continue;
      a.push(pair[0]);
      b.push(pair[1]);
    }
    const their = rate(`llama.cpp ${work.what}`, work.tokens, b);
    figures.push(their, rate(`specmquant ${work.what}`, work.tokens, a, their.value));
    const ratios = a.map((ms, i) => b[i] / ms).sort((x, y) => x - y);
    const shown = [0, 0.5, 1].map((share) => quantile(ratios, share).toFixed(2));
    notes.push(
      `${work.what}: times llama.cpp, least, median and most of the rounds: ${shown.join(", ")}`,
    );
  }
  return { table: "llama.cpp", subject: `${one.name}/threads=${threads}`, notes, figures };
}

const args = parseArgs(Deno.args, {
  string: ["rounds", "threads", "json", "cases"],
  default: { rounds: "5", threads: "1,2", cases: CASES.map(({ name }) => name).join() },
});
const [cache] = args._.map(String);
if (cache === undefined) {
  throw new Error("expected a folder of models, from bench/llama_cpp/models.py");
}
const date = new Date().toISOString();
const folder = install(cache);
const rounds = Number(args.rounds);
const sections: Section[] = [];
console.log("| threads | weights | work | llama.cpp, tokens/s | ours | ratio |");
console.log("| --- | --- | --- | --- | --- | --- |");
for (const threads of args.threads.split(",").map(Number)) {
  for (const one of CASES.filter(({ name }) => args.cases.split(",").includes(name))) {
    const section = await compare(one, cache, folder, threads, rounds);
    sections.push(section);
    WORK.forEach(({ what }, i) => {
      const [their, our] = section.figures.slice(2 * i, 2 * i + 2);
      const cells = [their.value.toFixed(1), our.value.toFixed(1), our.relative!.toFixed(2)];
      console.log(`| ${threads} | ${one.name} | ${what} | ${cells.join(" | ")} |`);
    });
    if (args.json !== undefined) {
      using device = Device.open({ backend: "cpu" });
      Deno.writeTextFileSync(
        args.json,
        reportJson({
          source: "specmquant, and node-llama-cpp 3.22.1",
          date,
          commit: commitOf(),
          device: describeDevice(device),
          options: { context: 1024, runs: rounds, rows: [1, 512] },
          sections,
        }),
      );
    }
  }
}
