/**
 * Finds and opens the native library: once a path, lazily, never closed.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { environmentVariable } from "../base/environment.ts";
import { AbiMismatchError, LibraryError } from "../base/errors.ts";
import { ABI_HASH, SMQ_OK, SYMBOLS } from "./symbols.ts";

/** The functions of an open library. */
export type Symbols = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

/** Which implementation of the C ABI: the twin, or CUDA. */
export type LibraryKind = "cpu" | "cuda";

/** The file name of each kind. */
export const LIBRARY_NAMES: Readonly<Record<LibraryKind, string>> = {
  cpu: "libspecmquant_cpu.so",
  cuda: "libspecmquant.so",
};

/** What prebuilt packages of each kind are called behind their system, in the order they are looked for. */
const PREBUILT: Readonly<Record<LibraryKind, readonly string[]>> = {
  cpu: ["cpu"],
  cuda: ["cuda", "cuda-sm90"],
};

/** The environment variable that names a library file of either kind. */
export const LIBRARY_VARIABLE = "SPECMQUANT_LIBRARY";

/** An open library. */
export interface Library {
  /** Where it was found. */
  readonly path: string;
  /** Its functions. */
  readonly symbols: Symbols;
}

/** Where a library of one kind is, or where it was looked for. */
export interface Search {
  /** The file found, or `null`. */
  readonly path: string | null;
  /** Every place tried, for people. */
  readonly tried: readonly string[];
}

/** The kind of the library at `path`, told by its file name: the twin's has `cpu` in it. */
export function libraryKind(path: string): LibraryKind {
  return path.slice(path.lastIndexOf("/") + 1).includes("cpu") ? "cpu" : "cuda";
}

/** The value of `SPECMQUANT_LIBRARY`, or `null` where it is unset, empty or may not be read. */
export function libraryFromEnvironment(): string | null {
  return environmentVariable(LIBRARY_VARIABLE) || null;
}

/** The npm packages that have a library of `kind`, prebuilt for this system. */
export function prebuiltPackages(kind: LibraryKind): readonly string[] {
  const { os, arch } = Deno.build;
  const system = `${os}-${arch === "x86_64" ? "x64" : "arm64"}`;
  return PREBUILT[kind].map((build) => `@specmquant/${system}-${build}`);
}

/** The path of a library in a package; `null` where that is not installed. */
function inPackage(name: string, file: string): string | null {
  try {
    const url = import.meta.resolve(`${name}/${file}`);
    return url.startsWith("file:") ? fileURLToPath(url) : null;
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  }
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    if (error instanceof Deno.errors.NotCapable) {
      throw new LibraryError(
        `Cannot look for the library at ${path}: reading is not permitted; run Deno with --allow-read`,
        { cause: error },
      );
    }
    throw error;
  }
}

/**
 * Looks for a library of `kind`: at `explicit` where given, else at `SPECMQUANT_LIBRARY` where that
 * names one of this kind, else in `build/` beside this package, else in the packages that have it
 * prebuilt. The first two are meant: where their file is missing, nothing further is tried.
 */
export function findLibrary(kind: LibraryKind, explicit?: string): Search {
  const meant = (path: string, label: string): Search => ({
    path: isFile(path) ? path : null,
    tried: [label],
  });
  if (explicit !== undefined) return meant(explicit, explicit);
  const tried: string[] = [];
  const named = libraryFromEnvironment();
  if (named !== null) {
    const label = `${LIBRARY_VARIABLE}=${named}`;
    if (libraryKind(named) === kind) return meant(named, label);
    tried.push(`${label} (a ${libraryKind(named)} library)`);
  } else {
    tried.push(`${LIBRARY_VARIABLE} (not set)`);
  }
  const file = LIBRARY_NAMES[kind];
  const beside = new URL(`../../build/${file}`, import.meta.url);
  if (beside.protocol === "file:") {
    const path = fileURLToPath(beside);
    if (isFile(path)) return { path, tried: [...tried, path] };
    tried.push(path);
  } else {
    tried.push(`${beside} (not a file)`);
  }
  for (const name of prebuiltPackages(kind)) {
    const path = inPackage(name, file);
    tried.push(path ?? `${name} (not installed)`);
    if (path !== null && isFile(path)) return { path, tried };
  }
  return { path: null, tried };
}

const opened = new Map<string, Library>();

function load<S extends Deno.ForeignLibraryInterface>(
  path: string,
  symbols: S,
): Deno.DynamicLibrary<S> {
  try {
    return Deno.dlopen(path, symbols);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) {
      throw new LibraryError(
        `Cannot open ${path}: native code is not permitted; run Deno with --allow-ffi`,
        { cause: error },
      );
    }
    const reason = error instanceof Error ? error.message : String(error);
    throw new LibraryError(`Cannot open ${path}: ${reason}`, { cause: error });
  }
}

function hex(hash: bigint): string {
  return `0x${hash.toString(16).padStart(16, "0")}`;
}

/** The hash of the header that this package was made with. */
export const EXPECTED_ABI: string = hex(ABI_HASH);

/**
 * The hash of the header that the library at `path` was built from. Throws a `LibraryError` where it cannot be opened, or has
 * none.
 */
export function libraryAbi(path: string): string {
  // The hash alone: a library built from an older header may lack other functions.
  const { smq_abi_hash } = SYMBOLS;
  const probe = load(path, { smq_abi_hash });
  try {
    const found = new BigUint64Array(1);
    return probe.symbols.smq_abi_hash(found) === SMQ_OK ? hex(found[0]) : hex(0n);
  } finally {
    probe.close(); // it may be built again and opened in this process
  }
}

/**
 * Opens the library at `path`, or gives the one opened before. Throws a `LibraryError` where it
 * cannot be opened and an `AbiMismatchError` where it was built from another header.
 */
export function openLibrary(path: string): Library {
  const known = opened.get(path);
  if (known !== undefined) return known;
  const found = libraryAbi(path);
  if (found !== EXPECTED_ABI) throw new AbiMismatchError(path, found, EXPECTED_ABI);
  const library: Library = { path, symbols: load(path, SYMBOLS).symbols };
  opened.set(path, library);
  return library;
}

/** Finds and opens a library of `kind`; the `LibraryError` lists every place tried. */
export function findAndOpen(kind: LibraryKind, explicit?: string): Library {
  const { path, tried } = findLibrary(kind, explicit);
  if (path !== null) return openLibrary(path);
  throw new LibraryError(
    `Cannot find the ${kind} library: tried ${tried.join(", ")}; ` +
      `build it with "deno task build${kind === "cuda" ? ":cuda" : ""}"`,
  );
}
