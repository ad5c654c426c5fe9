/**
 * The ways to make a proposal, as data: what a policy chooses among and what costs are of.
 *
 * @module
 */

/** One way: no proposal, what texts said before, the tree of a head, or the sequence of a draft model. */
export type Setting = PlainSetting | SuffixSetting | TreeSetting | DraftSetting;

/** Nothing is proposed: plain decoding. */
export interface PlainSetting {
  /** Tells it from the others. */
  readonly kind: "plain";
}

/** What texts said before. */
export interface SuffixSetting {
  /** Tells it from the others. */
  readonly kind: "suffix";
  /** The most tokens of one proposal that can be accepted. */
  readonly depth: number;
  /** The most rows of a proposal, the last token of the text included. */
  readonly rows: number;
}

/** The tree of a head. */
export interface TreeSetting {
  /** Tells it from the others. */
  readonly kind: "tree";
  /** The most tokens of one proposal that can be accepted. */
  readonly depth: number;
  /** Nodes expanded on each level. */
  readonly topk: number;
  /** Rows of a proposal, the last token of the text included. */
  readonly rows: number;
}

/** The sequence of a draft model, to which another setting proposes. */
export interface DraftSetting {
  /** Tells it from the others. */
  readonly kind: "draft";
  /** Tokens that the sequence has at least. */
  readonly minDraft: number;
  /** The most tokens of one proposal that can be accepted. */
  readonly depth: number;
  /** Rows that are verified, siblings and the last token of the text included. */
  readonly rows: number;
  /** How the draft model's own tokens are proposed. */
  readonly inner: Exclude<Setting, DraftSetting>;
}

/** Plain decoding. */
export const PLAIN: PlainSetting = { kind: "plain" };

/** A name for people and for tables: `plain`, `suffix`, `tree 5-8-32` (depth, topk, rows), `draft 6`, `draft 6 of tree 3-8-24`. */
export function settingName(setting: Setting): string {
  let name = names.get(setting);
  if (name === undefined) names.set(setting, name = named(setting));
  return name;
}

/** Names that have been made: they are asked for in every round. */
const names = new WeakMap<Setting, string>();

function named(setting: Setting): string {
  switch (setting.kind) {
    case "plain":
    case "suffix":
      return setting.kind;
    case "tree":
      return `tree ${setting.depth}-${setting.topk}-${setting.rows}`;
    case "draft": {
      const { minDraft, inner } = setting;
      return `draft ${minDraft}` + (inner.kind === "plain" ? "" : ` of ${settingName(inner)}`);
    }
  }
}

/** The most tokens of one proposal that can be accepted. */
export function depthOf(setting: Setting): number {
  return setting.kind === "plain" ? 0 : setting.depth;
}

/** The most rows that one round verifies. */
export function rowsOf(setting: Setting): number {
  return setting.kind === "plain" ? 1 : setting.rows;
}
