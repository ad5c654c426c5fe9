/**
 * The problems of a benchmark, read from its file.
 *
 * @module
 */
import { ArgumentError, SpecMQuantError } from "../../base/errors.ts";
import { suggestion } from "../../base/nearest.ts";
import type { Benchmark, Problem } from "./benchmark.ts";
import { OWN } from "./own.ts";
import { BENCHMARKS } from "./registry.ts";
import { readRows } from "./rows.ts";

/** A benchmark with its problems. */
export interface OpenBenchmark {
  /** The benchmark. */
  readonly benchmark: Benchmark;
  /** What it is called: its name, or that of the user's file. */
  readonly name: string;
  /** The SHA-256 of its file. */
  readonly sha256: string;
  /** The problems, in the order of the file. */
  readonly problems: readonly Problem[];
}

function isFile(path: string): boolean {
  try {
    return !Deno.statSync(path).isDirectory;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return false;
    }
    throw error;
  }
}

/**
 * Opens the benchmark `name`, whose file is in the directory `data`, or the file of that name. Throws an `ArgumentError`
 * where there is neither, code `"benchmark_file"` where its file is missing or not as it should be.
 */
export async function openBenchmark(name: string, data?: string): Promise<OpenBenchmark> {
  const known = BENCHMARKS.find((one) => one.name === name);
  const names = BENCHMARKS.map((one) => one.name);
  if (known === undefined && !isFile(name)) {
    throw new ArgumentError(
      "bench",
      `Cannot use bench ${name}: it is neither a file nor one of ${names.join(", ")}` +
        suggestion(name, names),
    );
  }
  const benchmark = known ?? OWN;
  const file = known === undefined ? name : dataFile(known, data);
  const { rows, sha256 } = await readRows(file);
  const problems = rows.map((row) => benchmark.problem(row));
  const seen = new Set<string>();
  for (const { id } of problems) {
    if (seen.has(id)) {
      throw new SpecMQuantError("benchmark_file", `Cannot read ${file}: two rows are called ${id}`);
    }
    seen.add(id);
  }
  return { benchmark, name: known?.name ?? file.split("/").at(-1)!, sha256, problems };
}

function dataFile({ name, data }: Benchmark, dir: string | undefined): string {
  const { files, published } = data!;
  if (dir === undefined) {
    throw new ArgumentError(
      "data",
      `Cannot run ${name}: no data is given, expected the directory of ${files[0]}, which is ` +
        `published as ${published}`,
    );
  }
  const found = files.map((file) => `${dir}/${file}`).find(isFile);
  if (found !== undefined) return found;
  throw new SpecMQuantError(
    "benchmark_file",
    `Cannot run ${name}: ${dir} has no ${
      files.join(" or ")
    }, which is published as ${published}; ` +
      `save it as ${dir}/${files[0]}`,
  );
}

/**
 * At most `limit` problems, as many of each task as of the others while it has any, and always the first of a task; in
 * the order of the file. A larger limit takes the same ones and more.
 */
export function limited(problems: readonly Problem[], limit = Infinity): readonly Problem[] {
  const places = new Map<string, number>();
  const round = problems.map(({ task }) => {
    const place = places.get(task) ?? 0;
    places.set(task, place + 1);
    return place;
  });
  const order = problems.map((_, i) => i).sort((a, b) => round[a] - round[b] || a - b);
  const taken = new Set(order.slice(0, limit));
  return problems.filter((_, i) => taken.has(i));
}
