/**
 * Rounds as who watches them sees them: what was proposed and taken makes the text, and the chances are those of who proposed.
 */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import {
  type DrafterPlan,
  type GenerateOptions,
  type RoundReport,
  scoreTokens,
  Session,
} from "../../mod.ts";
import { Trio } from "../../scripts/models/trio.ts";
import { backendTest } from "../backends.ts";
import { METHODS } from "../methods.ts";
import { problems } from "../problems.ts";

const CONTEXT = 160;
const TOKENS = 16;

/** The demo's prompts. */
const PROMPTS = problems(2, 5).map((text) => `Question: ${text}\nAnswer:`);

/** A text with its rounds, and what its statistics say of them. */
async function watched(session: Session, prompt: string, options: GenerateOptions) {
  const generation = session.generate(prompt, { ...options, rounds: true });
  const rounds: RoundReport[] = [];
  const by: string[] = [];
  for await (const piece of generation) {
    by.push(piece.by);
    assertEquals(piece.round !== undefined, piece.endsRound);
    if (piece.round) rounds.push(piece.round);
  }
  return { rounds, by, result: generation.result };
}

/** The tokens that a round took, and who had proposed them. */
function takenOf({ nodes, next, verifier }: RoundReport): { token: number; by: string }[] {
  const taken: { token: number; by: string }[] = [];
  let last = 0;
  for (const [i, { token, parent, by, isAccepted }] of nodes.entries()) {
    if (i === 0 || !isAccepted) continue;
    assertEquals(parent, last);
    last = i;
    taken.push({ token, by: by! });
  }
  return [...taken, { token: next, by: verifier }];
}

function checkTree({ nodes, accepted }: RoundReport, name: string): void {
  assertEquals(nodes.filter(({ isAccepted }) => isAccepted).length, accepted, name);
  const siblings = new Set<string>();
  const below = nodes.map(() => 0);
  for (const [i, { token, parent, chance }] of nodes.entries()) {
    assert(i === 0 ? parent === -1 : parent < i, name);
    assert(!siblings.has(`${parent} ${token}`), name);
    siblings.add(`${parent} ${token}`);
    if (chance !== undefined) below[parent] += chance;
  }
  // Of chances that exclude each other the sum is no more than that of what they come behind.
  for (const [i, sum] of below.entries()) {
    const { chance = 1 } = nodes[i];
    assert(sum <= chance * 1.001 + 1e-6, `${name}: ${sum} behind ${chance}`);
  }
}

// 8 s.
backendTest(
  "rounds that are watched make the text, in every method, and are those of statistics",
  async ({ device }) => {
    using trio = new Trio(undefined, device);
    const plans: (DrafterPlan | undefined)[] = [
      undefined,
      ...METHODS.map((method) => method.plan(trio)),
    ];
    for (const drafter of plans) {
      using session = new Session(trio.target, trio.tokenizer, { context: CONTEXT, drafter });
      for (const [i, prompt] of PROMPTS.entries()) {
        const temperature = i;
        const name = `${session.method} at ${temperature}`;
        const options = { maxTokens: TOKENS, temperature, seed: 3 };
        const { rounds, by, result } = await watched(session, prompt, options);
        const plain = await session.generate(prompt, options).finish();
        assertEquals(result.tokens, plain.tokens, name);
        const [target, draft] = result.stats.levels;
        const taken = rounds.flatMap(takenOf).slice(0, result.tokens.length);
        assertEquals(taken.map(({ token }) => token), result.tokens, name);
        assertEquals(taken.map((one) => one.by), by, name);
        assertEquals(rounds.map(({ accepted }) => accepted), target.lengths, name);
        for (const [j, round] of rounds.entries()) {
          checkTree(round, name);
          assert(round.nodes.length <= target.rows[j], name);
        }
        const inner = rounds.flatMap((round) => round.inner);
        // A draft model that decodes plainly waits for no round.
        const lengths = draft?.drafted > 0 ? draft.lengths : [];
        assertEquals(inner.map(({ accepted }) => accepted), lengths, name);
        for (const round of inner) checkTree(round, `${name}, inside`);
        const ms = rounds.reduce((sum, { draftMs }) => sum + draftMs, 0);
        assertAlmostEquals(ms, target.draftMs, 1e-6, name);
      }
    }
  },
  ["cpu", "cuda"],
);

backendTest(
  "the chances of a draft model's tokens are those that it scores",
  async ({ device }) => {
    using trio = new Trio(undefined, device);
    const { plan } = METHODS.find(({ name }) => name === "draft with siblings")!;
    using session = new Session(trio.target, trio.tokenizer, {
      context: CONTEXT,
      drafter: plan(trio),
    });
    const { rounds, result } = await watched(session, PROMPTS[0], { maxTokens: TOKENS });
    let text = [...trio.tokenizer.encode(PROMPTS[0])];
    let counted = 0;
    for (const round of rounds) {
      const { nodes } = round;
      for (const [i, node] of nodes.entries()) {
        if (i === 0 || node.chance === undefined || i % 3 !== 1) continue;
        const path: number[] = [];
        for (let at = i; at > 0; at = nodes[at].parent) path.unshift(nodes[at].token);
        const { logprobs } = scoreTokens(trio.draft, [...text, ...path]);
        const sum = logprobs.slice(text.length).reduce((total: number, one) => total + one!, 0);
        assertAlmostEquals(node.chance, Math.exp(sum), 0.004);
        counted++;
      }
      text = [...text, ...takenOf(round).map(({ token }) => token)];
    }
    assert(counted > 10, `${counted}`);
    assertEquals(result.tokens.length, TOKENS);
  },
  ["cpu", "cuda"],
);

backendTest("rounds of what a grammar forces are watched, too", async ({ device }) => {
  using trio = new Trio(undefined, device);
  const grammar = { regex: '\\{"answer": [1-9], "reason": "none that is known"\\}' };
  for (const name of ["suffix", "hier with siblings"]) {
    const { plan } = METHODS.find((method) => method.name === name)!;
    using session = new Session(trio.target, trio.tokenizer, {
      context: CONTEXT,
      drafter: plan(trio),
    });
    const { rounds, by, result } = await watched(session, PROMPTS[0], { grammar, maxTokens: 48 });
    const taken = rounds.flatMap(takenOf).slice(0, result.tokens.length);
    assertEquals(taken.map(({ token }) => token), result.tokens, name);
    assertEquals(taken.map((one) => one.by), by, name);
    assert(by.includes("grammar"), name);
    for (const round of rounds) checkTree(round, name);
  }
}, ["cpu", "cuda"]);

backendTest("rounds of texts at once are watched each for itself", async ({ device }) => {
  using trio = new Trio(undefined, device);
  for (const name of ["suffix", "hier with siblings"]) {
    const { plan } = METHODS.find((method) => method.name === name)!;
    using session = new Session(trio.target, trio.tokenizer, {
      context: CONTEXT,
      drafter: plan(trio),
      slots: 3,
    });
    const options: GenerateOptions[] = [
      {},
      { temperature: 1, seed: 2 },
      { grammar: { regex: '\\{"answer": [1-9], "reason": "none that is known"\\}' } },
    ];
    const all = await Promise.all(
      options.map((one) => watched(session, PROMPTS[0], { ...one, maxTokens: TOKENS })),
    );
    for (const { rounds, by, result } of all) {
      const taken = rounds.flatMap(takenOf).slice(0, result.tokens.length);
      assertEquals(taken.map(({ token }) => token), result.tokens, name);
      assertEquals(taken.map((one) => one.by), by, name);
      for (const round of rounds) checkTree(round, name);
    }
    assert(all.some(({ rounds }) => rounds.some(({ accepted }) => accepted > 1)), name);
  }
}, ["cpu", "cuda"]);
