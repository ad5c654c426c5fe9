/**
 * What rounds come to, without a document.
 *
 * @module
 */

/**
 * @typedef {{ token: number, text: string, parent: number, by: string | null, chance: number | null, accepted: boolean }} Node
 * @typedef {{ verifier: string, accepted: number, nodes: Node[], next: { token: number, text: string }, draft_ms: number,
 *   verify_ms: number, commit_ms: number, inner: Round[] }} Round
 * @typedef {{ text: string, by: string, chance: number | null, state: "root" | "accepted" | "refused" | "own",
 *   children: Branch[] }} Branch
 */

/**
 * The tree of a round: its nodes, and the verifier's own token behind the last that was taken.
 *
 * @param {Round} round
 * @returns {Branch}
 */
export function treeOf({ verifier, nodes, next }) {
  const branches = nodes.map(({ text, by, chance, accepted }, i) => ({
    text,
    by: by ?? "",
    chance,
    state: i === 0 ? "root" : accepted ? "accepted" : "refused",
    children: [],
  }));
  let last = branches[0];
  nodes.forEach(({ parent, accepted }, i) => {
    if (i > 0) branches[parent].children.push(branches[i]);
    if (accepted) last = branches[i];
  });
  last.children.push({ text: next.text, by: verifier, chance: null, state: "own", children: [] });
  // What was taken is one line.
  for (const { children } of branches) {
    children.sort((a, b) => Number(a.state === "refused") - Number(b.state === "refused"));
  }
  return branches[0];
}

/**
 * Milliseconds of each stage of all rounds so far, the prompt's included where it is known.
 *
 * @param {Round[]} rounds
 * @param {{ prefill_ms?: number, decode_ms?: number }} end
 * @returns {{ name: string, ms: number }[]}
 */
export function stagesOf(rounds, { prefill_ms = 0, decode_ms } = {}) {
  const sum = (name) => rounds.reduce((total, round) => total + round[name], 0);
  const [draft, verify, commit] = [sum("draft_ms"), sum("verify_ms"), sum("commit_ms")];
  const rest = decode_ms === undefined ? 0 : Math.max(0, decode_ms - draft - verify - commit);
  return [
    { name: "prefill", ms: prefill_ms },
    { name: "draft", ms: draft },
    { name: "verify", ms: verify },
    { name: "commit", ms: commit },
    { name: "host", ms: rest },
  ];
}

/**
 * Tokens a round, 0 before the first.
 *
 * @param {Round[]} rounds
 */
export function tauOf(rounds) {
  return rounds.length === 0
    ? 0
    : rounds.reduce((total, { accepted }) => total + accepted, 0) / rounds.length;
}

/**
 * A token's text where it stands alone: spaces and line ends are shown.
 *
 * @param {string} text
 */
export function visible(text) {
  return text.replaceAll(" ", "␣").replaceAll("\n", "⏎").replaceAll("\t", "⇥") || "∅";
}

/**
 * A chance in words: in percent, with one digit behind the point below 10.
 *
 * @param {number} chance
 */
export function percent(chance) {
  const value = 100 * chance;
  return `${value < 0.05 ? "<0.1" : value < 9.95 ? value.toFixed(1) : Math.round(value)}%`;
}

/**
 * Milliseconds, to be read.
 *
 * @param {number} ms
 */
export function milliseconds(ms) {
  return `${ms < 9.95 ? ms.toFixed(1) : Math.round(ms)} ms`;
}
