/**
 * The record of a directory that is fetched: written before its first file, and marked complete after its last.
 *
 * @module
 */
import { ArgumentError } from "../../base/errors.ts";
import { parsePullRecord, PULL_RECORD, type PullRecord } from "../../base/pull_record.ts";
import { onFile } from "../../base/system_error.ts";

/** The record in `dir`; undefined where there is none. An ArgumentError where it is something else. */
export function readRecord(dir: string): PullRecord | undefined {
  const file = `${dir}/${PULL_RECORD}`;
  const text = onFile("read", file, () => {
    try {
      return Deno.readTextFileSync(file);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
        return undefined;
      }
      throw error;
    }
  });
  if (text === undefined) return undefined;
  const record = parsePullRecord(text);
  if (record !== undefined) return record;
  throw new ArgumentError(
    "to",
    `Cannot write to ${dir}: its ${PULL_RECORD} is not what pull writes; remove it to have it written anew`,
  );
}

/** Writes the record of `dir`, whole or not at all. */
export function writeRecord(dir: string, record: PullRecord): void {
  const file = `${dir}/${PULL_RECORD}`;
  const next = `${file}.new`;
  onFile("write", file, () => {
    {
      using handle = Deno.openSync(next, { write: true, create: true, truncate: true });
      const bytes = new TextEncoder().encode(`${JSON.stringify(record, null, 2)}\n`);
      for (let at = 0; at < bytes.length;) at += handle.writeSync(bytes.subarray(at));
      handle.syncDataSync();
    }
    Deno.renameSync(next, file);
  });
}
