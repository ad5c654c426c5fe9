/**
 * Reads what cmake prints while it builds.
 *
 * @module
 */
import { stripVTControlCharacters } from "node:util";
import type { Reporter } from "./reporter.ts";

/** "[ 12%] Building CXX object CMakeFiles/x.dir/cpu/pool.cpp.o"; ninja has "[3/45]". */
const LINE = /^(\[ *\d+(?:%|\/\d+)\]) (Building \w+ object|Linking \w+ \w+ \w+) (.*)$/;

/** An object file under way. */
interface Unit {
  readonly name: string;
  /** When it was begun, in milliseconds since 1970. */
  readonly begun: number;
}

/** Follows the build of a tree. */
export class Compiling {
  readonly #tree: string;
  readonly #reporter: Reporter;
  /** By the path of the object file, relative to the tree. */
  readonly #units = new Map<string, Unit>();

  /** Of the tree in the folder `tree`. */
  constructor(tree: string, reporter: Reporter) {
    this.#tree = tree;
    this.#reporter = reporter;
  }

  /** Takes a line of the output. */
  line(text: string): void {
    const [, share, action, object] = LINE.exec(stripVTControlCharacters(text)) ?? [];
    if (share === undefined) return;
    if (action.startsWith("Linking")) return this.#reporter.step(`${share} linking`);
    const name = object
      .replace(/^CMakeFiles\/[^/]+\.dir\//, "")
      .replace(/^cmake_pch\.hxx\.gch$/, "the headers of all")
      .replace(/\.o$/, "");
    // Ninja names what it has compiled, make what it begins.
    if (share.includes("/")) return this.#reporter.step(`${share} compiled ${name}`);
    this.#units.set(object, { name, begun: Date.now() });
    this.#reporter.step(
      `${share} compiling ${name}`,
      () => `${share} compiling ${this.#running(name)}`,
    );
  }

  /** The names of what is begun and has no object file yet; `last` where all have. */
  #running(last: string): string {
    const names: string[] = [];
    for (const [object, { name, begun }] of this.#units) {
      if (this.#isWritten(object, begun)) this.#units.delete(object);
      else names.push(name);
    }
    return names.length === 0 ? last : names.join(", ");
  }

  #isWritten(object: string, begun: number): boolean {
    try {
      const { size, mtime } = Deno.statSync(`${this.#tree}/${object}`);
      // A file's clock lags by some milliseconds.
      return size > 0 && mtime !== null && mtime.getTime() > begun - 100;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      throw error;
    }
  }
}
