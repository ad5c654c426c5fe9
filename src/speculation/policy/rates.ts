/**
 * How often what a drafter proposes is accepted, by depth, as rounds have shown it lately.
 *
 * @module
 */
import { rateName } from "./expected.ts";
import { depthOf, rowsOf, type Setting } from "./setting.ts";

/** How much of what was counted a round leaves: lately, and in the long run. */
const KEPT = 0.985;
const KEPT_LONG = 0.992;

/** Rounds that what is guessed from the depth above is worth, and those that other members of a family lend, at most. */
const BORROWED = 3;
const LENT = 6;

/** A tree of twice the rows misses 2 to the minus this of what the other one misses: as trees of the demo trio's heads do. */
const MISSED_BY_ROWS = 0.43;

/** The share of first tokens that is accepted, where nothing is known: enough that it is tried. */
const FIRST_GUESS = 0.7;

/** A run of rounds as unlikely as this says that something has changed. */
const SURPRISING = 0.02;

/** How much of the surprises a round leaves. */
const SURPRISES_KEPT = 0.99;

/** Counts that decay: of those rounds that came to a depth, how many went beyond it. */
class Counts {
  readonly #reached: number[] = [];
  readonly #passed: number[] = [];
  /** What is guessed where more was known before. */
  readonly #guesses: number[] = [];
  /** How many rounds in a row had a first token accepted, or none where negative. */
  #run = 0;
  /** Surprises of late. The more there were, the less another one says. */
  #surprises = 0;
  readonly #long: boolean;

  constructor(long: boolean) {
    this.#long = long;
  }

  add(proposed: number, accepted: number): void {
    this.#run = accepted > 0 ? Math.max(0, this.#run) + 1 : Math.min(0, this.#run) - 1;
    const likely = this.share(0, FIRST_GUESS);
    const chance = (accepted > 0 ? likely : 1 - likely) ** Math.abs(this.#run);
    if (!this.#long && chance < SURPRISING / (1 + this.#surprises) ** 3) {
      this.#surprises++;
      this.loosen();
    }
    this.#surprises *= SURPRISES_KEPT;
    this.#scale(this.#long ? KEPT_LONG : KEPT);
    for (let d = 0; d < proposed && d <= accepted; d++) {
      this.#reached[d] = (this.#reached[d] ?? 0) + 1;
      this.#passed[d] = (this.#passed[d] ?? 0) + (d < accepted ? 1 : 0);
    }
  }

  /** What was counted becomes a guess: the next rounds say more. */
  loosen(): void {
    this.#run = 0;
    for (const [d, reached] of this.#reached.entries()) {
      // Nothing is ever certain.
      if (reached > 1) this.#guesses[d] = (this.#passed[d] + 0.05) / (reached + 0.1);
      this.#passed[d] = this.#reached[d] = 0;
    }
  }

  /** Rounds that came to depth `d`, 0 for the first token, and those that went beyond it. */
  at(d: number): readonly [reached: number, passed: number] {
    return [this.#reached[d] ?? 0, this.#passed[d] ?? 0];
  }

  /** The share of depth `d` that goes beyond it, where `guess` is worth `weight` rounds. */
  share(d: number, guess: number, weight = BORROWED): number {
    const [reached, passed] = this.at(d);
    const own = this.#guesses[d];
    if (own !== undefined) return (passed + BORROWED * own) / (reached + BORROWED);
    return (passed + weight * guess) / (reached + weight);
  }

  #scale(by: number): void {
    for (let d = 0; d < this.#reached.length; d++) {
      this.#reached[d] *= by;
      this.#passed[d] *= by;
    }
  }
}

/** One drafter of a family. */
interface Member {
  readonly rows: number;
  readonly counts: Counts;
}

/** Accept rates of drafters at several levels. Those of one family, a head's trees of several shapes, learn from one another. */
export class Rates {
  /** Another number whenever something has changed. */
  version = 0;
  readonly #families = new Map<string, Map<string, Member>>();
  /** What has been found since the last round that counted, by level and drafter. */
  readonly #found = [new Map<string, number[]>(), new Map<string, number[]>()];
  readonly #long: boolean;

  /** Of lately, or, where `long`, of the long run, in which nothing is a surprise. */
  constructor(long = false) {
    this.#long = long;
  }

  /**
   * Counts a round of `setting` under the verifier of `level`: `accepted` tokens of a proposal that was `proposed` deep. A
   * round in which nothing could be proposed is one of depth 1 of which nothing was accepted.
   */
  observe(level: number, setting: Setting, proposed: number, accepted: number): void {
    const family = familyOf(level, setting);
    let members = this.#families.get(family);
    if (members === undefined) this.#families.set(family, members = new Map());
    const name = rateName(setting);
    let member = members.get(name);
    if (member === undefined) {
      member = { rows: rowsOf(setting), counts: new Counts(this.#long) };
      members.set(name, member);
    }
    member.counts.add(proposed, accepted);
    this.#found[level].clear();
    this.version++;
  }

  /** Something may have changed since the drafter of `setting` was seen: the next rounds say more than those before. */
  loosen(level: number, setting: Setting): void {
    const members = this.#families.get(familyOf(level, setting));
    for (const { counts } of members?.values() ?? []) counts.loosen();
    this.#found[level].clear();
    this.version++;
  }

  /** The chances that 1, 2, ... tokens of a proposal are accepted at least, as many numbers as `setting` is deep. */
  survival(level: number, setting: Setting): readonly number[] {
    const depth = depthOf(setting);
    const found = this.#found[level].get(rateName(setting));
    if (found !== undefined && found.length >= depth) {
      return found.length === depth ? found : found.slice(0, depth);
    }
    const chances = this.#survival(level, setting);
    this.#found[level].set(rateName(setting), chances);
    return chances;
  }

  #survival(level: number, setting: Setting): number[] {
    const members = this.#families.get(familyOf(level, setting));
    const own = members?.get(rateName(setting));
    const others = [...members?.values() ?? []].filter((one) => one !== own);
    const chances: number[] = [];
    let [chance, share] = [1, FIRST_GUESS];
    for (let d = 0; d < depthOf(setting); d++) {
      let [reached, missed] = [0, 0];
      for (const { rows, counts } of others) {
        const [came, went] = counts.at(d);
        reached += came;
        missed += Math.min(came, (came - went) * (rowsOf(setting) / rows) ** -MISSED_BY_ROWS);
      }
      const guess = (BORROWED * share + reached - missed) / (BORROWED + reached);
      const weight = BORROWED + Math.min(reached, LENT);
      share = own?.counts.share(d, guess, weight) ?? guess;
      chances.push(chance *= share);
    }
    return chances;
  }
}

function familyOf(level: number, { kind }: Setting): string {
  return `${level} ${kind}`;
}
