/**
 * Where a directory that is being made will be, and where it is made.
 *
 * @module
 */
import { ArgumentError } from "../../base/errors.ts";
import { onFile } from "../../base/system_error.ts";

/** The places of one piece of work. */
export interface OutPlace {
  /** The directory to make, links resolved. */
  readonly out: string;
  /** Where the work lies until it is done. */
  readonly work: string;
  /**
   * Whether `work` is inside `out`, which was there, empty: a mount point cannot be replaced, and what is
   * someone's current directory, or has an owner and rights of its own, should not be.
   */
  readonly inside: boolean;
}

/** What the work is called: in the directory that is made, or behind its name. */
const WORK = ".partial";

/** What a new file system has by itself. */
const LOST = "lost+found";

/**
 * The places for making `out` of what is in `input`. An ArgumentError where `out` is a file, a link to nothing,
 * or in the way of `input`, or its parent does not exist.
 */
export function outPlace(out: string, input: string): OutPlace {
  const target = onFile("write", out, () => resolve(out));
  const source = onFile("read", input, () => Deno.realPathSync(input));
  const beside = `${target}${WORK}`;
  for (const dir of [target, beside]) {
    if (dir !== source && !dir.startsWith(`${source}/`)) continue;
    const where = dir === source ? "the model's directory" : "inside the model's directory";
    refuse(out, dir === target ? `it is ${where}` : `the work would be done in ${dir}, ${where}`);
  }
  const found = onFile("write", out, () => stat(target));
  if (found !== undefined && !found.isDirectory) {
    refuse(out, "it exists, expected an absent or empty directory");
  }
  const within = `${target}/${WORK}`;
  // Work begun beside goes on there, should someone have made the directory since.
  const inside = found !== undefined && (exists(within) || !exists(beside));
  return { out: target, work: inside ? within : beside, inside };
}

/** What `out` holds beside the work. */
export function contents({ out }: OutPlace): string[] {
  if (!exists(out)) return [];
  const names = onFile("read", out, () => [...Deno.readDirSync(out)].map(({ name }) => name));
  return names.filter((name) => name !== WORK && name !== LOST);
}

/** Whether there is something at `path`. */
export function exists(path: string): boolean {
  return infoOf(path) !== undefined;
}

/** What is known of what is at `path`, links followed; undefined where there is nothing. */
export function infoOf(path: string): Deno.FileInfo | undefined {
  return onFile("read", path, () => stat(path));
}

function stat(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** The path with links resolved; its last part need not exist, its parent must. */
function resolve(out: string): string {
  try {
    return Deno.realPathSync(out);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const trimmed = out.replace(/\/+$/, "");
  const slash = trimmed.lastIndexOf("/");
  const parent = slash < 0 ? "." : slash === 0 ? "/" : trimmed.slice(0, slash);
  const name = trimmed.slice(slash + 1);
  if (name === "" || name === "." || name === "..") {
    throw new ArgumentError(
      "out",
      `Cannot write to "${out}": expected the path of a new directory`,
    );
  }
  if (!exists(parent)) refuse(out, `the directory ${parent} does not exist`);
  const real = Deno.realPathSync(parent);
  const path = real === "/" ? `/${name}` : `${real}/${name}`;
  if (isLink(path)) refuse(out, `it is a link to ${Deno.readLinkSync(path)}, which does not exist`);
  return path;
}

function isLink(path: string): boolean {
  try {
    return Deno.lstatSync(path).isSymlink;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function refuse(out: string, why: string): never {
  throw new ArgumentError("out", `Cannot write to ${out}: ${why}`);
}
