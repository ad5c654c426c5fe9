/**
 * What the directories given make: the family of a head is read from its files.
 *
 * @module
 */
import type { HeadConfig } from "../checkpoint/config/head_config.ts";
import { openHead } from "../checkpoint/head.ts";
import { checkEngineOptions, type EngineOptions, type Method, wayOf } from "./options.ts";
import { inRole } from "./role.ts";

/** The method of `options`, checked against the directories given. Opens the head, where there is one. */
export function methodOf(options: EngineOptions): Method {
  const checked = checkEngineOptions(options);
  return wayOf(checked, headFamily(checked.head)).method;
}

/** The family of the head in the directory `head`; undefined where none is given. */
export function headFamily(head: string | undefined): HeadConfig["kind"] | undefined {
  if (head === undefined) return undefined;
  using opened = inRole("head", () => openHead(head));
  return opened.config.kind;
}
