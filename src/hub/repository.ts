/**
 * Names of models on the hub.
 *
 * @module
 */
import { ArgumentError } from "../base/errors.ts";
import { show } from "../base/options.ts";
import { MAIN_BRANCH } from "../base/pull_record.ts";
import type { Subject } from "./net/refusal.ts";

const NAME = /^[A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*$/;

/** Branches, tags and commits; `refs/pr/3` too. */
const REVISION = /^[\w.-]+(\/[\w.-]+)*$/;

/** The repository and the revision of `ORG/NAME` or `ORG/NAME@REVISION`; an ArgumentError where it is neither. */
export function parseRepository(text: string): Subject {
  const at = text.indexOf("@");
  const repository = at < 0 ? text : text.slice(0, at);
  const revision = at < 0 ? MAIN_BRANCH : text.slice(at + 1);
  const isName = NAME.test(repository) && repository.length <= 200 &&
    !/\.\.|--|\.git$/.test(repository);
  if (isName && REVISION.test(revision) && !revision.includes("..") && revision.length <= 200) {
    return { repository, revision };
  }
  const [, inside] = /^https?:\/\/[^/]+\/([\w.-]+\/[\w.-]+)/.exec(text) ?? [];
  throw new ArgumentError(
    "model",
    `Cannot fetch ${show(text)}: expected ORG/NAME or ORG/NAME@REVISION, as the hub calls a model` +
      (inside === undefined ? "" : `, here ${inside}`),
  );
}
