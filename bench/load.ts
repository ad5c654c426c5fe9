/**
 * How fast models are loaded, beside plain reads of the same files by as many processes.
 *
 *     deno run -A bench/load.ts [--backend cuda] [--runs 3] [--cold] [--json FILE] MODEL...
 *
 * A model is a directory or a GGUF file. Warm, the files are in the system's cache: each is read once before. Cold, with
 * `--cold`, `dd iflag=nocache count=0` throws them out of it before each run, which does nothing to files in memory
 * (tmpfs). Plain reads are those of `dd bs=8M`: one of each file, and 16 side by side, of a part each. A load is
 * `Model.load`, checks and all, until the device has the weights; GB/s are the files' bytes in both.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { openCheckpoint } from "../src/checkpoint/checkpoint.ts";
import { commitOf, describeDevice } from "../src/cli/commands/bench/environment.ts";
import { type Figure, rate, type Section, time } from "../src/cli/commands/bench/figure.ts";
import { reportJson } from "../src/cli/commands/bench/report.ts";
import { type Samples, summarize } from "../src/cli/commands/bench/samples.ts";
import { VERSION } from "../src/cli/options/version.ts";
import { type Backend, Device } from "../src/device/mod.ts";
import { Model } from "../src/model/mod.ts";

const args = parseArgs(Deno.args, {
  string: ["backend", "runs", "json"],
  boolean: ["cold"],
  default: { backend: "auto", runs: "3" },
});
const dirs = args._.map(String);
if (dirs.length === 0) {
  console.error("Cannot measure loading: no model is named, expected a directory or a GGUF file");
  Deno.exit(2);
}
const runs = Number(args.runs);

/** Bytes of one copy of `dd`. */
const BLOCK = 8 * 2 ** 20;
/** Plain reads side by side. */
const BESIDE = 16;

async function dd(...words: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("dd", {
    args: words,
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}

/** Reads a file by `count` processes. */
async function readPlainly(file: string, count: number): Promise<void> {
  const blocks = Math.ceil(Deno.statSync(file).size / BLOCK / count);
  const parts = Array.from({ length: count }, (_, i) => [`skip=${i * blocks}`, `count=${blocks}`]);
  await Promise.all(
    parts.map((part) => dd(`if=${file}`, "of=/dev/null", `bs=${BLOCK}`, ...part)),
  );
}

/** The times of `work` in milliseconds, each behind `before`. */
async function timed(
  before: () => Promise<unknown>,
  work: () => Promise<void> | void,
): Promise<Samples> {
  const times: number[] = [];
  for (let i = 0; i < runs; i++) {
    await before();
    const start = performance.now();
    await work();
    times.push(performance.now() - start);
  }
  return summarize(times);
}

function filesOf(checkpoint: ReturnType<typeof openCheckpoint>): string[] {
  const { tensors } = checkpoint;
  return [...new Set(tensors.names().map((name) => tensors.info(name).file))];
}

using device = Device.open({ backend: args.backend as Backend });
const sections: Section[] = [];
for (const dir of dirs) {
  using checkpoint = openCheckpoint(dir);
  const files = filesOf(checkpoint);
  const bytes = files.reduce((sum, file) => sum + Deno.statSync(file).size, 0);
  let scheme = "";
  const load = () => {
    using model = Model.load(device, dir);
    scheme = model.summary.scheme;
  };
  const plain = (count: number) => async () => {
    for (const file of files) await readPlainly(file, count);
  };
  const forget = () =>
    Promise.all(files.map((file) => dd(`if=${file}`, "iflag=nocache", "count=0")));
  const figures: Figure[] = [];
  for (const state of args.cold ? ["cold", "warm"] : ["warm"]) {
    if (state === "warm") await plain(1)();
    const before = state === "cold" ? forget : () => Promise.resolve();
    const works = { "plain read": plain(1), [`plain read, ${BESIDE}`]: plain(BESIDE), load };
    for (const [name, work] of Object.entries(works)) {
      const samples = await timed(before, work);
      figures.push(
        time(`${state} ${name}`, samples, { bytes }),
        rate(`${state} ${name} rate`, samples, bytes, "GB/s"),
      );
      const { value } = figures.at(-1)!;
      console.log(`${dir}: ${state} ${name}: ${value.toFixed(2)} GB/s`);
    }
  }
  const subject = `${dir.replace(/\/+$/, "").split("/").at(-1)}/${scheme}`;
  const notes = ["warm: from the system's cache; plain read: dd, one process or several"];
  sections.push({ table: "load", subject, notes, figures });
}
if (args.json !== undefined) {
  const report = {
    source: `specmquant ${VERSION}`,
    date: new Date().toISOString(),
    commit: commitOf(),
    device: describeDevice(device),
    options: { context: 0, runs, rows: [] },
    sections,
  };
  Deno.writeTextFileSync(args.json, reportJson(report));
}
