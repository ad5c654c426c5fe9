/**
 * Makes a directory hold the files of a choice: complete, or plainly not.
 *
 * @module
 */
import { checkSpace } from "../base/free_space.ts";
import type { PulledFile, PullRecord } from "../base/pull_record.ts";
import { partBytes } from "./disk/part_file.ts";
import {
  checkPlace,
  claimDirectory,
  nearestDirectory,
  partsIn,
  removeFiles,
} from "./disk/place.ts";
import { type Checked, infoOf, isPresent } from "./disk/present.ts";
import { readRecord, writeRecord } from "./disk/record.ts";
import { FileFetcher } from "./fetch_files.ts";
import type { HubClient } from "./net/client.ts";
import { probeFile } from "./net/file_stream.ts";
import type { Listing } from "./net/listing.ts";
import type { Subject } from "./net/refusal.ts";
import type { PullOptions } from "./options.ts";

/** What goes where. */
export interface Target {
  /** The directory. */
  readonly dir: string;
  /** The repository. */
  readonly subject: Subject;
  /** What it holds. */
  readonly listing: Listing;
  /** What of it is to be in the directory. */
  readonly files: readonly PulledFile[];
  /** What was asked for. */
  readonly include: readonly string[];
  /** What was asked for. */
  readonly quant?: string;
}

/** What the caller hears, and whether bytes are added up. */
export type Listeners = Pick<
  PullOptions,
  "verify" | "signal" | "onStart" | "onProgress" | "onKept"
>;

/** What was done. */
export interface Filled {
  /** Bytes that were fetched. */
  readonly fetched: number;
  /** Files of another commit that are gone. */
  readonly removed: readonly string[];
}

/** Fills the directory of `target`; `failing` stops `client` where one file fails. Errors are those of `pull`. */
export async function fillDirectory(
  client: HubClient,
  target: Target,
  failing: AbortController,
  listeners: Listeners,
): Promise<Filled> {
  const { dir, subject, listing, files } = target;
  const { commit } = listing;
  const { onStart, onProgress, onKept } = listeners;
  const checked: Checked = new Set();
  const before = readRecord(dir);
  const missing = await missingOf(target, before, checked, listeners);
  if (missing.length === 0 && isRecorded(target, before)) return { fetched: 0, removed: [] };
  // Whether it may be had, and whether there is room for it, is known before anything is written.
  if (missing.length > 0) await probeFile(client, { subject, commit, file: missing[0] });
  const kept = missing.reduce((sum, file) => sum + partBytes(dir, file), 0);
  checkSpace(dir, nearestDirectory(dir), sumOf(missing) - kept);

  using _ = claimDirectory(dir);
  const record = readRecord(dir);
  checkPlace(dir, subject.repository, record);
  const needed = await missingOf(target, record, checked, listeners);
  const { current, outdated } = sortOut(target, record);
  const { include, quant } = target;
  const asked = { ...subject, commit, include, ...(quant !== undefined && { quant }) };
  // From here on it is not complete; only then goes what is outdated, so that nothing is taken for what it is not.
  const unfinished: PullRecord = { ...asked, complete: false, files: record?.files ?? [] };
  writeRecord(dir, unfinished);
  removeFiles(dir, outdated);
  const ours = [...current.filter(({ path }) => !files.some((one) => one.path === path)), ...files];
  writeRecord(dir, { ...unfinished, files: ours });
  const fetcher = new FileFetcher(client, { subject, commit, dir, files: needed });
  try {
    onStart?.({ dir, commit, files: needed.length, bytes: fetcher.total, kept: fetcher.done });
    await fetcher.run(failing, onProgress);
    const there = ours.filter(({ path, size }) => infoOf(`${dir}/${path}`)?.size === size);
    writeRecord(dir, { ...asked, complete: true, files: there });
    removeFiles(dir, partsIn(dir, foldersOf(listing.files)));
  } catch (error) {
    onKept?.({ dir, done: fetcher.done, total: fetcher.total });
    throw error;
  }
  const removed = outdated.filter((path) => !files.some((one) => one.path === path));
  return { fetched: fetcher.fetched, removed };
}

/** The files that are not there yet. */
async function missingOf(
  { dir, files }: Target,
  record: PullRecord | undefined,
  checked: Checked,
  { verify = false, signal, onProgress }: Listeners,
): Promise<PulledFile[]> {
  const missing: PulledFile[] = [];
  const total = sumOf(files);
  for (const [at, file] of files.entries()) {
    const start = sumOf(files.slice(0, at));
    const onChecked = (bytes: number) =>
      onProgress?.({
        stage: "checking",
        file: file.path,
        done: start + bytes,
        total,
        filesDone: at,
        files: files.length,
      });
    const looking = { record, verify, checked, signal, onChecked };
    if (!await isPresent(dir, file, looking)) missing.push(file);
  }
  return missing;
}

/** Whether the record says of all files that they are there, at this commit. */
function isRecorded({ listing, files }: Target, record: PullRecord | undefined): boolean {
  return record !== undefined && record.complete && record.commit === listing.commit &&
    files.every(({ path, sum }) =>
      record.files.some((one) => one.path === path && one.sum === sum)
    );
}

/** What of the files of an earlier call is the same at this commit, and what is to go. */
function sortOut({ dir, listing }: Target, record: PullRecord | undefined) {
  const current: PulledFile[] = [];
  const outdated: string[] = [];
  const sums = new Map(listing.files.map(({ path, sum }) => [path, sum]));
  for (const file of record?.files ?? []) {
    if (sums.get(file.path) === file.sum) current.push(file);
    // What someone has changed since is theirs.
    else if (infoOf(`${dir}/${file.path}`)?.size === file.size) outdated.push(file.path);
  }
  return { current, outdated };
}

function foldersOf(files: readonly PulledFile[]): ReadonlySet<string> {
  return new Set(files.map(({ path }) => path.split("/").slice(0, -1).join("/")));
}

function sumOf(files: readonly PulledFile[]): number {
  return files.reduce((sum, { size }) => sum + size, 0);
}
