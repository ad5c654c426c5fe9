/**
 * Every option that is a number, of every command: what no native integer holds, and what is no number, is refused
 * by its flag before anything else is looked at; the limits themselves are taken, or refused for a reason.
 *
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { testIo } from "../../src/cli/fixtures_test.ts";
import type { NumberOption } from "../../src/cli/options/option.ts";
import { runProgram } from "../../src/cli/program.ts";
import { COMMANDS } from "../../src/cli/registry.ts";
import { Device } from "../../src/device/mod.ts";
import { SMALL } from "../models.ts";
import { makeModel, VOCAB } from "../whole_models.ts";

const root = Deno.makeTempDirSync();
addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));
const model = makeModel(`${root}/model`, { ...SMALL, vocab: VOCAB });

/** The largest native integer. */
const MOST = 2 ** 31 - 1;

async function run(...args: string[]) {
  const io = testIo();
  const code = await runProgram(args, COMMANDS, io);
  return { code, out: io.stdout.text, err: io.stderr.text };
}

const NUMBERS = COMMANDS.flatMap(({ name, options }) =>
  options.flatMap((option): [command: string, option: NumberOption][] =>
    option.type === "integer" || option.type === "number" ? [[name, option]] : []
  )
);

Deno.test("numbers: what does not fit is refused by its flag", async () => {
  assert(NUMBERS.length >= 20);
  for (const [command, { name, type, min, max }] of NUMBERS) {
    const wrong = ["NaN", "Infinity", "1e999", "0x10", "1_000", "one"];
    if (min !== undefined) wrong.push(`${min - 1}`);
    if (max !== undefined) wrong.push(`${max + 1}`);
    if (type === "integer") wrong.push("1.5", "1e300", "-1e300");
    // A seed is no native integer.
    if (type === "integer" && (max ?? 0) <= MOST) wrong.push(`${MOST + 1}`, "4294967297");
    for (const value of wrong) {
      const { code, out, err } = await run(command, `--${name}=${value}`);
      assertEquals([code, out], [2, ""], `${command} --${name} ${value}`);
      const kind = type === "integer" ? "a whole number" : "a number";
      assertStringIncludes(err, `error: Cannot use --${name} ${value}: expected ${kind}`);
    }
  }
});

Deno.test("numbers: threads are at most those of the machine", async () => {
  const cores = navigator.hardwareConcurrency;
  for (const command of ["generate", "score", "quantize", "bench"]) {
    const { code, err } = await run(command, "--threads", `${cores + 1}`);
    assertEquals(code, 2);
    assertStringIncludes(err, `--threads ${cores + 1}: expected a whole number from 1 to ${cores}`);
  }
  for (const threads of [MOST + 1, 2 ** 40, -1, 1.5]) {
    try {
      Device.open({ backend: "cpu", threads })[Symbol.dispose]();
      assert(false, `a device with ${threads} threads`);
    } catch (error) {
      assertMatch(`${error}`, /^ArgumentError: Cannot open a device: threads is/);
    }
  }
});

Deno.test("numbers: the largest ones do something, or are refused for a reason", async () => {
  const target = ["--target", model, "--backend", "cpu"];
  const generate = ["generate", ...target, "--prompt", "a"];
  const short = ["--max-tokens", "2"];
  const quantize = (i: number) => ["quantize", "--model", model, "--out", `${root}/out-${i}`];
  const gptq = ["--scheme", "w4a16-g32", "--backend", "cpu"];
  const texts = ["--calibration-texts", "2"];
  const cases: [args: string[], option: string, value: number][] = [
    [["score", ...target, "--text", "a"], "top", MOST],
    [[...generate, "--context", "32"], "max-tokens", MOST],
    [[...generate, ...short], "context", MOST],
    ...["min-draft", "siblings", "depth", "topk", "tree-size"].map((
      option,
    ): [string[], string, number] => [[...generate, ...short], option, MOST]),
    ...["temperature", "repetition-penalty"].map((option): [string[], string, number] => [
      [...generate, ...short],
      option,
      100,
    ]),
    [[...generate, ...short, "--temperature", "1"], "top-k", MOST],
    [[...generate, ...short, "--temperature", "1"], "seed", Number.MAX_SAFE_INTEGER],
    [["inspect", model], "context", MOST],
    [["inspect", model], "bandwidth", 1e308],
    [[...quantize(0), "--scheme", "f16", "--rotate"], "seed", 2 ** 30 - 1],
    [[...quantize(1), ...gptq, "--calibration-tokens", "4"], "calibration-texts", MOST],
    [[...quantize(2), ...gptq, ...texts], "calibration-tokens", MOST],
    [[...quantize(3), ...gptq, ...texts], "damping", 1],
    [[...quantize(4), ...gptq, ...texts], "damping", 0],
    [["bench", "--model", model, "--backend", "cpu", "--tables", "forward"], "context", MOST],
  ];
  for (const [args, option, value] of cases) {
    const { code, err } = await run(...args, `--${option}`, `${value}`);
    const what = `${args.join(" ")} --${option} ${value}: ${err}`;
    assert(code === 0 || /^error: (--[a-z-]+: )?Cannot /.test(err), what);
    assert(!err.includes("internal error"), what);
  }
});
