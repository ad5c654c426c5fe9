/**
 * How often what a drafter proposes is accepted, by depth, as rounds have shown it lately, and how sure that is.
 *
 * @module
 */
import { type Count, Counts, GUESSED, NOTHING } from "./counts.ts";
import { type Belief, rateName } from "./expected.ts";
import { Fit } from "./fit.ts";
import { depthOf, type Setting } from "./setting.ts";

/** Rounds that what is thought before any round is worth, from which drafters that fit their model differ by 0.1 or so. */
const PRIOR = 36;

/** Rounds that other members of a family lend at each depth, at most. */
const LENT = 6;

/** A tree of twice the nodes misses 2 to the minus this of what the other one misses: 0.75 of the demo trio's heads, 0.85 of SmolLM2's. */
const MISSED_BY_SIZE = 0.33;

/** What is thought of tokens of a tree of 16 nodes, of a draft model and of suffixes before any round. */
const TREE = 0.88;
const DRAFT = 0.65;
const SUFFIX = 0.4;
const COMMON_SIZE = 16;

/** One drafter of a family. */
interface Member {
  /** Nodes; 1 where it is a chain. */
  readonly size: number;
  readonly counts: Counts;
}

/** What one depth of a drafter and of the others of its family have shown. */
interface Shown {
  readonly own: Count;
  /** Rounds of the others, and those in which this drafter would have missed. */
  readonly reached: number;
  readonly missed: number;
}

/** Accept rates of drafters at several levels. Those of one family, a head's trees of several shapes, learn from one another. */
export class Rates {
  /** Another number whenever something has changed. */
  version = 0;
  readonly #families = new Map<string, Map<string, Member>>();
  /** What has been found since the last round that counted. */
  readonly #found = new Map<string, Required<Belief>>();
  /** Whether families fit what is written now. */
  readonly #fits = new Map<string, Fit>();
  readonly #long: boolean;
  /** Rounds so far. */
  #age = 0;

  /** Of lately, or, where `long`, of the long run, in which nothing is a surprise. */
  constructor(long = false) {
    this.#long = long;
  }

  /** A round has been: all that is known is a little older. */
  pass(): void {
    this.#age++;
    this.#changed();
  }

  /**
   * Counts a round of `setting` under the verifier of `level`: `accepted` tokens of a proposal that was `proposed` deep. A
   * round in which nothing could be proposed is one of depth 1 of which nothing was accepted.
   */
  observe(level: number, setting: Setting, proposed: number, accepted: number): void {
    const family = familyOf(level, setting);
    let members = this.#families.get(family);
    if (members === undefined) this.#families.set(family, members = new Map());
    const name = memberOf(level, setting);
    let member = members.get(name);
    if (member === undefined) {
      member = { size: sizeOf(setting), counts: new Counts(this.#long) };
      members.set(name, member);
    }
    member.counts.age(this.#age);
    const { chances: [chance] } = this.belief(level, setting, true);
    const fit = this.#fitOf(level, setting);
    const { part, before } = fit.hear(this.#age, accepted > 0, 1 - chance);
    if (before > 0 && !this.#long) member.counts.add(1, 0, before);
    member.counts.add(proposed, accepted, this.#long ? 1 : part);
    this.#changed();
  }

  /**
   * What is thought of a setting's drafter, of as many tokens as the setting is deep, or more; `ifFits`: where it fits what is
   * written now.
   */
  belief(level: number, setting: Setting, ifFits = false): Required<Belief> {
    const name = memberOf(level, setting);
    let found = this.#found.get(name);
    if (found === undefined || found.chances.length < depthOf(setting)) {
      found = this.#belief(level, setting);
      this.#found.set(name, found);
    }
    if (ifFits) return found;
    const fit = this.fit(level, setting);
    return { ...found, chances: found.chances.map((chance) => fit * chance) };
  }

  /** Rounds that what is thought of a setting's first token, where it fits, is worth. */
  weight(level: number, setting: Setting): number {
    const { chances: [share], doubts: [doubt] } = this.belief(level, setting, true);
    return share * (1 - share) / doubt;
  }

  /** The chance that a setting's drafter fits what is written now. */
  fit(level: number, setting: Setting): number {
    const fit = this.#fitOf(level, setting);
    return this.#long && fit.isProven ? 1 : fit.at(this.#age);
  }

  /** Whether anything that a setting's drafter has proposed was ever accepted. */
  isProven(level: number, setting: Setting): boolean {
    return this.#fitOf(level, setting).isProven;
  }

  #fitOf(level: number, setting: Setting): Fit {
    const family = familyOf(level, setting);
    let fit = this.#fits.get(family);
    if (fit === undefined) this.#fits.set(family, fit = new Fit());
    return fit;
  }

  #changed(): void {
    this.#found.clear();
    this.version++;
  }

  /** Each depth is thought of as all of them together, as it was counted there, and as others of the family have shown it. */
  #belief(level: number, setting: Setting): Required<Belief> {
    const family = familyOf(level, setting);
    const members = this.#families.get(family);
    const own = members?.get(memberOf(level, setting));
    const size = sizeOf(setting);
    for (const { counts } of members?.values() ?? []) counts.age(this.#age);
    const shown = Array.from(
      { length: depthOf(setting) },
      (_, d) => shownAt(d, own, size, members),
    );
    const prior = PRIOR * (own?.counts.at(0).guessed ?? GUESSED) / GUESSED;
    let [all, passed] = [prior, prior * firstGuess(setting, size)];
    for (const { own, reached, missed } of shown) {
      const lent = reached > LENT ? LENT / reached : 1;
      all += own.reached + lent * reached;
      passed += own.passed + lent * (reached - missed);
    }
    const together = passed / all;
    const [chances, doubts, borrowed, lent]: number[][] = [[], [], [], []];
    let chance = 1;
    for (const { own, reached, missed } of shown) {
      const guess = (GUESSED * together + reached - missed) / (GUESSED + reached);
      const weight = own.guessed + Math.min(reached, LENT);
      const share = (own.passed + weight * guess) / (own.reached + weight);
      chances.push(chance *= share);
      doubts.push(share * (1 - share) / (own.reached + weight + 1));
      const guessed = weight / (own.reached + weight);
      borrowed.push(guessed * GUESSED / (GUESSED + reached));
      lent.push((1 - share) * guessed);
    }
    return { chances, doubts, borrowed, lent, common: together * (1 - together) / (all + 1) };
  }
}

function shownAt(
  d: number,
  own: Member | undefined,
  size: number,
  members: ReadonlyMap<string, Member> | undefined,
): Shown {
  let [reached, missed] = [0, 0];
  for (const member of members?.values() ?? []) {
    if (member === own) continue;
    const { reached: came, passed } = member.counts.at(d);
    reached += came;
    missed += Math.min(came, (came - passed) * (size / member.size) ** -MISSED_BY_SIZE);
  }
  return { own: own?.counts.at(d) ?? NOTHING, reached, missed };
}

function familyOf(level: number, { kind }: Setting): string {
  // What texts said before, they say of both models.
  return kind === "suffix" ? kind : `${level} ${kind}`;
}

function memberOf(level: number, setting: Setting): string {
  return `${level} ${rateName(setting)}`;
}

function sizeOf(setting: Setting): number {
  return setting.kind === "tree" && setting.topk > 1 ? setting.rows - 1 : 1;
}

function firstGuess({ kind }: Setting, size: number): number {
  if (kind === "draft") return DRAFT;
  if (kind !== "tree") return SUFFIX;
  return 1 - (1 - TREE) * (size / COMMON_SIZE) ** -MISSED_BY_SIZE;
}
