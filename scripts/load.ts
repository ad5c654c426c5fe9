/**
 * Many clients at once against a server: what they get, how fast, and whether the server stays as it was.
 *
 *     deno run -A scripts/load.ts --trio models/demo --slots 16 --clients 64 --seconds 600 --vanish 500
 *
 * starts `specmquant serve`, asks a handful of questions by a single client, greedy and with seeds, then has all clients ask
 * them again and again, half of them as streams: every answer must be the single client's. Then so many clients connect and
 * vanish, and no text may be left; then SIGTERM comes under load, and everything that was accepted must be finished. Prints what it
 * found as JSON and exits with 1 where something is wrong. `--url URL` takes a server that runs, which is not ended;
 * `--clients 1,8,32 --tokens 128 --seconds 20` measures one after another.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { parseArgs } from "@std/cli/parse-args";

const MAIN = fileURLToPath(new URL("../src/cli/main.ts", import.meta.url));

/** A question, and what the single client got. */
interface Question {
  readonly body: Record<string, unknown>;
  answer: string;
}

/** One answer, timed. */
interface Answer {
  readonly text: string;
  readonly tokens: number;
  /** Milliseconds to its end; of a stream to the first text, and between texts. */
  readonly ms: number;
  readonly firstMs?: number;
  readonly gapsMs: readonly number[];
}

/** What clients found. */
export interface LoadReport {
  readonly clients: number;
  readonly seconds: number;
  readonly answers: number;
  /** How many of them the client with the fewest and the one with the most got. */
  readonly perClient: { readonly least: number; readonly most: number };
  /** Answers that were not the single client's, or none. */
  readonly wrong: readonly string[];
  readonly tokensPerSecond: number;
  /** Milliseconds: the median, of which 95 % are below, and the most. */
  readonly firstMs: Spread;
  readonly gapMs: Spread;
  /** Of equal requests behind the first of each client. */
  readonly equalMs: Spread & { readonly least: number };
  /**
   * The same by the server's own clock, its milliseconds of processor time between question and answer, where that is known: what
   * else the machine does holds it up no more than it holds up the server.
   */
  readonly equalCpuMs?: Spread & { readonly least: number };
  /** MiB of the server at the end of the first fifth, and the most behind it; where it is known. */
  readonly memory?: { readonly warm: number; readonly most: number };
}

/** The middle and the end of some numbers. */
export interface Spread {
  readonly median: number;
  readonly p95: number;
  readonly most: number;
}

function spread(values: readonly number[]): Spread & { readonly least: number } {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) =>
    Number((sorted[Math.floor(share * (sorted.length - 1))] ?? 0).toFixed(2));
  return { least: at(0), median: at(0.5), p95: at(0.95), most: at(1) };
}

/** Clients of a server. */
export class Load {
  readonly #url: string;
  readonly #pid?: number;
  readonly #questions: Question[] = [];
  readonly #tokens: number;
  #model = "";

  /** Asks the server at `url`, whose process is `pid` where it is of this machine, for answers of `tokens` tokens. */
  constructor(url: string, tokens: number, pid?: number) {
    this.#url = url;
    this.#tokens = tokens;
    this.#pid = pid;
  }

  /** Has a single client ask everything once. */
  async prepare(): Promise<void> {
    this.#model = (await (await fetch(`${this.#url}/v1/models`)).json()).data[0].id;
    const prompts = [
      "Question: Tom has 3 boxes of 4 pens. He gives 5 pens away. How many pens has he left?\nAnswer:",
      "Question: What is 2 + 3?\nAnswer:",
      "Anna has 5 apples.",
    ];
    for (const [i, prompt] of prompts.entries()) {
      for (const temperature of [0, 0.9]) {
        const length = i === 0 ? this.#tokens : Math.ceil(this.#tokens / (1 + i));
        const body = { prompt, temperature, seed: i, max_tokens: length, ignore_eos: true };
        this.#questions.push({ body, answer: (await this.#ask(body, false)).text });
      }
    }
  }

  async #ask(body: object, isStreamed: boolean, signal?: AbortSignal): Promise<Answer> {
    const started = performance.now();
    const response = await fetch(`${this.#url}/v1/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        model: this.#model,
        ...body,
        ...(isStreamed && { stream: true, stream_options: { include_usage: true } }),
      }),
      signal,
    });
    if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`);
    const passed = () => performance.now() - started;
    if (!isStreamed) {
      const { choices: [{ text }], usage } = await response.json();
      return { text, tokens: usage.completion_tokens, ms: passed(), gapsMs: [] };
    }
    let [text, tokens, rest] = ["", 0, ""];
    const times: number[] = [];
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop()!;
      for (const line of lines) {
        if (!line.startsWith("data: {")) continue;
        const { choices, usage, error } = JSON.parse(line.slice(6));
        if (error) throw new Error(error.message);
        if (usage) tokens = usage.completion_tokens;
        if (!choices?.[0]?.text) continue;
        text += choices[0].text;
        times.push(passed());
      }
    }
    const gapsMs = times.slice(1).map((ms, i) => ms - times[i]);
    return { text, tokens, ms: passed(), firstMs: times[0], gapsMs };
  }

  /** Has `clients` clients ask for `seconds` seconds. */
  async run(clients: number, seconds: number): Promise<LoadReport> {
    const started = performance.now();
    const until = started + seconds * 1000;
    const wrong: string[] = [];
    const [firsts, gaps, equal, equalCpu]: number[][] = [[], [], [], []];
    const counts = Array.from({ length: clients }, () => 0);
    let tokens = 0;
    const memory: number[] = [];
    const watch = setInterval(() => memory.push(this.#memory()), seconds * 1000 / 50);
    await Promise.all(Array.from({ length: clients }, async (_, client) => {
      for (let n = 0; performance.now() < until; n++) {
        // Every other request is the same one.
        const which = n % 2 === 0 ? 0 : (client + n) % this.#questions.length;
        const { body, answer } = this.#questions[which];
        const isStreamed = (client + (n >> 1)) % 2 === 0;
        const cpuFrom = this.#cpuMs();
        try {
          const { text, ms, firstMs, gapsMs, tokens: made } = await this.#ask(body, isStreamed);
          if (text !== answer) wrong.push(`question ${which}: ${JSON.stringify(text)}`);
          counts[client]++;
          tokens += made;
          if (firstMs !== undefined) firsts.push(firstMs);
          gaps.push(...gapsMs);
          // At first nobody waits.
          if (which > 0 || n === 0) continue;
          equal.push(ms);
          equalCpu.push(this.#cpuMs() - cpuFrom);
        } catch (error) {
          wrong.push(`question ${which}: ${error}`);
        }
      }
    }));
    clearInterval(watch);
    const passed = (performance.now() - started) / 1000;
    const warm = Math.ceil(memory.length / 5);
    return {
      clients,
      seconds: Number(passed.toFixed(1)),
      answers: counts.reduce((a, b) => a + b),
      perClient: { least: Math.min(...counts), most: Math.max(...counts) },
      wrong,
      tokensPerSecond: Number((tokens / passed).toFixed(1)),
      firstMs: spread(firsts),
      gapMs: spread(gaps),
      equalMs: spread(equal),
      ...(this.#pid !== undefined && { equalCpuMs: spread(equalCpu) }),
      ...(this.#pid !== undefined && memory.length > 0 && {
        memory: {
          warm: Math.max(...memory.slice(0, warm)),
          most: Math.max(...memory.slice(warm), 0),
        },
      }),
    };
  }

  /** Milliseconds of processor time that the server has taken, as Linux counts them: in hundredths of a second. */
  #cpuMs(): number {
    if (this.#pid === undefined) return 0;
    const stat = Deno.readTextFileSync(`/proc/${this.#pid}/stat`);
    // Behind the name, which may have spaces in it, the user's and the system's are the 12th and the 13th.
    const [user, system] = stat.slice(stat.lastIndexOf(")") + 2).split(" ").slice(11, 13);
    return 10 * (Number(user) + Number(system));
  }

  /** MiB of the server. */
  #memory(): number {
    if (this.#pid === undefined) return 0;
    const status = Deno.readTextFileSync(`/proc/${this.#pid}/status`);
    return Math.round(Number(/VmRSS:\s+(\d+) kB/.exec(status)![1]) / 1024);
  }

  /** Lets `count` clients connect and vanish; gives the texts that are left `seconds` later at most. */
  async vanish(count: number, seconds = 10): Promise<number> {
    const gone = Array.from({ length: count }, async (_, i) => {
      const controller = new AbortController();
      // Before it is sent, in the queue, at the first token, and later.
      setTimeout(() => controller.abort(), i % 100);
      const { body } = this.#questions[i % this.#questions.length];
      await this.#ask({ ...body, max_tokens: 100 }, i % 2 === 0, controller.signal).catch(() => {});
    });
    await Promise.all(gone);
    for (const until = performance.now() + seconds * 1000;;) {
      const left = await this.texts();
      if (left === 0 || performance.now() > until) return left;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Texts that wait or are under way. */
  async texts(): Promise<number> {
    const text = await (await fetch(`${this.#url}/metrics`)).text();
    const value = (name: string) => Number(new RegExp(`^${name} (\\d+)$`, "m").exec(text)![1]);
    return value("specmquant_texts_waiting") + value("specmquant_texts_running");
  }

  /** Has `count` clients ask, calls `end` when all have been taken, and gives how many did not get what they asked for. */
  async endUnder(count: number, end: () => void): Promise<number> {
    let ended = 0;
    const asked = Array.from({ length: count }, async (_, i) => {
      const { body, answer } = this.#questions[i % this.#questions.length];
      const { text } = await this.#ask(body, i % 2 === 0);
      ended++;
      if (text !== answer) throw new Error(text);
    });
    const settled = Promise.allSettled(asked);
    while (ended + await this.texts() < count) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    end();
    return (await settled).filter(({ status }) => status === "rejected").length;
  }
}

/** Starts a server; gives its address. */
async function serve(args: readonly string[]) {
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", MAIN, "serve", "--port", "0", ...args],
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const reader = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const { value = "" } = await reader.read();
  const url = /^Serving at (http:\S+)\/v1/.exec(value)?.[1];
  if (url === undefined) throw new Error(`no server: ${value}`);
  await reader.cancel();
  return { process, url };
}

if (import.meta.main) {
  const args = parseArgs(Deno.args, {
    string: ["url", "trio", "slots", "clients", "seconds", "vanish", "tokens", "method", "backend"],
    default: { clients: "64", seconds: "600", vanish: "500", tokens: "32", slots: "16" },
  });
  const given = (["trio", "slots", "method", "backend"] as const)
    .flatMap((name) => args[name] === undefined ? [] : [`--${name}`, args[name]]);
  const started = args.url === undefined ? await serve([...given, "--queue", "100000"]) : undefined;
  const load = new Load(args.url ?? started!.url, Number(args.tokens), started?.process.pid);
  await load.prepare();
  let isFine = true;
  for (const clients of args.clients.split(",").map(Number)) {
    const report = await load.run(clients, Number(args.seconds));
    isFine &&= report.wrong.length === 0;
    console.log(JSON.stringify({ ...report, wrong: report.wrong.slice(0, 5) }, null, 2));
  }
  const left = await load.vanish(Number(args.vanish));
  console.log(JSON.stringify({ vanished: Number(args.vanish), left }));
  isFine &&= left === 0;
  if (started) {
    const lost = await load.endUnder(32, () => started.process.kill("SIGTERM"));
    const { code } = await started.process.status;
    console.log(JSON.stringify({ accepted: 32, lost, code }));
    isFine &&= lost === 0 && code === 0;
  }
  Deno.exit(isFine ? 0 : 1);
}
