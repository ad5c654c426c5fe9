/**
 * One answer as it comes: its tokens, its rounds as bars, its times, and the tree of the round that is chosen.
 *
 * @module
 */
import { element } from "./dom.js";
import { milliseconds, stagesOf, tauOf } from "./rounds.js";
import { roundView } from "./tree.js";

/** An answer by one method. */
export class Answer {
  /** What it says. */
  text = "";
  /** @type {import("./rounds.js").Round[]} */
  rounds = [];
  #tokens = 0;
  #depth = 0;
  #end = {};
  #started = performance.now();
  #chosen = -1;
  #words;
  #strip;
  #figures;
  #stages;
  #place;

  /** @param {string} method */
  constructor(method) {
    this.method = method;
    this.#words = element("p", { class: "words" });
    this.#strip = element("div", {
      class: "strip",
      role: "group",
      "aria-label": `Rounds of ${method}`,
      onkeydown: (event) => this.#move(event),
    });
    this.#figures = element("p", { class: "figures" }, "waiting");
    this.#stages = element("div", { class: "stages" });
    this.#place = element("div", { class: "place" });
    /** Where it is shown. */
    this.view = element(
      "article",
      { class: "answer", "aria-label": `Answer by ${method}` },
      element("h4", {}, method),
      this.#words,
      this.#figures,
      this.#strip,
      this.#stages,
      this.#place,
    );
    this.#words.addEventListener("click", ({ target }) => {
      const round = target.dataset?.round;
      if (round !== undefined && this.rounds[round]) this.#choose(Number(round));
    });
  }

  /**
   * Takes a chunk of the stream.
   *
   * @param {any} chunk
   */
  take(chunk) {
    const [choice] = chunk.choices;
    const { delta: { content = "" }, specmquant: seen } = choice;
    this.text += content;
    if (seen?.token !== undefined) this.#takeToken(content, seen);
    else if (seen) this.#end = seen;
    this.#tell();
  }

  #takeToken(text, { by, round }) {
    this.#tokens++;
    this.#depth++;
    if (text !== "") {
      const token = element("span", {
        class: `token by-${by}`,
        "data-round": this.rounds.length,
        "data-depth": this.#depth,
      }, text);
      token.style.setProperty("--depth", String(Math.min(this.#depth, 8)));
      this.#words.append(token);
    }
    if (!round) return;
    this.#depth = 0;
    this.rounds.push(round);
    this.#addBar(round, this.rounds.length);
  }

  #addBar({ accepted, nodes }, number) {
    const mark = element("span", { class: "mark" });
    mark.style.setProperty("--accepted", String(Math.min(accepted, 16)));
    const bar = element("button", {
      type: "button",
      tabindex: number === 1 ? "0" : "-1",
      "aria-pressed": "false",
      "aria-label": `Round ${number}: ${accepted} tokens, ${nodes.length - 1} proposed`,
      title: `${accepted} tokens`,
      onclick: () => this.#choose(number - 1),
    }, mark);
    this.#strip.append(bar);
    this.#strip.scrollLeft = this.#strip.scrollWidth;
  }

  #move(event) {
    const bars = [...this.#strip.children];
    const at = bars.indexOf(document.activeElement);
    const to = {
      ArrowRight: at + 1,
      ArrowLeft: at - 1,
      Home: 0,
      End: bars.length - 1,
    }[event.key];
    if (at < 0 || to === undefined || bars[to] === undefined) return;
    event.preventDefault();
    bars[at].tabIndex = -1;
    bars[to].tabIndex = 0;
    bars[to].focus();
  }

  /** Shows the tree of a round, or hides it. */
  #choose(index) {
    const isOpen = this.#chosen === index;
    this.#chosen = isOpen ? -1 : index;
    [...this.#strip.children].forEach((bar, i) => {
      bar.setAttribute("aria-pressed", String(i === this.#chosen));
    });
    for (const token of this.#words.children) {
      token.classList.toggle("chosen", Number(token.dataset.round) === this.#chosen);
    }
    this.#place.replaceChildren(
      ...(isOpen ? [] : [roundView(this.rounds[index], `Round ${index + 1}`)]),
    );
  }

  #tell() {
    const { tokens_per_second: speed } = this.#end;
    const seconds = (performance.now() - this.#started) / 1000;
    const each = speed ?? this.#tokens / seconds;
    this.#figures.textContent = `${this.#tokens} tokens, ${this.rounds.length} rounds, ` +
      `tau ${tauOf(this.rounds).toFixed(2)}, ${each.toFixed(1)} tokens/s`;
    const stages = stagesOf(this.rounds, this.#end).filter(({ ms }) => ms > 0);
    const bar = element("div", { class: "bar", "aria-hidden": "true" });
    for (const { name, ms } of stages) {
      const part = element("span", { class: `stage ${name}` });
      part.style.flexGrow = String(ms);
      bar.append(part);
    }
    const list = element("ul", {});
    for (const { name, ms } of stages) {
      list.append(
        element(
          "li",
          {},
          element("span", { class: `dot ${name}`, "aria-hidden": "true" }),
          `${name} ${milliseconds(ms)}`,
        ),
      );
    }
    this.#stages.replaceChildren(bar, list);
  }

  /**
   * Says how it ended.
   *
   * @param {string} words
   */
  end(words) {
    if (words) this.#figures.append(` (${words})`);
  }
}
