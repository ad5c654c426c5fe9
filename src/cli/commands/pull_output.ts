/**
 * What `pull` says: how fast it is, what it left out, and what to do next.
 *
 * @module
 */
import { snakeCase } from "../../base/key_case.ts";
import { megabytes } from "../../engine/mod.ts";
import type { PulledFile, PullProgress, PullResult } from "../../hub/mod.ts";
import { commandLine } from "../options/command_line.ts";
import type { Description } from "./describe.ts";
import { generate } from "./generate.ts";

/** Milliseconds over which a rate is the mean: shorter ones jump, longer ones lag. */
const WINDOW_MS = 5000;

/** Bytes a second of the last moments. */
export class PullRate {
  readonly #now: () => number;
  #stage = "";
  #samples: (readonly [time: number, done: number])[] = [];

  /** Begins now; a test has a clock of its own. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Bytes, rate, file and its number, in one line. */
  describe({ stage, file, done, total, filesDone, files }: PullProgress): string {
    const now = this.#now();
    if (stage !== this.#stage) [this.#stage, this.#samples] = [stage, []];
    this.#samples.push([now, done]);
    // The oldest that is kept is the last one outside the window.
    while (this.#samples.length > 2 && now - this.#samples[1][0] >= WINDOW_MS) {
      this.#samples.shift();
    }
    const [[then, before]] = this.#samples;
    const seconds = (now - then) / 1000;
    const rate = seconds < 0.5 ? "" : `  ${megabytes((done - before) / seconds)}/s`;
    const number = Math.min(filesDone + 1, files);
    return `${megabytes(done)} of ${megabytes(total)}${rate}  file ${number} of ${files}: ${file}`;
  }
}

/** What was left out, in one line: folders as one. */
export function leftOutLine(files: readonly PulledFile[]): string {
  const names = new Set(files.map(({ path }) => path.replace(/\/.*/, "/")));
  const shown = [...names].slice(0, 12);
  const more = names.size > shown.length ? ` and ${names.size - shown.length} more` : "";
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  return `left out: ${shown.join(", ")}${more} (${megabytes(bytes)}); --include takes what matches`;
}

/** The command that uses what is at `path`. */
export function nextCommand(path: string, { kind, chatTemplate }: Description): string {
  if (kind === "head") {
    return commandLine(generate, { target: "TARGET", head: path, prompt: "Hello", stop: [] });
  }
  return commandLine(generate, {
    target: path,
    prompt: chatTemplate ? "Why is the sky blue?" : "The sky is blue because",
    chat: chatTemplate,
    stop: [],
  });
}

/** What `--json` prints. */
export function pullSummary(result: PullResult, seconds: number): unknown {
  const { leftOut, ...rest } = result;
  return snakeCase({
    ...rest,
    leftOut: leftOut.map(({ path, size }) => ({ path, size })),
    seconds: Number(seconds.toFixed(3)),
  });
}
