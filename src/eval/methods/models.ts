/**
 * The models that methods are made of: a target and what there is to draft for it.
 *
 * @module
 */
import { ArgumentError } from "../../base/errors.ts";
import { headFamily } from "../../engine/method.ts";
import { DRAFTER_NAMES, type DrafterName } from "../../engine/mod.ts";

/** What drafts for a target. */
export interface Drafters {
  /** The draft model. */
  readonly draft?: string;
  /** Heads of the target, by their families. */
  readonly heads: Readonly<Partial<Record<DrafterName, string>>>;
  /** A head of the draft model. */
  readonly innerHead?: string;
}

/** A target with its drafters; all are paths. */
export interface ModelSet extends Drafters {
  /** What reports call it. */
  readonly name: string;
  /** The target. */
  readonly target: string;
}

/** Which models a user gives. */
export interface GivenModels {
  /** A directory with `target`, and `draft`, `target-FAMILY` and `draft-FAMILY` where there are such. */
  readonly trio?: string;
  /** A target. */
  readonly target?: string;
  /** Targets, or trios, by the names that reports call them. */
  readonly targets?: ReadonlyMap<string, string>;
  /** The draft model of targets that are in no trio. */
  readonly draft?: string;
  /** Heads of such targets. */
  readonly heads?: readonly string[];
  /** A head of such a draft model. */
  readonly innerHead?: string;
}

function isDirectory(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return false;
    }
    throw error;
  }
}

/** Whether a directory is a trio's, and no model's. */
function isTrio(dir: string): boolean {
  return isDirectory(`${dir}/target`);
}

function ofTrio(dir: string): Drafters {
  const there = (name: string) => isDirectory(`${dir}/${name}`) ? `${dir}/${name}` : undefined;
  const headsOf = (role: string) =>
    DRAFTER_NAMES.flatMap((family): [DrafterName, string][] => {
      const head = there(`${role}-${family}`);
      return head === undefined ? [] : [[family, head]];
    });
  return {
    draft: there("draft"),
    heads: Object.fromEntries(headsOf("target")),
    innerHead: headsOf("draft")[0]?.[1],
  };
}

function given({ draft, heads = [], innerHead }: GivenModels): Drafters {
  const byFamily = new Map<DrafterName, string>();
  for (const head of heads) {
    const family = headFamily(head)!;
    const other = byFamily.get(family);
    if (other !== undefined) {
      throw new ArgumentError(
        "head",
        `Cannot use head ${head}: it is of kind ${family} as ${other} is, expected one of a kind`,
      );
    }
    byFamily.set(family, head);
  }
  return { draft, heads: Object.fromEntries(byFamily), innerHead };
}

function baseName(path: string): string {
  return path.replace(/\/+$/, "").split("/").pop() || path;
}

/** Drafters that no target would take. */
function refuseIdle({ trio, draft, heads = [], innerHead }: GivenModels): void {
  const idle = Object.entries({ trio, draft, head: heads[0], innerHead })
    .find(([, path]) => path !== undefined);
  if (idle === undefined) return;
  const [argument, path] = idle;
  throw new ArgumentError(
    argument,
    `Cannot use ${path}: all targets are trios, which have their own drafters`,
  );
}

/**
 * The sets that `models` make: one for each target. Those of `targets` that are trios have their own drafters, the others
 * share what else is given. Throws an `ArgumentError` for a trio without a target.
 */
export function modelSets(models: GivenModels): readonly ModelSet[] {
  const { target, targets } = models;
  const trio = models.trio?.replace(/(?<=.)\/+$/, "");
  if (trio !== undefined && !isTrio(trio)) {
    throw new ArgumentError(
      "trio",
      `Cannot use trio ${trio}: it has no directory target, expected target, and draft, ` +
        "target-eagle2 and the like beside it",
    );
  }
  const shared = trio === undefined ? given(models) : ofTrio(trio);
  if (targets === undefined) {
    const path = trio === undefined ? target! : `${trio}/target`;
    return [{ name: baseName(trio ?? path), target: path, ...shared }];
  }
  if ([...targets.values()].every(isTrio)) refuseIdle(models);
  return [...targets].map(([name, path]) =>
    isTrio(path)
      ? { name, target: `${path}/target`, ...ofTrio(path) }
      : { name, target: path, ...shared }
  );
}
