/**
 * Replays traces under a policy: what rounds would have given, and taken by some costs, with no device.
 *
 * @module
 */
import {
  always,
  type Costs,
  CostTable,
  depthOf,
  type DraftSetting,
  type Policy,
  rateName,
  type Setting,
} from "../../src/speculation/mod.ts";
import type { Outcome, SuffixRound } from "../../src/speculation/policy/policy.ts";
import type { Trace } from "./trace.ts";

/** Tokens in front of a text. */
const PROMPT = 100;

/** Tokens of a proposal of suffixes. */
const SUFFIX_DEPTH = 15;

/** What a replay came to. */
export interface Replayed {
  /** Tokens, the last round's counted whole. */
  readonly tokens: number;
  /** Milliseconds. */
  readonly ms: number;
  /** Milliseconds by the kind of setting. */
  readonly by: Readonly<Record<string, number>>;
}

/** Replays `trace`. */
export function replay(trace: Trace, costs: Costs, policy: Policy): Replayed {
  const by: Record<string, number> = {};
  const starts = [...trace.starts ?? [0]];
  let [at, ms] = [0, 0];
  // Where suffixes would be that propose alone.
  let alone = 0;
  // Up to where the head and the draft model have read the text.
  const read = { tree: 0, draft: 0 };
  while (at < trace.length) {
    if (at >= starts[0]) {
      // All drafters read the prompt of a text.
      policy.reset();
      read.tree = read.draft = alone = at;
      starts.shift();
    }
    const context = PROMPT + at;
    const setting = policy.next(context);
    const { reading, ...outcome } = roundAt(
      trace,
      at,
      setting,
      new CostTable(costs, context),
      read,
    );
    if (setting.kind === "draft" || setting.kind === "tree") {
      read[setting.kind] = at + outcome.tokens;
    }
    const known = at + outcome.tokens;
    const suffixes = (): SuffixRound[] => {
      const rounds: SuffixRound[] = [];
      for (;;) {
        const accepted = Math.min(SUFFIX_DEPTH, trace.accepted["0 suffix"][alone]);
        if (!(alone + accepted < known)) return rounds;
        rounds.push({ rows: trace.suffixRows[alone], accepted });
        alone += accepted + 1;
      }
    };
    const took = outcome.ms! + reading;
    policy.observe({ ...outcome, wholeMs: took, suffixes });
    by[setting.kind] = (by[setting.kind] ?? 0) + took;
    ms += took;
    at += outcome.tokens;
  }
  return { tokens: at, ms, by };
}

/** Tokens a millisecond of the best of `settings` in hindsight, each alone for all of the trace. */
export function bestFixed(
  trace: Trace,
  costs: Costs,
  settings: readonly Setting[],
): { setting: Setting; speed: number } {
  const speeds = settings.map((setting) => {
    const { tokens, ms } = replay(trace, costs, always(setting));
    return { setting, speed: tokens / ms };
  });
  return speeds.reduce((best, one) => one.speed > best.speed ? one : best);
}

/** One round; `read`: up to where the head and the draft model have read the text. */
function roundAt(
  trace: Trace,
  at: number,
  setting: Setting,
  table: CostTable,
  read: { readonly tree: number; readonly draft: number },
): Outcome & { reading: number } {
  const acceptedAt = (level: number, of: Setting, position: number): number => {
    const all = trace.accepted[`${level} ${rateName(of)}`];
    return all[Math.min(position, trace.length - 1)];
  };
  if (setting.kind === "draft") {
    const { drafts, inner, draftMs } = sequenceAt(at, setting, table, acceptedAt);
    const siblings = setting.rows > 1 + setting.depth ? 1 : 0;
    const reach = Math.min(drafts + siblings, setting.depth);
    const tokens = 1 + Math.min(reach, acceptedAt(0, setting, at));
    const ms = draftMs + table.verify(0, setting.rows);
    return {
      tokens,
      rows: setting.rows,
      reach,
      inner,
      ms,
      reading: Math.max(0, at - read.draft) * table.catchUp(1),
    };
  }
  const reading = setting.kind === "tree" ? Math.max(0, at - read.tree) * table.headRead(0) : 0;
  const none = { inner: [], reading };
  if (setting.kind === "plain") {
    return { ...none, tokens: 1, rows: 1, reach: 0, ms: table.verify(0, 1) };
  }
  const rows = setting.kind === "suffix" ? trace.suffixRows[at] : setting.rows;
  const ms = table.draft(0, setting) + table.verify(0, rows);
  const accepted = Math.min(acceptedAt(0, setting, at), setting.depth);
  return { ...none, tokens: 1 + accepted, rows, reach: setting.depth, ms };
}

/** The draft model's part: tokens of its sequence, its rounds by accept length, and their time. */
function sequenceAt(
  at: number,
  { minDraft, inner: of }: DraftSetting,
  table: CostTable,
  acceptedAt: (level: number, of: Setting, position: number) => number,
): { drafts: number; inner: number[]; draftMs: number } {
  if (of.kind === "plain") {
    return { drafts: minDraft, inner: [], draftMs: minDraft * table.queued(1) };
  }
  const inner: number[] = [];
  let [length, draftMs] = [0, 0];
  while (length < minDraft) {
    const tokens = 1 + Math.min(acceptedAt(1, of, at + length), depthOf(of));
    inner[tokens] = (inner[tokens] ?? 0) + 1;
    length += tokens;
    draftMs += table.round(1, of);
  }
  return { drafts: length, inner: Array.from(inner, (count) => count ?? 0), draftMs };
}
