/**
 * An evaluation from its plan to its reports, in a directory that it can go on in.
 *
 * @module
 */
import { ArgumentError, SpecMQuantError } from "../base/errors.ts";
import { onFile } from "../base/system_error.ts";
import { PARTIAL, writeWhole } from "../checkpoint/containers/whole_file.ts";
import type { CodeRunner } from "./benchmarks/benchmark.ts";
import { pythonRunner } from "./benchmarks/python.ts";
import { REPORTS } from "./reports/registry.ts";
import { AnswerFile } from "./runs/answer_file.ts";
import type { EvalPlan } from "./runs/plan.ts";
import { answerAll } from "./runs/run.ts";
import { settle } from "./runs/settings.ts";
import { gradeAll } from "./summary/grades.ts";
import { answersOf, summarize, type Summary } from "./summary/summary.ts";

/** What an evaluation has come to. */
export interface EvalProgress {
  /** What is done now. */
  readonly label: string;
  /** How much of it is done. */
  readonly done: number;
  /** Of how much. */
  readonly total: number;
  /** What else there is to say. */
  readonly detail?: string;
}

/** How an evaluation is done. */
export interface EvaluateOptions {
  /** The directory of answers and reports. */
  readonly out: string;
  /** Whether to run code that answers hold. */
  readonly runCode: boolean;
  /** Ends it; its reason is thrown, and another call goes on. */
  readonly signal?: AbortSignal;
  /** Hears how far it is. */
  progress(at: EvalProgress): void;
}

/** The name of the file of answers. */
const ANSWERS = "answers.jsonl";

/**
 * Answers what `plan` asks and is not answered in `out` yet, and writes reports of all of it there. Throws code `"eval_run"`
 * where what is there does not go with the plan, `"run_code"` where code cannot be run as it has to be.
 */
export async function evaluate(plan: EvalPlan, options: EvaluateOptions): Promise<Summary> {
  const { out, signal, progress } = options;
  const code = options.runCode ? await runner(plan) : undefined;
  claim(out);
  const settings = await settle(out, plan);
  using file = new AnswerFile(`${out}/${ANSWERS}`);
  await answerAll(plan, file, {
    signal,
    now: new Date(settings.date),
    progress: (done, total, detail) => progress({ label: "answering", done, total, detail }),
    loading: (role, done, total) => progress({ label: `loading the ${role}`, done, total }),
  });
  const grades = await gradeAll(plan, answersOf(plan, file), {
    code,
    signal,
    progress: (done, total) => progress({ label: "judging answers", done, total }),
  });
  const summary = summarize(plan, file, settings, grades);
  for (const { file: name, write } of REPORTS) writeWhole(`${out}/${name}`, await write(summary));
  return summary;
}

async function runner({ bench: { name, benchmark } }: EvalPlan): Promise<CodeRunner> {
  if (benchmark.measure?.runsCode) return await pythonRunner();
  throw new ArgumentError(
    "runCode",
    `Cannot run code: the answers of ${name} are none, expected a benchmark of code`,
  );
}

/** Makes the directory, or checks that it is one of an evaluation. */
function claim(out: string): void {
  const names = onFile("write", out, () => {
    try {
      // A process that was killed early leaves what it had begun to write.
      return [...Deno.readDirSync(out)].map(({ name }) => name)
        .filter((name) => !name.endsWith(PARTIAL));
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      Deno.mkdirSync(out);
      return [];
    }
  });
  if (names.length === 0 || names.includes("run.json")) return;
  throw new SpecMQuantError(
    "eval_run",
    `Cannot write ${out}: it exists, expected an absent or empty directory, or one of an evaluation`,
  );
}
