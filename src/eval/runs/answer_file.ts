/**
 * The file of answers: a line for each, on disk before the next one is begun.
 *
 * @module
 */
import { SpecMQuantError } from "../../base/errors.ts";
import { camelCase, snakeCase } from "../../base/key_case.ts";
import { onFile } from "../../base/system_error.ts";
import type { Answer } from "./answer.ts";
import { type Job, jobKey } from "./plan.ts";

const NEWLINE = 10;

/** Answers on disk, of which one process has the file at a time. */
export class AnswerFile implements Disposable {
  readonly #path: string;
  readonly #file: Deno.FsFile;
  readonly #answers = new Map<string, Answer>();

  /**
   * Opens the file, or makes an empty one. A line that was cut off by the end of its process is removed. Throws code
   * `"eval_run"` where another process has it open or a line is no answer, code `"file"` where it cannot be read or written.
   */
  constructor(path: string) {
    this.#path = path;
    this.#file = onFile(
      "write",
      path,
      () => Deno.openSync(path, { read: true, write: true, create: true }),
    );
    try {
      // The kernel drops the lock when the process ends, however it does.
      if (!onFile("write", path, () => this.#file.tryLockSync(true))) {
        throw this.#fault("another process writes to it, expected none");
      }
      this.#read();
    } catch (error) {
      this.#file.close();
      throw error;
    }
  }

  #fault(what: string, cause?: unknown): SpecMQuantError {
    return new SpecMQuantError("eval_run", `Cannot go on with ${this.#path}: ${what}`, { cause });
  }

  #read(): void {
    const bytes = onFile("read", this.#path, () => Deno.readFileSync(this.#path));
    const end = bytes.lastIndexOf(NEWLINE) + 1;
    const lines = new TextDecoder().decode(bytes.subarray(0, end)).split("\n").slice(0, -1);
    for (const [i, line] of lines.entries()) {
      let answer: Answer;
      try {
        answer = camelCase(JSON.parse(line)) as Answer;
      } catch (cause) {
        throw this.#fault(`line ${i + 1} is not JSON, expected an answer`, cause);
      }
      if (!Array.isArray(answer?.turns) || typeof answer.problem !== "string") {
        throw this.#fault(`line ${i + 1} is no answer`);
      }
      const key = jobKey(answer);
      if (this.#answers.has(key)) throw this.#fault(`line ${i + 1} answers ${key} again`);
      this.#answers.set(key, answer);
    }
    onFile("write", this.#path, () => {
      this.#file.truncateSync(end);
      this.#file.seekSync(end, Deno.SeekMode.Start);
    });
  }

  /** The answer to a job, where there is one. */
  get(job: Job): Answer | undefined {
    return this.#answers.get(jobKey(job));
  }

  /** All answers, of this plan and of others. */
  get all(): readonly Answer[] {
    return [...this.#answers.values()];
  }

  /** Adds an answer; it is on disk when this returns. */
  append(answer: Answer): void {
    const line = new TextEncoder().encode(`${JSON.stringify(snakeCase(answer))}\n`);
    onFile("write", this.#path, () => {
      for (let at = 0; at < line.length;) at += this.#file.writeSync(line.subarray(at));
      this.#file.syncDataSync();
    });
    this.#answers.set(jobKey(answer), answer);
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.#file.close();
  }
}
