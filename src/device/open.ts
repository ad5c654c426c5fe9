/**
 * Which library a device is opened with, and why.
 *
 * @module
 */

import { LibraryError } from "../base/errors.ts";
import {
  findAndOpen,
  findLibrary,
  type Library,
  libraryFromEnvironment,
  type LibraryKind,
  libraryKind,
} from "../ffi/library.ts";
import { statusError, zeroTerminated } from "../ffi/status.ts";
import { SMQ_OK } from "../ffi/symbols.ts";

/** What a library says about a device. */
export interface Description {
  /** The implementation. */
  readonly backend: LibraryKind;
  /** The device's name. */
  readonly name: string;
  /** What else there is to say: the kernels and threads of a CPU, a card's compute capability. */
  readonly detail: string;
}

/** An open library, a device that it has, and why this one. */
export interface Choice {
  /** The library. */
  readonly library: Library;
  /** The device's index in it. */
  readonly index: number;
  /** The device. */
  readonly description: Description;
  /** The reason, in one line. */
  readonly why: string;
}

/** What `library` says about its device `index`; a `LibraryError` where there is none. */
function describe(library: Library, index: number): Description {
  const buffer = new Uint8Array(4096);
  const { symbols, path } = library;
  const status = symbols.smq_describe(index, buffer, buffer.length);
  if (status !== SMQ_OK) throw statusError(symbols, null, status, "smq_describe");
  const text = zeroTerminated(buffer);
  const { backend, name, detail } = JSON.parse(text);
  const isKnown = backend === "cpu" || backend === "cuda";
  if (!isKnown || typeof name !== "string" || typeof detail !== "string") {
    throw new LibraryError(`Cannot use ${path}: it describes its device as ${text}`);
  }
  return { backend, name, detail };
}

function open(kind: LibraryKind, index: number, explicit: string | undefined, why: string): Choice {
  const library = findAndOpen(kind, explicit);
  const description = describe(library, index);
  if (description.backend !== kind) {
    throw new LibraryError(
      `Cannot use ${library.path}: it is the ${description.backend} library, expected ${kind}`,
    );
  }
  return { library, index, description, why };
}

/**
 * Chooses a library for `backend`. `"auto"` takes the kind of the file that `explicit` or
 * `SPECMQUANT_LIBRARY` names, else CUDA where its library and a device are present, else the twin.
 */
export function chooseLibrary(
  backend: "auto" | LibraryKind,
  index: number,
  explicit?: string,
): Choice {
  if (backend === "cpu" || backend === "cuda") {
    return open(backend, index, explicit, `${backend} was asked for`);
  }
  const named = explicit ?? libraryFromEnvironment();
  if (named !== null) {
    const kind = libraryKind(named);
    return open(kind, index, explicit, `${kind}, because the library is set to ${named}`);
  }
  const { path } = findLibrary("cuda");
  // A CUDA index means nothing to the twin, whose only device is 0.
  if (path === null) return open("cpu", 0, undefined, "cpu, because there is no CUDA library");
  try {
    return open("cuda", index, undefined, "cuda, because a device is present");
  } catch (error) {
    // An AbiMismatchError goes on: a stale library is a mistake to mend, not a reason to run slowly.
    if (!(error instanceof LibraryError)) throw error;
    return open("cpu", 0, undefined, `cpu, because CUDA cannot be used: ${error.message}`);
  }
}
