/**
 * Turns of several texts at once: what they take with proposals and without, what of it is drafting and what the forwards that
 * verify, with all that follows them, and the memory that a device has given beside what was allocated, which is that of captured
 * graphs.
 *
 *     deno run -A bench/seats.ts --seats 1,8,16 --methods ar,draft,eagle2,hier
 *     deno run -A bench/seats.ts --backend cuda --trio DIR --seats 1,8,32 --turns 60
 *
 * `--trio` takes a directory as `scripts/models/write_inflated.ts` writes it. Times are medians in milliseconds.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { checkOptions, oneOf } from "../src/base/options.ts";
import { Arena, Device, SharedScratch } from "../src/device/mod.ts";
import { Company, type DrafterPlan, Round, sequenceMemory } from "../src/speculation/mod.ts";
import { DEMO_DIR, Trio } from "../scripts/models/trio.ts";

const PROMPT =
  "Question: Tom has 3 boxes of 4 pens. He gives 5 pens away. How many pens has he left?\nAnswer:";

/** The longest text. */
const CONTEXT = 1024;

/** What a number of seats comes to. */
interface Measured {
  readonly turnMs: number;
  readonly draftMs: number;
  readonly verifyMs: number;
  readonly tokensPerSecond: number;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

/** Turns of all rounds, after one that is not counted. */
function turns(
  company: Company,
  rounds: readonly Round[],
  count: number,
  isPlain: boolean,
): Measured {
  const sum = (of: "draftMs" | "verifyMs") => rounds.reduce((all, { stats }) => all + stats[of], 0);
  const [times, drafts, verified]: number[][] = [[], [], []];
  let tokens = 0;
  for (let i = 0; i <= count; i++) {
    const [started, draftMs, verifyMs] = [performance.now(), sum("draftMs"), sum("verifyMs")];
    let made = 0;
    company.run(
      rounds.map((_, seat) => ({
        seat,
        done: (result) => {
          if ("error" in result) throw result.error;
          made += result.accepted;
        },
      })),
      isPlain,
    );
    if (i === 0) continue;
    times.push(performance.now() - started);
    drafts.push(sum("draftMs") - draftMs);
    verified.push(sum("verifyMs") - verifyMs);
    tokens += made;
  }
  const all = times.reduce((a, b) => a + b);
  return {
    turnMs: median(times),
    draftMs: median(drafts),
    verifyMs: median(verified),
    tokensPerSecond: 1000 * tokens / all,
  };
}

/** Measures `count` seats of `plan`; gives lines of a table. */
function measure(trio: Trio, plan: DrafterPlan | undefined, count: number, runs: number) {
  const { device, target, tokenizer } = trio;
  device.synchronize();
  const before = device.memory();
  using cleanup = new DisposableStack();
  const arena = cleanup.use(new Arena(device, "seats"));
  const scratch = new SharedScratch(arena);
  const prompt = tokenizer.encode(PROMPT);
  const rounds = Array.from({ length: count }, (_, index) => {
    scratch.rewind();
    const seat = { index, of: count, scratch };
    const memory = sequenceMemory(device, arena, CONTEXT, plan, { seat });
    return cleanup.use(new Round(target, memory, plan));
  });
  const company = cleanup.use(new Company(rounds));
  for (const round of rounds) {
    round.memory.choice.set({}, prompt.length, target.config.vocabSize);
    for (const _ of round.read(prompt));
  }
  device.synchronize();
  const after = device.memory();
  // What is free on a CPU is the whole machine's.
  const graphs = (before.free - after.free) - (after.used - before.used);
  const isKnown = device.backend === "cuda";
  const ways = plan ? [false, true] : [true];
  return ways.map((isPlain) => {
    const { turnMs, draftMs, verifyMs, tokensPerSecond } = turns(company, rounds, runs, isPlain);
    return {
      method: plan?.name ?? "ar",
      seats: count,
      way: isPlain ? "plain" : "proposed",
      "ms a turn": Number(turnMs.toFixed(2)),
      "of it drafting": Number(draftMs.toFixed(2)),
      "of it verifying": Number(verifyMs.toFixed(2)),
      "tokens/s": Math.round(tokensPerSecond),
      ...(isKnown && { "graphs MiB": Math.round(graphs / 2 ** 20) }),
    };
  });
}

if (import.meta.main) {
  const args = parseArgs(Deno.args, {
    string: ["trio", "backend", "seats", "methods", "turns"],
    default: { trio: DEMO_DIR, seats: "1,8,16", methods: "ar,draft,eagle2,hier", turns: "30" },
  });
  checkOptions("measure seats", { backend: args.backend }, { backend: oneOf(["cpu", "cuda"]) });
  const backend = args.backend as "cpu" | "cuda" | undefined;
  using device = Device.open({ backend });
  using trio = new Trio(args.trio, device);
  const methods = trio.methods.filter((one) => args.methods.split(",").includes(one));
  const seats = args.seats.split(",").map(Number);
  console.table(methods.flatMap((method) => {
    const plan = trio.plan(method);
    return seats.flatMap((count) => measure(trio, plan, count, Number(args.turns)));
  }));
}
