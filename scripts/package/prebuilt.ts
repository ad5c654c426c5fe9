/**
 * The packages of prebuilt libraries: which there are, and what they may take.
 *
 * @module
 */

/** The scope of all packages. */
export const SCOPE = "@specmquant";

/** A package that has one library and nothing else. */
export interface Prebuilt {
  /** Its name in the scope. */
  readonly name: string;
  /** What it is, in a line. */
  readonly description: string;
  /** The library's file name in `build/`, and in the package. */
  readonly file: string;
  /** As npm calls the processor. */
  readonly cpu: "x64" | "arm64";
  /** Whether every installation gets it where it fits; the others are installed by name. */
  readonly always: boolean;
}

/** A CUDA package for x86-64. */
function cuda(name: string, what: string): Prebuilt {
  const description = `SpecMQuant's CUDA library for Linux on x86-64: ${what}`;
  return { name, description, file: "libspecmquant.so", cpu: "x64", always: false };
}

/** All of them; the names are those that `src/ffi/library.ts` looks for. */
export const PREBUILT: readonly Prebuilt[] = [
  {
    name: "linux-x64-cpu",
    description: "SpecMQuant's CPU library for Linux on x86-64",
    file: "libspecmquant_cpu.so",
    cpu: "x64",
    always: true,
  },
  {
    name: "linux-arm64-cpu",
    description: "SpecMQuant's CPU library for Linux on arm64",
    file: "libspecmquant_cpu.so",
    cpu: "arm64",
    always: true,
  },
  cuda("linux-x64-cuda", "compute capability 8.0, 8.6, 8.9, 9.0 and 10.0, and PTX for later ones"),
  cuda("linux-x64-cuda-sm90", "compute capability 9.0 alone"),
];

/** Bytes that a package may have when packed: far below what npm's registry takes. */
export const NPM_LIMIT = 200 * 2 ** 20;

/** Bytes of all files that JSR takes of a package, and of one file. */
export const JSR_LIMITS = { all: 20 * 2 ** 20, one: 4 * 2 ** 20 } as const;
