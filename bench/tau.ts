/**
 * Tokens a target forward of each method, and tokens a second on this machine, greedily.
 *
 *     deno run -A bench/tau.ts [--problems FILE.jsonl] [--models DIR]
 *     deno run -A bench/tau.ts --smollm2 --chats mt_bench.jsonl,spec_bench.jsonl [--turns 1] [--models DIR]
 *
 * and of both `[--count 40] [--max-tokens 160] [--seconds N] [--methods eagle3,hier(eagle3),...]
 * [--shape '{"depth": 7, "topk": 1, "treeSize": 8}'] [--least-confidence 0.2,0.4] [--json FILE]`: the shape of proposals is an
 * engine's where absent. Methods that can cut proposals by a confidence are measured uncut, and at each of those given.
 *
 * DIR has the folders of a trio (see `scripts/models/trio.ts`), links among them; the demo's where absent. With `--smollm2` it is
 * `models/smollm2` where absent, and the target is SmolLM2-135M-Instruct from the user's cache. A file of problems has one
 * JSON object with a `question` a line, as the GSM8K test split has; without it, problems from `tests/problems.ts` are taken. A
 * file of chats has `turns` instead, as MT-bench and Spec-Bench have; each turn is asked behind the answers to those before it.
 * `--count` texts are taken evenly from the whole of a file, so that all of its kinds are there. All methods go through a text
 * before the next, and none is begun after `--seconds` of a file. Plain decoding is always among the methods, as texts are
 * compared with its. The JSON is that of a bench (docs/bench-format.md), the table `tau`.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { Session, type SpeculationOptions } from "../mod.ts";
import { SMOLLM2_DIR, smollm2Trio } from "../scripts/models/smollm2_trio.ts";
import { DEMO_DIR, Trio } from "../scripts/models/trio.ts";
import { Reporter } from "../scripts/native/reporter.ts";
import { commitOf, describeDevice } from "../src/cli/commands/bench/environment.ts";
import type { Figure, Section } from "../src/cli/commands/bench/figure.ts";
import { reportJson } from "../src/cli/commands/bench/report.ts";
import { processIo } from "../src/cli/terminal/io.ts";
import { table } from "../src/cli/terminal/table.ts";
import { type Composition, planOf } from "../src/engine/composition.ts";
import type { DrafterKind } from "../src/engine/drafters/kind.ts";
import { DRAFTERS } from "../src/engine/drafters/registry.ts";
import { problems } from "../tests/problems.ts";

/** The longest text that is measured. */
const CONTEXT = 2048;

/** Multiples of it, less their whole parts, are spread over 0 to 1 however few they are. */
const GOLDEN = (Math.sqrt(5) - 1) / 2;

/** What is asked, turn after turn. */
type Turns = readonly string[];

/** Texts that are measured together. */
interface TextSet {
  readonly name: string;
  readonly texts: readonly Turns[];
  /** The prompt of the last of `asked`, behind the answers to those before it. */
  encode(asked: Turns, answers: readonly string[]): readonly number[];
}

const args = parseArgs(Deno.args, {
  string: [
    "problems",
    "chats",
    "turns",
    "count",
    "max-tokens",
    "seconds",
    "models",
    "methods",
    "shape",
    "least-confidence",
    "json",
  ],
  boolean: ["smollm2"],
  default: { count: "40", "max-tokens": "160", turns: "1" },
});
const [count, maxTokens, turns] = [args.count, args["max-tokens"], args.turns].map(Number);
const seconds = args.seconds === undefined ? Infinity : Number(args.seconds);
const shape: Partial<SpeculationOptions> = JSON.parse(args.shape ?? "{}");
const confidences = args["least-confidence"]?.split(",").map(Number) ?? [];
const date = new Date().toISOString();

using trio = await load();
const context = Math.min(
  CONTEXT,
  ...[trio.target, trio.draft].map(({ config }) => config.maxPositions),
);
const subjects = chosen().flatMap(cut);
const sections: Section[] = [];
for (const set of sets()) {
  const found = await measure(set);
  sections.push(found);
  if (args.json !== undefined) Deno.writeTextFileSync(args.json, json());
}

function load(): Trio | Promise<Trio> {
  if (!args.smollm2) return new Trio(args.models ?? DEMO_DIR);
  using reporter = new Reporter(processIo().stderr);
  return smollm2Trio(reporter, args.models ?? SMOLLM2_DIR);
}

/** The compositions asked for, plain decoding first. */
function chosen(): readonly Composition[] {
  const asked = args.methods?.split(",");
  const known = trio.compositions;
  const stray = asked?.find((name) => !known.some((one) => one.name === name));
  if (stray !== undefined) {
    const names = known.map(({ name }) => name).join(", ");
    throw new Error(`Cannot measure ${stray}: expected one of ${names}`);
  }
  return known.filter(({ name }) => name === "ar" || (asked?.includes(name) ?? true));
}

/** A composition under a name, with what is asked of its proposals beside their shape. */
interface Subject {
  readonly name: string;
  readonly composition: Composition;
  readonly options: Partial<SpeculationOptions>;
}

/** A composition as it is, and cut by each confidence where it knows any. */
function cut(composition: Composition): readonly Subject[] {
  const { name, method, inner } = composition;
  const kind: DrafterKind | undefined = DRAFTERS.find((one) => one.name === (inner ?? method));
  const cuts = kind?.confident ? confidences : [];
  return [undefined, ...cuts].map((leastConfidence) => ({
    name: leastConfidence === undefined ? name : `${name} from ${leastConfidence}`,
    composition,
    options: { ...shape, ...(leastConfidence !== undefined && { leastConfidence }) },
  }));
}

function linesOf(file: string): Record<string, unknown>[] {
  return Deno.readTextFileSync(file).trim().split("\n").map((line) => JSON.parse(line));
}

/** As many as are asked for, evenly from all, in an order whose beginning is spread too. */
function spread<T>(all: readonly T[]): readonly T[] {
  const taken = Math.min(count, all.length);
  const places = Array.from({ length: taken }, (_, i) => ({ i, at: (i * GOLDEN) % 1 }));
  places.sort((a, b) => a.at - b.at);
  const order = places.map(({ i }, rank) => ({ i, rank })).sort((a, b) => a.i - b.i);
  return order.map(({ rank }) => all[Math.floor((rank * all.length) / taken)]);
}

function sets(): readonly TextSet[] {
  if (args.chats === undefined) {
    const questions = args.problems === undefined
      ? problems(count, 21)
      : linesOf(args.problems).slice(0, count).map(({ question }) => String(question));
    return [{
      name: args.problems ?? "problems",
      texts: questions.map((question) => [question]),
      encode: ([question]) => trio.tokenizer.encode(`Question: ${question}\nAnswer:`),
    }];
  }
  return args.chats.split(",").map((file) => ({
    name: file,
    texts: spread(linesOf(file)).map((line) => (line.turns as string[]).slice(0, turns)),
    encode: (asked, answers) =>
      trio.encodeChat(asked.flatMap((content, i) => [
        { role: "user", content },
        ...answers.slice(i, i + 1).map((said) => ({ role: "assistant", content: said })),
      ])),
  }));
}

/** What a method has come to. */
interface Sum {
  texts: number;
  tokens: number;
  forwards: number;
  committed: number;
  ms: number;
  same: number;
}

async function measure({ name, texts, encode }: TextSet): Promise<Section> {
  using sessions = new DisposableStack();
  const methods = subjects.map(({ name, composition, options }) => ({
    name,
    session: sessions.use(
      new Session(trio.target, trio.tokenizer, {
        context,
        drafter: planOf(composition, trio, options),
        method: composition.method,
      }),
    ),
    sum: { texts: 0, tokens: 0, forwards: 0, committed: 0, ms: 0, same: 0 } as Sum,
  }));
  const long = new Set<string>();
  const began = performance.now();
  let done = 0;
  for (const asked of texts) {
    if (performance.now() - began > seconds * 1000) break;
    const plain: string[] = [];
    for (const { session, sum } of methods) {
      const answers: string[] = [];
      for (let turn = 1; turn <= asked.length; turn++) {
        const prompt = encode(asked.slice(0, turn), answers);
        if (prompt.length + maxTokens > context) {
          long.add(`${done}.${turn}`);
          break;
        }
        const { stats, tokens, text } = await session.generate(prompt, { maxTokens }).finish();
        answers.push(text);
        const said = tokens.join();
        if (session === methods[0].session) plain.push(said);
        sum.texts++;
        sum.tokens += tokens.length;
        sum.forwards += stats.targetForwards;
        sum.committed += stats.tau * stats.targetForwards;
        sum.ms += stats.timings.decodeMs;
        if (said === plain[turn - 1]) sum.same++;
      }
    }
    done++;
  }
  const rows: string[][] = [];
  const figures: Figure[] = [];
  for (const { name, sum } of methods) {
    const [tau, speed] = [sum.committed / sum.forwards, (sum.tokens / sum.ms) * 1000];
    rows.push([
      name,
      `${sum.tokens}`,
      `${sum.forwards}`,
      tau.toFixed(2),
      (sum.tokens / sum.forwards).toFixed(2),
      speed.toFixed(0),
      sum.same === sum.texts ? "yes" : "NO",
    ]);
    const higher = { better: "higher", runs: sum.texts } as const;
    figures.push(
      { name: `${name} tau`, value: tau, unit: "tokens", ...higher },
      { name: `${name} speed`, value: speed, unit: "tokens/s", ...higher },
      { name: `${name} identical`, value: sum.same / sum.texts, unit: "share", ...higher },
    );
  }
  const shaped = args.shape === undefined ? "" : `, shape ${args.shape}`;
  const left = long.size === 0 ? "" : `, ${long.size} left out as longer than ${context} tokens`;
  const file = name.split("/").pop();
  const note = `${done} texts of ${file}, ${maxTokens} tokens each at most, greedy${left}${shaped}`;
  console.log(`${note}, on ${trio.device.name}`);
  console.log(table(
    rows,
    ["left", "right", "right", "right", "right", "right", "right"],
    ["method", "tokens", "target forwards", "tau", "tokens/forward", "tokens/s", "identical"],
  ));
  const subject = `${args.smollm2 ? "smollm2" : "trio"}/${file}`;
  return { table: "tau", subject, notes: [note], figures };
}

function json(): string {
  return reportJson({
    source: "specmquant bench/tau.ts",
    date,
    commit: commitOf(),
    device: describeDevice(trio.device),
    options: { context, runs: count, rows: [1] },
    sections,
  });
}
