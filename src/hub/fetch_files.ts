/**
 * Fetches files, a few at a time.
 *
 * @module
 */
import type { PulledFile } from "../base/pull_record.ts";
import { partBytes, PartFile } from "./disk/part_file.ts";
import { IntegrityError } from "../base/errors.ts";
import type { HubClient } from "./net/client.ts";
import { otherSum, streamFile } from "./net/file_stream.ts";
import type { Subject } from "./net/refusal.ts";
import type { PullOptions } from "./options.ts";

/** Files that are fetched at a time: one connection seldom fills a line, many only trouble the server. */
const AT_A_TIME = 3;

/** What is fetched. */
export interface Order {
  /** The repository. */
  readonly subject: Subject;
  /** The commit. */
  readonly commit: string;
  /** Where to. */
  readonly dir: string;
  /** The files. */
  readonly files: readonly PulledFile[];
}

/** Files on their way. */
export class FileFetcher {
  readonly #client: HubClient;
  readonly #order: Order;
  readonly #done = new Map<string, number>();
  #finished = 0;
  #fetched = 0;

  /** Nothing is asked for yet. */
  constructor(client: HubClient, order: Order) {
    this.#client = client;
    // What is small first: a model that cannot be had is known soon.
    this.#order = { ...order, files: order.files.toSorted((a, b) => a.size - b.size) };
    for (const file of order.files) this.#done.set(file.path, partBytes(order.dir, file));
  }

  /** Bytes of all files. */
  get total(): number {
    return this.#order.files.reduce((sum, { size }) => sum + size, 0);
  }

  /** Bytes that are there, those of an earlier call too. */
  get done(): number {
    return [...this.#done.values()].reduce((sum, bytes) => sum + bytes, 0);
  }

  /** Bytes that came. */
  get fetched(): number {
    return this.#fetched;
  }

  /** Fetches them all. The first error stops the others, through `failing`, and is thrown when they have ended. */
  async run(failing: AbortController, onProgress: PullOptions["onProgress"]): Promise<void> {
    const { files } = this.#order;
    let next = 0;
    const work = async () => {
      while (next < files.length && !failing.signal.aborted) {
        const file = files[next++];
        try {
          await this.#fetch(file, () => this.#tell(file, onProgress));
        } catch (error) {
          failing.abort(error);
        }
      }
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, work));
    failing.signal.throwIfAborted();
  }

  async #fetch(file: PulledFile, tell: () => void): Promise<void> {
    const { subject, commit, dir } = this.#order;
    const located = { subject, commit, file };
    const { signal, patience } = this.#client.asking;
    using part = await PartFile.open(dir, file, signal);
    const set = () => {
      this.#done.set(file.path, part.size);
      tell();
    };
    set();
    // Bytes of an earlier call may have been damaged since: with them a wrong sum is no verdict.
    for (let isVerdict = part.size === 0;; isVerdict = true) {
      let start = part.size;
      try {
        await this.#client.retrying(
          { ...subject, file: file.path },
          patience.fileTries,
          async () => {
            start = part.size;
            if (part.size === file.size) return;
            for await (const piece of streamFile(this.#client, located, part.size)) {
              await part.write(piece, this.total - this.done - piece.length);
              this.#fetched += piece.length;
              set();
            }
          },
          () => part.size - start >= patience.progress,
        );
      } catch (error) {
        if (error instanceof IntegrityError) part.remove();
        throw error;
      }
      const sum = part.sum();
      if (sum === file.sum) break;
      if (isVerdict) {
        part.remove();
        this.#done.set(file.path, 0);
        throw otherSum(located, sum.split(":")[1]);
      }
      part.restart();
      set();
    }
    part.finish();
    this.#finished++;
    tell();
  }

  #tell(file: PulledFile, onProgress: PullOptions["onProgress"]): void {
    onProgress?.({
      stage: "fetching",
      file: file.path,
      done: this.done,
      total: this.total,
      filesDone: this.#finished,
      files: this.#order.files.length,
    });
  }
}
