/**
 * The tree of a round as nested lists, which are drawn from left to right: what is seen and what is read out is the same.
 *
 * @module
 */
import { element } from "./dom.js";
import { milliseconds, percent, treeOf, visible } from "./rounds.js";

/** What is said of each state. */
const STATES = {
  root: "last token before",
  accepted: "accepted",
  refused: "refused",
  own: "the verifier's own",
};

/** @param {import("./rounds.js").Branch} branch */
function item({ text, by, chance, state, children }) {
  const said = [STATES[state], ...(by ? [`by ${by}`] : []), ...(chance === null ? [] : ["chance"])];
  return element(
    "li",
    { class: `node ${state}` },
    element(
      "span",
      { class: `chip token by-${by || "none"}` },
      element("span", { class: "text" }, visible(text)),
      element("span", { class: "unseen" }, ` ${said.join(", ")} `),
      ...(chance === null ? [] : [element("span", { class: "chance" }, percent(chance))]),
    ),
    ...(children.length === 0 ? [] : [element("ul", {}, ...children.map(item))]),
  );
}

/**
 * A round's tree, and those of the rounds inside it.
 *
 * @param {import("./rounds.js").Round} round
 * @param {string} title
 * @returns {HTMLElement}
 */
export function roundView(round, title) {
  const { accepted, nodes, draft_ms, verify_ms, commit_ms, inner } = round;
  const proposed = nodes.length - 1;
  const times = [["draft", draft_ms], ["verify", verify_ms], ["commit", commit_ms]]
    .map(([name, ms]) => `${name} ${milliseconds(ms)}`).join(", ");
  return element(
    "div",
    { class: "round", "data-accepted": accepted, "data-nodes": nodes.length },
    element("p", {}, `${title}: ${accepted - 1} of ${proposed} proposed accepted. ${times}.`),
    element(
      "div",
      {
        class: "tree",
        role: "group",
        tabindex: "0",
        "aria-label": `Tree of ${title.toLowerCase()}`,
      },
      element("ul", {}, item(treeOf(round))),
    ),
    ...inner.map((one, i) => {
      const name = `Round ${i + 1} inside, of ${one.verifier}`;
      return element(
        "details",
        {},
        element("summary", {}, `${name}: ${one.accepted - 1} of ${one.nodes.length - 1}`),
        roundView(one, name),
      );
    }),
  );
}
