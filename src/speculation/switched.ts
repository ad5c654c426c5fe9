/**
 * Several drafters of one verifier, of which one proposes at a time, or none. The others keep what they need to take over.
 *
 * @module
 */
import { ArgumentError } from "../base/errors.ts";
import type { Drafter, DrafterPlan, Proposal, Verifier } from "./drafter.ts";
import type { Policy } from "./policy/policy.ts";
import { PLAIN, type Setting, settingName } from "./policy/setting.ts";
import type { LevelStats } from "./stats.ts";

/** Makes the policy of a drafter that chooses among `settings`. */
export type PolicyOf = (settings: readonly Setting[]) => Policy;

/**
 * Plans the drafters of `plans`, at most one of which has levels of its own. Nothing is proposed until one is told to be
 * used, or `policyOf` is given and chooses. Throws an `ArgumentError` where two of them want different hidden states.
 */
export function switched(plans: readonly DrafterPlan[], policyOf?: PolicyOf): DrafterPlan {
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
    create: (verifier) => new Switched(verifier, plans, policyOf?.(settings)),
  };
}

/** One of several. */
interface Member {
  readonly plan: DrafterPlan;
  readonly drafter: Drafter;
}

/** What a round with a policy is measured against. */
interface Before {
  /** Tokens committed. */
  readonly length: number;
  /** Milliseconds of all rounds. */
  readonly ms: number;
  /** Rounds of the level below, by accept length. */
  readonly inner: readonly number[];
}

/** Several drafters at work. */
class Switched implements Drafter {
  readonly proposals: readonly Proposal[];
  readonly policy?: Policy;
  readonly #verifier: Verifier;
  readonly #members: readonly Member[];
  /** Who makes the proposals of each setting, by its name. */
  readonly #by: ReadonlyMap<string, Member>;
  readonly #cleanup: DisposableStack;
  #active?: Member;
  #before?: Before;

  constructor(verifier: Verifier, plans: readonly DrafterPlan[], policy?: Policy) {
    this.#verifier = verifier;
    this.policy = policy;
    using cleanup = new DisposableStack();
    this.#members = plans.map((plan) => ({ plan, drafter: cleanup.use(plan.create(verifier)) }));
    this.#by = new Map(
      this.#members.flatMap((one) =>
        one.plan.settings.map((setting) => [settingName(setting), one] as const)
      ),
    );
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
    for (const { drafter } of this.#members) drafter.prefill(count);
  }

  propose(): void {
    const { policy } = this;
    if (policy) {
      const { length } = this.#verifier.state;
      this.use(policy.next(length));
      const inner = [...this.levels[0]?.histogram ?? []];
      this.#before = { length, ms: this.#ms, inner };
    }
    for (const member of this.#members) {
      // Hidden states are not kept for ever; what is read from the text can wait.
      if (member !== this.#active && member.plan.taps !== "none") member.drafter.follow();
    }
    this.#active?.drafter.propose();
  }

  follow(): void {
    for (const { drafter } of this.#members) drafter.follow();
  }

  queueObserve(): void {
    for (const { drafter } of this.#members) drafter.queueObserve();
  }

  observe(strayed: boolean): void {
    const { policy } = this;
    const before = this.#before;
    this.#before = undefined;
    const { reach, proposed: rows } = this;
    for (const member of this.#members) {
      member.drafter.observe(strayed && member === this.#active);
    }
    if (policy === undefined || before === undefined) return;
    const histogram = this.levels[0]?.histogram ?? [];
    policy.observe({
      tokens: this.#verifier.state.length - before.length,
      rows,
      reach,
      inner: histogram.map((rounds, i) => rounds - (before.inner[i] ?? 0)),
      ms: this.#ms - before.ms,
    });
  }

  get #ms(): number {
    const { draftMs, verifyMs, commitMs } = this.#verifier.stats;
    return draftMs + verifyMs + commitMs;
  }

  proposer(j: number): string {
    return this.#active!.drafter.proposer(j);
  }

  resume(kept: number, length: number): void {
    this.#before = undefined;
    this.policy?.reset();
    for (const { drafter } of this.#members) drafter.resume(kept, length);
  }

  forget(): void {
    for (const { drafter } of this.#members) drafter.forget?.();
  }

  [Symbol.dispose](): void {
    this.#cleanup.dispose();
  }
}
