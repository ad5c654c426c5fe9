/**
 * Git LFS pointers: the small texts that stand for large files where a repository was cloned without Git LFS.
 *
 * @module
 */

const START = new TextEncoder().encode("version https://git-lfs.github.com/spec/");

/** What is wrong with a file that starts with `bytes`, where they are those of a pointer; else undefined. */
export function lfsPointer(bytes: Uint8Array): string | undefined {
  if (bytes.length < START.length || !START.every((byte, i) => bytes[i] === byte)) return undefined;
  return 'it is a Git LFS pointer, expected the file that it stands for; "git lfs pull" in its ' +
    "directory fetches it";
}

/** Bytes at the start of a file that {@link lfsPointer} needs. */
export const LFS_START_BYTES: number = START.length;
