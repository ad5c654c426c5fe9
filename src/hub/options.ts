/**
 * What {@link pull} takes and gives.
 *
 * @module
 */
import { BOOLEAN, FUNCTION, type Kinds, PATH, required, SIGNAL, TEXT } from "../base/options.ts";
import type { PulledFile } from "../base/pull_record.ts";

/** What to fetch, and where to. */
export interface PullOptions {
  /** `ORG/NAME`, or `ORG/NAME@REVISION` with a branch, a tag or a commit; `main` where there is none. */
  model: string;
  /** The directory to write, a path or a `file:` URL; `ORG/NAME` in the current directory where absent. */
  to?: string | URL;
  /**
   * Patterns, for exactly what matches one of them: `*` is any text, slashes included. Absent or empty, it is what a
   * model is read from: configuration, tokenizer, chat templates, and safetensors, or else GGUF, or else `.bin`.
   */
  include?: readonly string[];
  /** Which of the repository's GGUF files, by how it is quantized, e.g. `Q4_K_M`; all parts of a split one. */
  quant?: string;
  /** Whether to add up the bytes of what is there already too; their lengths alone are looked at where false. */
  verify?: boolean;
  /** The address of the hub; `HF_ENDPOINT` or Hugging Face's where absent. */
  endpoint?: string;
  /** A token; that of `HF_TOKEN` or of the file of other programs where absent. Only the hub gets it. */
  token?: string;
  /** Ends the work; what has come is kept, and the next call goes on. */
  signal?: AbortSignal;
  /** Hears what will be fetched, before it is. */
  onStart?: (plan: PullPlan) => void;
  /** Hears how far it is. */
  onProgress?: (progress: PullProgress) => void;
  /** Hears what is kept, where the work ends early. */
  onKept?: (kept: PullKept) => void;
}

/** What will be fetched. */
export interface PullPlan {
  /** The directory, as a path. */
  readonly dir: string;
  /** The commit. */
  readonly commit: string;
  /** Files to fetch. */
  readonly files: number;
  /** Bytes to fetch. */
  readonly bytes: number;
  /** Bytes of these that an earlier, broken off call has fetched. */
  readonly kept: number;
}

/** How far the work is. */
export interface PullProgress {
  /** Whether files are fetched, or files that are there are added up. */
  readonly stage: "fetching" | "checking";
  /** The file that moved. */
  readonly file: string;
  /** Bytes that are done. */
  readonly done: number;
  /** Bytes of all files of the stage. */
  readonly total: number;
  /** Files that are done. */
  readonly filesDone: number;
  /** Files of the stage. */
  readonly files: number;
}

/** What is kept of a call that ended early. */
export interface PullKept {
  /** The directory, as a path. */
  readonly dir: string;
  /** Bytes that have come. */
  readonly done: number;
  /** Bytes of all files. */
  readonly total: number;
}

/** What is there now. */
export interface PullResult {
  /** `ORG/NAME`. */
  readonly repository: string;
  /** The branch, tag or commit that was asked for. */
  readonly revision: string;
  /** The commit that it is, 40 hexadecimal digits. */
  readonly commit: string;
  /** The directory, as a path. */
  readonly dir: string;
  /** What an engine or a command takes: the directory, or the GGUF file in it. */
  readonly path: string;
  /** The files that were asked for. */
  readonly files: readonly PulledFile[];
  /** Bytes of these files. */
  readonly bytes: number;
  /** Bytes that this call fetched; 0 where all was there. */
  readonly fetched: number;
  /** Files of another commit that were fetched earlier and are not part of this one: they are removed. */
  readonly removed: readonly string[];
  /** Files of the repository that were not asked for. */
  readonly leftOut: readonly PulledFile[];
}

/** What the options are. */
export const PULL_KINDS: Kinds<PullOptions> = {
  model: required(TEXT),
  to: PATH,
  include: {
    expected: "a list of patterns",
    fits: (value) =>
      Array.isArray(value) && value.every((one) => typeof one === "string" && one !== ""),
  },
  quant: {
    expected: 'the name of a quantization, e.g. "Q4_K_M"',
    fits: (value) => typeof value === "string" && /^[\w.-]+$/.test(value),
  },
  verify: BOOLEAN,
  endpoint: TEXT,
  token: { expected: "a token", fits: (value) => typeof value === "string" && value !== "" },
  signal: SIGNAL,
  onStart: FUNCTION,
  onProgress: FUNCTION,
  onKept: FUNCTION,
};
