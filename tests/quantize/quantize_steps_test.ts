/**
 * Quantizing, and what makes heads of heads, seen before every change of a file: what a process leaves that is killed
 * there can be gone on with, and what fails there says so, leaving nothing that looks finished.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { testIo } from "../../src/cli/fixtures_test.ts";
import { runProgram } from "../../src/cli/program.ts";
import { COMMANDS } from "../../src/cli/registry.ts";
import { Device } from "../../src/device/mod.ts";
import { convertHead, quantizeCheckpoint, quantizeHead, trimHead } from "../../src/quantize/mod.ts";
import { someOf } from "../cases.ts";
import { copyTree, withSteps } from "../file_steps.ts";
import { SMALL, writeRandomHead } from "../models.ts";
import { filesOf, makeModel, readNames, VOCAB } from "../whole_models.ts";

const root = Deno.makeTempDirSync();
addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));

const SHAPE = { ...SMALL, vocab: VOCAB };
const model = makeModel(`${root}/model`, SHAPE);
const head = writeRandomHead(`${root}/head`, SHAPE);
const texts = `${root}/texts.txt`;
Deno.writeTextFileSync(texts, "hello world, again and again. ".repeat(12));
const rotated = `${root}/rotated`;
await quantizeCheckpoint({ model, out: rotated, scheme: "f16", rotate: true });

/** A piece of work that makes a directory. */
interface Work {
  readonly name: string;
  /** Its command line, without `--out`. */
  readonly args: readonly string[];
  /** Whether what fails stays for the next run. */
  readonly resumes: boolean;
  run(out: string): Promise<unknown>;
}

const QUANTIZE = { scheme: "w4a16-g32", method: "rtn", rotate: true } as const;

const WORKS: readonly Work[] = [
  {
    name: "quantize",
    args: [
      ...["quantize", "--model", model, "--scheme", QUANTIZE.scheme, "--method", QUANTIZE.method],
      "--rotate",
    ],
    resumes: true,
    run: (out) => quantizeCheckpoint({ model, out, ...QUANTIZE }),
  },
  {
    name: "convert-head",
    args: ["convert-head", "--head", head, "--model", rotated],
    resumes: false,
    run: (out) => convertHead({ head, model: rotated, out }),
  },
  {
    name: "quantize --head",
    args: [
      ...["quantize", "--head", head, "--target", model, "--scheme", QUANTIZE.scheme],
      ...["--calibration", texts, "--backend", "cpu", "--threads", "1"],
    ],
    resumes: true,
    run: (out) =>
      quantizeHead({
        head,
        target: model,
        out,
        scheme: QUANTIZE.scheme,
        calibration: texts,
        device: () => Device.open({ backend: "cpu", threads: 1 }),
      }),
  },
  {
    name: "trim-head",
    args: ["trim-head", "--head", head, "--target", model, "--texts", texts, "--keep", "99"],
    resumes: true,
    run: (out) => trimHead({ head, target: model, texts, keep: 99, out }),
  },
];

/** Where a directory is made: absent before, or there and empty. */
const PLACES = ["absent", "empty"] as const;

/** A directory for one run, with `out` in it. */
function place(name: string, kind: typeof PLACES[number]): string {
  Deno.mkdirSync(`${root}/${name}`);
  if (kind === "empty") Deno.mkdirSync(`${root}/${name}/out`);
  return `${root}/${name}`;
}

/** What is in `out` of `dir`, complete or not at all: nothing looks like a model that is none. */
function checkOut(dir: string, whole: Map<string, Uint8Array>): void {
  const names = readNames(`${dir}/out`).filter((name) => name !== ".partial");
  if (!names.includes("config.json")) return;
  assertEquals(names.sort(), [...whole.keys()]);
}

/** Whether `out` of `dir` is complete and nothing of the work is left. */
function isDone(dir: string, whole: Map<string, Uint8Array>): boolean {
  const found = [...readNames(dir), ...readNames(`${dir}/out`).sort()];
  return found.join() === ["out", ...whole.keys()].join();
}

/** Runs without waiting for the disk. */
async function quick(body: () => Promise<unknown>): Promise<void> {
  await withSteps(() => {}, async () => void await body());
}

/** Some of `count` steps: the first ones, the last ones, and those between at distances. */
function sample(count: number): number[] {
  const all = Array.from({ length: count }, (_, i) => i + 1);
  return all.filter((i) => i <= 4 || i > count - 12 || i % 17 === 0);
}

for (const { name, args, resumes, run } of WORKS) {
  const whole = `${root}/${name}-whole`;
  await run(whole);
  const expected = filesOf(whole);

  for (const kind of PLACES) {
    Deno.test(`${name}: killed before any step, into a directory that was ${kind}`, async () => {
      const dir = place(`${name}-${kind}`, kind);
      const steps = await withSteps((step) => {
        checkOut(dir, expected);
        copyTree(dir, `${dir}-at-${step}`);
      }, () => run(`${dir}/out`).then(() => {}));
      assertEquals(filesOf(`${dir}/out`), expected);
      assert(steps > 20, `${steps} steps`);
      for (const step of sample(steps)) {
        const at = `${dir}-at-${step}`;
        const out = `${at}/out`;
        if (!isDone(at, expected)) await quick(() => run(out));
        assertEquals(filesOf(out), expected, `killed before step ${step}`);
        assertEquals(readNames(at), ["out"], `killed before step ${step}`);
      }
    });

    Deno.test(`${name}: a disk that fails at any step, with ${kind} OUT`, async () => {
      // The disk stays full, or fails but once: what is cleaned up after it may fail as well.
      const full = Deno.openSync("/dev/full", { write: true });
      const write = Deno.FsFile.prototype.writeSync;
      const space = () => void write.call(full, new Uint8Array(1));
      const broken = () => {
        throw new Error("Input/output error (os error 5)");
      };
      const count = await withSteps(() => {}, async () => {
        await run(`${place(`${name}-${kind}-count`, kind)}/out`);
      });
      const faults = [[space, false], [broken, true]] as const;
      for (const [number, at] of sample(count).entries()) {
        // One at each step, and the other in the other place.
        const first = number + PLACES.indexOf(kind);
        for (const [fault, once] of someOf(faults, 2, { first })) {
          const what = `${name}-${kind}-${fault.name}-${at}`;
          const dir = place(what, kind);
          const out = `${dir}/out`;
          const io = testIo();
          let code = 0;
          await withSteps((step, call) => {
            if (once ? step !== at : step < at) return;
            if (fault === broken || call === "writeSync" || call === "openSync") fault();
          }, async () => {
            code = await runProgram([...args, "--out", out], COMMANDS, io);
          });
          checkOut(dir, expected);
          if (code === 0) {
            // It had written all.
            assertEquals(filesOf(out), expected, what);
            continue;
          }
          assertEquals([code, io.stdout.text], [1, ""], what);
          const reason = fault === space
            ? "no space is left on the device"
            : "the device reports an input or output error";
          const last = io.stderr.text.trimEnd().split("\n").at(-1)!;
          assertMatch(last, new RegExp(`^error: Cannot write .*: ${reason}$`), what);
          assert(!io.stderr.text.includes("    at "), io.stderr.text);
          const kept = readNames(dir).includes("out.partial") ||
            readNames(out).includes(".partial");
          if (resumes && kept && fault === space) {
            assertMatch(
              io.stderr.text,
              / kept in .*\n {2}specmquant (quantize|trim-head)/,
            );
          }
          if (!resumes && fault === space) assert(!kept, `${what}: ${io.stderr.text}`);
          if (!isDone(dir, expected)) {
            await quick(async () => {
              assertEquals(await runProgram([...args, "--out", out], COMMANDS, testIo()), 0, what);
            });
          }
          assertEquals(filesOf(out), expected, what);
          assertEquals(readNames(dir), ["out"], what);
        }
      }
      full.close();
    });
  }
}
