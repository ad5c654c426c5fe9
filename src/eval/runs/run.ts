/**
 * The loop of an evaluation: every job that has no answer yet gets one.
 *
 * @module
 */
import { SpecMQuantError } from "../../base/errors.ts";
import { Engine, type GenerateOptions, type Message } from "../../engine/mod.ts";
import type { Problem } from "../benchmarks/benchmark.ts";
import type { EvalMethod } from "../methods/registry.ts";
import { type Answer, type Turn, turnOf } from "./answer.ts";
import type { AnswerFile } from "./answer_file.ts";
import { allJobs, type EvalPlan, jobsOf, type PlannedSet } from "./plan.ts";

/** Tokens of the text that warms a method up: caches of the processor, clocks of a device. */
const WARM_UP_TOKENS = 16;

/** How an evaluation is followed and ended. */
export interface RunOptions {
  /** Ends it; the answer under way is lost. Its reason is thrown. */
  readonly signal?: AbortSignal;
  /** The date that chat templates write. */
  readonly now: Date;
  /** Hears how many answers there are, of how many, and which method is at work. */
  progress(done: number, total: number, at: string): void;
  /** Hears the bytes of weights loaded. */
  loading(role: string, done: number, total: number): void;
}

/** Gives every job of `plan` its answer in `file`. */
export async function answerAll(
  plan: EvalPlan,
  file: AnswerFile,
  options: RunOptions,
): Promise<void> {
  const jobs = allJobs(plan);
  let done = jobs.filter((job) => file.get(job) !== undefined).length;
  for (const set of plan.sets) {
    for (const method of plan.methods) {
      const open = jobsOf(plan, set, method).filter((job) => file.get(job) === undefined);
      if (open.length === 0) continue;
      options.signal?.throwIfAborted();
      using engine = await load(plan, set, method, options);
      const device = deviceOf(engine, plan);
      checkDevice(device, file);
      const at = `${set.name}, ${method.name}`;
      options.progress(done, jobs.length, at);
      await warmUp(engine, open[0].of, plan, set, options);
      for (const { of, ...job } of open) {
        const said = await converse(engine, of, optionsOf(plan, set, job.seed, options), options);
        const date = new Date().toISOString();
        file.append({ ...job, task: of.task, device, date, ...said });
        options.progress(++done, jobs.length, at);
      }
    }
  }
}

function load(
  { engine }: EvalPlan,
  set: PlannedSet,
  { kind, shape }: EvalMethod,
  { loading }: RunOptions,
): Promise<Engine> {
  const parts = kind.parts(set);
  // What is missing has been refused when the plan was made.
  if (typeof parts === "string") throw new Error(`${kind.name} needs ${parts}`);
  return Engine.load({ ...engine, target: set.target, ...parts, ...shape, progress: loading });
}

/** What times are of. */
function deviceOf({ device }: Engine, { engine: { threads } }: EvalPlan): string {
  const few = threads === undefined ? "" : `, ${threads} threads`;
  return `${device.backend}: ${device.name}${few}`;
}

/** Times of two devices do not compare. */
function checkDevice(device: string, file: AnswerFile): void {
  const other = file.all.find((answer) => answer.device !== device);
  if (other === undefined) return;
  throw new SpecMQuantError(
    "eval_run",
    `Cannot go on: the device is ${device}, and was ${other.device} for the answers there; ` +
      "expected the same, or another --out",
  );
}

function optionsOf(
  { maxTokens }: EvalPlan,
  { choice }: PlannedSet,
  seed: number | null,
  { signal }: RunOptions,
): GenerateOptions {
  return { ...choice, ...(seed !== null && { seed }), maxTokens, signal };
}

async function warmUp(
  engine: Engine,
  problem: Problem,
  plan: EvalPlan,
  set: PlannedSet,
  options: RunOptions,
): Promise<void> {
  const first = { ...problem, turns: problem.turns.slice(0, 1) };
  const generate = optionsOf(plan, set, set.seeds[0], options);
  const maxTokens = Math.min(WARM_UP_TOKENS, plan.maxTokens);
  await converse(engine, first, { ...generate, maxTokens }, options);
}

/**
 * Answers all turns of a problem, as a chat does: each goes on from what the caches hold of the one before. The first is
 * read afresh, and drafters forget what they remember of others, so that no answer depends on which came before it.
 */
async function converse(
  engine: Engine,
  { turns }: Problem,
  generate: GenerateOptions,
  { now }: Pick<RunOptions, "now">,
): Promise<Pick<Answer, "turns" | "left">> {
  engine.forget();
  const messages: Message[] = [];
  const said: Turn[] = [];
  for (const content of turns) {
    messages.push({ role: "user", content });
    const prompt = engine.encode(messages, { now });
    if (prompt.length >= engine.context) break;
    const result = await engine.generate(prompt, generate).finish();
    said.push(turnOf(result));
    messages.push({ role: "assistant", content: result.text });
  }
  return { turns: said, left: turns.length - said.length };
}
