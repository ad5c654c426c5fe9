/**
 * The demo's recipe from problems to heads, in the small: what it writes is read by the next program, and by the runtime.
 */
import { assert, assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { openHead } from "../../src/checkpoint/head.ts";
import { problems } from "../../tests/problems.ts";

/** The interpreter that has what the recipe imports. */
const PYTHON = Deno.env.get("SPECMQUANT_PYTHON") ?? "python3";

/** Why the recipe cannot run here, if it cannot. */
function missing(): string | undefined {
  try {
    const { success, stderr } = new Deno.Command(PYTHON, {
      args: ["-c", "import numpy, safetensors, tokenizers, torch"],
    }).outputSync();
    return success ? undefined : new TextDecoder().decode(stderr).trim().split("\n").at(-1);
  } catch (error) {
    return `${error}`;
  }
}

const why = missing();

Deno.test({
  name: "the demo's recipe runs from problems to heads" +
    (why === undefined ? "" : ` [skipped: ${PYTHON}, or SPECMQUANT_PYTHON: ${why}]`),
  ignore: why !== undefined,
  fn() {
    const dir = Deno.makeTempDirSync();
    const run = (program: string, ...args: string[]): string => {
      const script = fileURLToPath(new URL(program, import.meta.url));
      const env = { OMP_NUM_THREADS: "1", PYTHONUNBUFFERED: "1" };
      const { success, stdout, stderr } = new Deno.Command(PYTHON, {
        args: [script, ...args],
        cwd: dir,
        env,
      }).outputSync();
      const text = new TextDecoder();
      assert(success, `${program}: ${text.decode(stdout)}${text.decode(stderr)}`);
      return text.decode(stdout);
    };
    try {
      const lines = problems(48, 5).map((question, i) =>
        JSON.stringify({
          question,
          answer: `That is ${i} + 1 = <<${i}+1=${i + 1}>>.\n#### ${i + 1}`,
        })
      );
      Deno.writeTextFileSync(`${dir}/problems.jsonl`, lines.join("\n") + "\n");
      run(
        "train.py",
        ...["--data", "problems.jsonl", "--out", "trio", "--tiny", "--candidates", "1"],
        ...["--variants", "1"],
      );
      run(
        "prompts.py",
        ...["--models", "trio", "--data", "problems.jsonl", "--out", "prompts.json"],
        ...["--variants", "0", "--held", "2"],
      );
      const heads = ["target-eagle2", "draft-eagle2", "draft-dspark"];
      run(
        "heads.py",
        ...[
          "--models",
          "trio",
          "--prompts",
          "prompts.json",
          "--work",
          "heads",
          "--seconds",
          "3600",
        ],
        ...["--slots", "8", "--answer", "16", "--answers", "8", "--only", ...heads],
        ...["--more", JSON.stringify(["--steps", "2", "--tokens", "256"])],
      );
      for (const name of heads) {
        using head = openHead(`${dir}/heads/${name}`);
        assertEquals(head.config.kind, name.split("-")[1]);
      }
      for (const name of heads.slice(0, 2)) {
        Deno.renameSync(`${dir}/heads/${name}`, `${dir}/trio/${name}`);
      }
      const found = run(
        "evaluate.py",
        ...["--models", "trio", "--test", "problems.jsonl", "--problems", "2", "--tokens", "8"],
      );
      // Behind the first answers.
      const figures = JSON.parse(found.slice(found.indexOf("\n{") + 1));
      assertEquals(figures.problems, 2);
      assert(figures["eagle2 draft depth 3 topk 4 size 12"] >= 1);
    } finally {
      Deno.removeSync(dir, { recursive: true });
    }
  },
});
