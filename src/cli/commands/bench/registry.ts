/**
 * Every table of the bench command.
 *
 * @module
 */
import type { BenchTable } from "./bench.ts";
import { breakdown } from "./breakdown.ts";
import { ceilings } from "./ceilings.ts";
import { choose } from "./choose.ts";
import { context } from "./context.ts";
import { drafts } from "./drafts.ts";
import { endToEnd } from "./end_to_end.ts";
import { forward } from "./forward.ts";
import { idle } from "./idle.ts";
import { prefill } from "./prefill.ts";
import { speculation } from "./speculation.ts";

/** All tables, in the order of measuring; a new one is one file and one line here. */
export const TABLES: readonly BenchTable[] = [
  ceilings,
  forward,
  context,
  breakdown,
  choose,
  prefill,
  drafts,
  speculation,
  idle,
  endToEnd,
];
