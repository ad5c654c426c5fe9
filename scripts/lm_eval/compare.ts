/**
 * Whether lm-evaluation-harness, as it comes, gets from `serve` what `score` gives:
 *
 *     pip install "lm-eval[api]==0.4.13" transformers     # in a virtual environment
 *     deno run -A scripts/lm_eval/compare.ts --lm-eval VENV/bin/lm_eval --trio models/demo --tokenizer models/demo/target --bos
 *     deno run -A scripts/lm_eval/compare.ts --lm-eval VENV/bin/lm_eval --target MODEL.gguf --tokenizer DIR --context 2048
 *
 * It starts `specmquant serve`, has lm-eval run the tasks beside this file in each way that it can ask: with token ids and
 * with texts, one at a time, in batches, and several at once; and compares each log-likelihood, whether it is greedy, and the
 * accuracies with the scores of the same tokens under the same target, which must be the same numbers. `--bos` is for models
 * whose tokenizer puts a token before a text. `--limit N` takes N items of each task, `--record FILE` writes some requests of
 * each way. Exits with 1 where anything differs.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { parseArgs } from "@std/cli/parse-args";
import { Engine } from "../../mod.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const TASKS = ["specmquant_choices", "specmquant_words", "specmquant_texts"];

/** How lm-eval asks: its arguments of the model, and how many texts a request has. */
const WAYS: readonly (readonly [name: string, batch: number, args: readonly string[]])[] = [
  ["ids, one at a time", 1, []],
  ["ids, in batches", 7, []],
  ["ids, batches at once", 5, ["num_concurrent=3"]],
  ["texts, one at a time", 1, ["tokenized_requests=False"]],
  ["texts, in batches", 7, ["tokenized_requests=False"]],
];

/** What a request to be recorded has in it, beside the last one: an answer behind which a text ends. */
const ENDING = "####";

/** One answer of lm-eval: the log-likelihood of `behind`, and of tasks with something before it whether it is greedy. */
interface Sample {
  readonly task: string;
  readonly before: string;
  readonly behind: string;
  readonly sum: number;
  readonly isGreedy?: boolean;
}

/** Starts the server; gives its address. */
async function serve(args: readonly string[]) {
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", `${ROOT}src/cli/main.ts`, "serve", "--port", "0", ...args],
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const reader = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const { value = "" } = await reader.read();
  await reader.cancel();
  const url = /^Serving at (http:\S+)\/v1/.exec(value)?.[1];
  if (url === undefined) throw new Error(`no server: ${value}`);
  return { process, url };
}

/** Hands requests on to `url` and keeps the bodies of those for texts. */
function recorder(url: string, bodies: unknown[]) {
  return Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, async (request) => {
    const { pathname } = new URL(request.url);
    const { method } = request;
    const headers = new Headers(request.headers);
    headers.delete("host");
    const body = method === "POST" ? await request.text() : undefined;
    if (pathname === "/v1/completions") bodies.push(JSON.parse(body!));
    return await fetch(url + pathname, { method, headers, body });
  });
}

/** Runs lm-eval; its samples and its accuracies by task. */
async function evaluate(
  command: string,
  batch: number,
  more: string[],
  args: string[],
  out: string,
) {
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args: [
      "run",
      ...["--model", "local-completions", "--model_args", args.join(",")],
      ...[
        "--batch_size",
        `${batch}`,
        "--tasks",
        TASKS.join(","),
        "--include_path",
        "scripts/lm_eval/tasks",
      ],
      ...["--output_path", out, "--log_samples", ...more],
    ],
    cwd: ROOT,
    env: { HF_HUB_OFFLINE: "1", HF_DATASETS_OFFLINE: "1" },
  }).output();
  if (code !== 0) {
    const text = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("");
    throw new Error(`lm-eval ended with ${code}: ${text.slice(-3000)}`);
  }
  const samples: Sample[] = [];
  // deno-lint-ignore no-explicit-any -- lm-eval's own format
  let results: any;
  for (const folder of Deno.readDirSync(out)) {
    for (const { name } of Deno.readDirSync(`${out}/${folder.name}`)) {
      const text = Deno.readTextFileSync(`${out}/${folder.name}/${name}`);
      if (name.startsWith("results_")) results = JSON.parse(text).results;
      const task = /^samples_(.*?)_\d{4}-/.exec(name)?.[1];
      if (task === undefined) continue;
      for (const line of text.trim().split("\n")) samples.push(...samplesOf(task, line));
    }
  }
  return { samples, results };
}

/** All of a prompt as text. */
function textOf(body: unknown, { tokenizer }: Engine): string {
  const list = [(body as { prompt: string | (string | number[])[] }).prompt].flat();
  return list.map((one) => typeof one === "string" ? one : tokenizer.decode(one)).join("\n");
}

function samplesOf(task: string, line: string): Sample[] {
  const { arguments: asked, resps } = JSON.parse(line);
  // deno-lint-ignore no-explicit-any -- as above
  return Object.values<any>(asked).map(({ arg_0, arg_1 }, i) => {
    // Of a whole text there is the sum alone.
    const [sum, isGreedy] = [resps[i][0]].flat();
    return {
      task,
      before: arg_1 === undefined ? "" : arg_0,
      behind: arg_1 ?? arg_0,
      sum: Number(sum),
      ...(isGreedy !== undefined && { isGreedy: isGreedy === "True" }),
    };
  });
}

/** Scores as lm-eval cuts texts into tokens. */
class Scores {
  readonly #engine: Engine;
  readonly #bos: boolean;
  readonly #known = new Map<string, ReturnType<Engine["score"]>>();

  constructor(engine: Engine, bos: boolean) {
    this.#engine = engine;
    this.#bos = bos;
  }

  /** Different texts so far. */
  get count(): number {
    return this.#known.size;
  }

  /** What lm-eval should get for a sample. */
  of({ before, behind, isGreedy }: Sample): { sum: number; isGreedy: boolean } {
    const { tokens, from } = this.#tokens(before, behind, isGreedy === undefined);
    const key = tokens.join();
    let score = this.#known.get(key);
    if (score === undefined) this.#known.set(key, score = this.#engine.score(tokens, { top: 1 }));
    const { logprobs, top } = score;
    const sum = logprobs.slice(from).reduce((total: number, value) => total + value!, 0);
    return { sum, isGreedy: logprobs.every((value, i) => i < from || value === top[i][0].logprob) };
  }

  #tokens(before: string, behind: string, isRolling: boolean) {
    const { tokenizer } = this.#engine;
    const encode = (text: string, addSpecialTokens = this.#bos) =>
      tokenizer.encode(text, { addSpecialTokens });
    if (before === "") {
      // A whole text is cut with what its tokenizer puts before it; a token is put before it all the same.
      const tokens = encode(behind);
      const bos =
        tokenizer.encode(tokenizer.special.bos_token ?? "", { addSpecialTokens: false })[0];
      if (isRolling || tokens[0] !== bos) tokens.unshift(bos);
      return { tokens, from: 1 };
    }
    // Spaces at the end of what is before count as what is behind.
    const at = before.trimEnd().length;
    return { tokens: encode(before + behind), from: encode(before.slice(0, at)).length };
  }
}

/** What differs between lm-eval's samples and the scores. */
function differences(samples: readonly Sample[], scores: Scores): string[] {
  return samples.flatMap((sample) => {
    const right = scores.of(sample);
    const greedy = sample.isGreedy ?? right.isGreedy;
    if (sample.sum === right.sum && greedy === right.isGreedy) return [];
    const { task, behind } = sample;
    return [
      `${task} ${JSON.stringify(behind.slice(0, 40))}: ${sample.sum} ${greedy}, ` +
      `score has ${right.sum} ${right.isGreedy}`,
    ];
  });
}

/** The accuracy of the questions by the scores. */
function accuracy(samples: readonly Sample[], scores: Scores): number {
  const sums = samples.filter(({ task }) => task === TASKS[0]).map((one) => scores.of(one).sum);
  const path = `${ROOT}scripts/lm_eval/tasks/choices.jsonl`;
  const all = Deno.readTextFileSync(path).trim().split("\n").map((line) => JSON.parse(line));
  const rows = all.slice(0, sums.length / all[0].choices.length);
  let at = 0;
  const right = rows.filter(({ choices, answer }) => {
    const own = sums.slice(at, at += choices.length);
    return own.indexOf(Math.max(...own)) === answer;
  });
  return right.length / rows.length;
}

if (import.meta.main) {
  const args = parseArgs(Deno.args, {
    string: ["lm-eval", "trio", "target", "tokenizer", "context", "record", "limit"],
    boolean: ["bos"],
    default: { "lm-eval": "lm_eval", context: "256" },
  });
  const target = args.target ?? `${args.trio}/target`;
  const models = args.trio === undefined ? ["-t", target] : ["--trio", args.trio];
  const { process, url } = await serve([...models, "--name", "m", "--context", args.context]);
  const limit = args.limit === undefined ? [] : ["--limit", args.limit];
  const recorded: Record<string, unknown[]> = {};
  let isFine = true;
  try {
    using engine = await Engine.load({ target, context: Number(args.context) });
    const scores = new Scores(engine, args.bos);
    for (const [name, batch, way] of WAYS) {
      const bodies: unknown[] = [];
      await using proxy = recorder(url, bodies);
      const out = Deno.makeTempDirSync();
      const { samples, results } = await evaluate(args["lm-eval"], batch, limit, [
        "model=m",
        `base_url=http://127.0.0.1:${proxy.addr.port}/v1/completions`,
        `tokenizer=${args.tokenizer}`,
        `max_length=${args.context}`,
        ...(args.bos ? ["add_bos_token=True"] : []),
        ...way,
      ], out);
      Deno.removeSync(out, { recursive: true });
      const wrong = differences(samples, scores);
      const accuracies = [results[TASKS[0]]["acc,none"], accuracy(samples, scores)];
      if (accuracies[0] !== accuracies[1]) wrong.push(`accuracies ${accuracies}`);
      isFine &&= wrong.length === 0 && samples.length > 0;
      const greedy = samples.filter(({ isGreedy }) => isGreedy).length;
      console.log(
        `${name}: ${samples.length} log-likelihoods in ${bodies.length} requests, ${greedy} greedy, ` +
          `accuracy ${accuracies[0].toFixed(4)}; ${wrong.length} differ from score`,
      );
      for (const line of wrong.slice(0, 5)) console.log(`  ${line}`);
      const ending = bodies.find((body) => textOf(body, engine).includes(ENDING));
      if (!name.endsWith("at once")) recorded[name] = [ending, bodies.at(-1)];
    }
    console.log(`${scores.count} different texts`);
  } finally {
    process.kill("SIGTERM");
    await process.status;
  }
  if (args.record !== undefined) {
    Deno.writeTextFileSync(args.record, JSON.stringify(recorded) + "\n");
  }
  Deno.exit(isFine ? 0 : 1);
}
