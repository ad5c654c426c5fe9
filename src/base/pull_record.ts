/**
 * What a directory says of itself that was fetched from a hub: the record that `pull` keeps in it.
 *
 * @module
 */

/** The name of the record's file in its directory. */
export const PULL_RECORD = ".pull.json";

/** A file of a repository: its bytes, and what they must add up to. */
export interface PulledFile {
  /** Its path in the repository, and in the directory. */
  readonly path: string;
  /** Its length in bytes. */
  readonly size: number;
  /** `sha256:` and the sum of its bytes, or `git:` and the SHA-1 that git has for it as a blob; in hexadecimal. */
  readonly sum: string;
}

/** The record. */
export interface PullRecord {
  /** `ORG/NAME`. */
  readonly repository: string;
  /** What was asked for: a branch, a tag or a commit. */
  readonly revision: string;
  /** The commit that this was, 40 hexadecimal digits. */
  readonly commit: string;
  /** Whether all files are there. */
  readonly complete: boolean;
  /** The patterns that were asked for. */
  readonly include: readonly string[];
  /** The quantization that was asked for. */
  readonly quant?: string;
  /** The files. */
  readonly files: readonly PulledFile[];
}

/** The record in a text; undefined where it is none. */
export function parsePullRecord(text: string): PullRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  return isRecord(value) ? value : undefined;
}

function isRecord(value: unknown): value is PullRecord {
  const { repository, revision, commit, complete, include, quant, files } = Object(value);
  return isText(repository) && isText(revision) && isText(commit) &&
    typeof complete === "boolean" &&
    Array.isArray(include) && include.every(isText) && (quant === undefined || isText(quant)) &&
    Array.isArray(files) && files.every(isFile);
}

function isFile(value: unknown): value is PulledFile {
  const { path, size, sum } = Object(value);
  return isText(path) && Number.isSafeInteger(size) && size >= 0 && isText(sum);
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

/** The branch that is taken where no revision is named. */
export const MAIN_BRANCH = "main";

/** What a pull is told. */
export interface PullWords {
  /** `ORG/NAME`. */
  readonly repository: string;
  /** See {@link PullRecord}. */
  readonly revision?: string;
  /** See {@link PullRecord}. */
  readonly include?: readonly string[];
  /** See {@link PullRecord}. */
  readonly quant?: string;
}

/** The command line that fetches this to `dir`, for a POSIX shell; to where it goes by itself, where absent. */
export function pullCommand(
  { repository, revision = MAIN_BRANCH, include = [], quant }: PullWords,
  dir = repository,
): string {
  const words = [
    revision === MAIN_BRANCH ? repository : `${repository}@${revision}`,
    ...(quant === undefined ? [] : ["--quant", quant]),
    ...include.flatMap((glob) =>
      glob.startsWith("-") ? [`--include=${glob}`] : ["--include", glob]
    ),
    ...(dir === repository ? [] : ["--to", dir]),
  ];
  return `specmquant pull ${words.map(quoted).join(" ")}`;
}

function quoted(word: string): string {
  return /^[\w./:=,@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
