/**
 * Several drafters of one verifier, of which one proposes at a time, or none. The others keep what they need to take over.
 *
 * @module
 */
import { ArgumentError } from "../base/errors.ts";
import {
  type Drafter,
  type DrafterPlan,
  type Proposal,
  rowsFor,
  type SharedDrafting,
  type Verifier,
} from "./sequence/drafter.ts";
import type { Policy, SuffixRound } from "./policy/policy.ts";
import { PLAIN, type Setting, settingName } from "./policy/setting.ts";
import type { LevelStats } from "./sequence/stats.ts";

/**
 * Plans the drafters of `plans`, at most one of which has levels of its own. Nothing is proposed until one is told to be
 * used, or has a policy that chooses. Throws an `ArgumentError` where two of them want different hidden states.
 */
export function switched(plans: readonly DrafterPlan[]): DrafterPlan {
  const tapped = plans.filter(({ taps }) => taps !== "none");
  const taps = tapped[0]?.taps ?? "none";
  const other = tapped.find((plan) => String(plan.taps) !== String(taps));
  if (other !== undefined) {
    throw new ArgumentError(
      "plans",
      `Cannot switch between ${
        tapped[0].name
      } and ${other.name}: they read hidden states behind different layers, ` +
        "expected the same",
    );
  }
  const most = (of: (plan: DrafterPlan) => number) => Math.max(1, ...plans.map(of));
  const settings = [PLAIN, ...plans.flatMap((plan) => plan.settings)];
  return {
    name: plans.map(({ name }) => name).join(" | "),
    taps,
    rows: most(({ rows }) => rows),
    depth: most(({ depth }) => depth),
    slack: most(({ slack }) => slack),
    settings,
    several: true,
    members: plans,
    create: (verifier) => new Switched(verifier, plans),
  };
}

/** Positions of hidden states that must be left when a drafter that has fallen behind begins to read them. */
const LEFT = 80;

/** One of several. */
interface Member {
  readonly plan: DrafterPlan;
  readonly drafter: Drafter;
  /** The verifier's length up to which it has hidden states, or most of them. */
  read: number;
}

/** Rounds of the level below, by accept length, where there are none. */
const NO_ROUNDS: readonly number[] = [];

/** Several drafters at work. */
class Switched implements Drafter {
  readonly proposals: readonly Proposal[];
  policy?: Policy;
  readonly #verifier: Verifier;
  readonly #members: readonly Member[];
  /** Who makes the proposals of each setting, by its name. */
  readonly #by: ReadonlyMap<string, Member>;
  /** Asks the drafter that knows how it would have fared by itself, where there is one, from `#from` on. */
  readonly #alone?: () => readonly SuffixRound[];
  #from = -1;
  readonly #cleanup: DisposableStack;
  #active?: Member;
  /** What a round with a policy is measured against: tokens committed, negative where there is no such round; */
  #length = -1;
  /** milliseconds of all rounds, and whether its own are to be known; and rounds of the level below, by accept length. */
  #msBefore = 0;
  #isTimed = false;
  #innerBefore = NO_ROUNDS;
  /** Whether those who do not propose may have read more than there is of the text. */
  #ahead = true;
  /** What is used. */
  #setting?: Setting;

  constructor(verifier: Verifier, plans: readonly DrafterPlan[]) {
    this.#verifier = verifier;
    using cleanup = new DisposableStack();
    this.#members = plans.map((plan) => {
      return { plan, drafter: cleanup.use(plan.create(verifier)), read: 0 };
    });
    this.#by = new Map(
      this.#members.flatMap((one) =>
        one.plan.settings.map((setting) => [settingName(setting), one] as const)
      ),
    );
    const knowing = this.#members.find(({ drafter }) => drafter.alone)?.drafter;
    if (knowing) this.#alone = () => knowing.alone!(this.#from);
    this.proposals = this.#members.flatMap(({ drafter }) =>
      drafter.proposals ?? [drafter.proposal]
    );
    this.#cleanup = cleanup.move();
  }

  get levels(): readonly LevelStats[] {
    return this.#members.flatMap(({ drafter }) => drafter.levels);
  }

  get proposal(): Proposal {
    return this.#active?.drafter.proposal ?? this.proposals[0];
  }

  get proposed(): number {
    return this.#active?.drafter.proposed ?? 1;
  }

  get reach(): number {
    return this.#active?.drafter.reach ?? 0;
  }

  use(setting: Setting): void {
    this.#setting = setting;
    this.#active = setting.kind === "plain" ? undefined : this.#by.get(settingName(setting));
    if (setting.kind !== "plain" && this.#active === undefined) {
      throw new ArgumentError(
        "setting",
        `Cannot use ${settingName(setting)}: expected plain or one of ${
          [...this.#by.keys()].join(", ")
        }`,
      );
    }
    this.#active?.drafter.use?.(setting);
  }

  prefill(count: number): void {
    this.#ahead = true;
    for (const member of this.#members) {
      member.drafter.prefill(count);
      member.read = this.#verifier.state.length + count;
    }
  }

  /** Says who makes the next proposal, the number of it; undefined where nobody does. */
  choose(): number | undefined {
    const { policy } = this;
    if (policy) {
      const { length } = this.#verifier.state;
      const setting = policy.next(length);
      // Who has waited first reads what it has missed, which says nothing of its rounds.
      const isNew = setting !== this.#setting;
      if (isNew) this.use(setting);
      if (this.#from < 0) this.#from = length;
      this.#length = length;
      this.#isTimed = !isNew;
      this.#msBefore = this.#ms;
      // Only a draft model has rounds of its own.
      this.#innerBefore = setting.kind === "draft" ? [...this.levels[0].histogram] : NO_ROUNDS;
    }
    if (this.#active) this.#active.read = this.#verifier.state.length;
    this.follow();
    return this.#active && this.#members.indexOf(this.#active);
  }

  propose(): void {
    this.choose();
    this.#active?.drafter.propose();
  }

  share(drafters: readonly Drafter[]): SharedDrafting {
    const all = drafters as readonly Switched[];
    return new SharedSwitching(all, all.map((one) => one.#members.map(({ drafter }) => drafter)));
  }

  follow(): void {
    const { state: { length }, taps } = this.#verifier;
    // What is kept of the text, and of hidden states, can be read when it is needed.
    const most = (taps?.ring.shape[0] ?? Infinity) - LEFT;
    for (const member of this.#members) {
      if (member.plan.taps === "none" || length - member.read < most) continue;
      member.drafter.follow();
      member.read = length;
      this.#ahead = true;
    }
  }

  queueObserve(): void {
    for (const { drafter } of this.#members) drafter.queueObserve();
  }

  observe(strayed: boolean): void {
    const { policy } = this;
    const length = this.#length;
    this.#length = -1;
    const { reach } = this;
    const rows = rowsFor(this.proposal, this.proposed);
    for (const member of this.#members) {
      const isActive = member === this.#active;
      // Of the others a round that only makes the text longer changes nothing.
      if (isActive || this.#ahead) member.drafter.observe(strayed && isActive);
    }
    this.#ahead = false;
    if (policy === undefined || length < 0) return;
    const before = this.#innerBefore;
    const ms = this.#ms - this.#msBefore;
    policy.observe({
      tokens: this.#verifier.state.length - length,
      rows,
      reach,
      inner: before.length === 0
        ? NO_ROUNDS
        : this.levels[0].histogram.map((rounds, i) => rounds - (before[i] ?? 0)),
      ms: this.#isTimed ? ms : undefined,
      wholeMs: ms,
      suffixes: this.#alone,
    });
  }

  get #ms(): number {
    const { draftMs, verifyMs, commitMs } = this.#verifier.stats;
    return draftMs + verifyMs + commitMs;
  }

  proposer(j: number): string {
    return this.#active!.drafter.proposer(j);
  }

  proposerOf(row: number): string {
    const { drafter } = this.#active!;
    return drafter.proposerOf?.(row) ?? drafter.proposer(0);
  }

  get held(): number {
    return Math.min(...this.#members.map(({ drafter }) => drafter.held ?? Infinity));
  }

  copy(from: Drafter, end: number): void {
    for (const [i, member] of this.#members.entries()) {
      member.drafter.copy?.((from as Switched).#members[i].drafter, end);
      member.read = end;
    }
  }

  resume(kept: number, length: number): void {
    this.#length = -1;
    this.policy?.reset(length);
    this.#from = -1;
    this.#ahead = true;
    // Whoever chooses next may be another.
    this.#setting = undefined;
    for (const member of this.#members) {
      member.drafter.resume(kept, length);
      member.read = kept;
    }
  }

  forget(): void {
    for (const { drafter } of this.#members) drafter.forget?.();
  }

  [Symbol.dispose](): void {
    this.#cleanup.dispose();
  }
}

/** Several drafters at work on each of several sequences. */
class SharedSwitching implements SharedDrafting {
  readonly #all: readonly Switched[];
  /** The drafters of each sequence. */
  readonly #drafters: readonly (readonly Drafter[])[];
  /** What makes proposals of each drafter for several sequences, where something does. */
  readonly #shared: readonly (SharedDrafting | undefined)[];
  readonly #cleanup: DisposableStack;

  constructor(all: readonly Switched[], drafters: readonly (readonly Drafter[])[]) {
    this.#all = all;
    this.#drafters = drafters;
    using cleanup = new DisposableStack();
    this.#shared = drafters[0].map((drafter, i) => {
      const shared = drafter.share?.(drafters.map((one) => one[i]));
      return shared && cleanup.use(shared);
    });
    this.#cleanup = cleanup.move();
  }

  propose(seats: readonly number[]): void {
    const chosen = seats.map((seat) => ({ seat, which: this.#all[seat].choose() }));
    for (const [which, shared] of this.#shared.entries()) {
      const of = chosen.filter((one) => one.which === which).map(({ seat }) => seat);
      if (of.length === 0) continue;
      if (shared) shared.propose(of);
      else for (const seat of of) this.#drafters[seat][which].propose();
    }
  }

  [Symbol.dispose](): void {
    this.#cleanup.dispose();
  }
}
