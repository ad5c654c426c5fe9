/**
 * The playground in headless Chromium: a chat, the trees that it draws, keys, narrow screens, and what axe has to say.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import axe from "axe-core";
import { findBrowser } from "../../scripts/browser/browser.ts";
import { Tab } from "../../scripts/browser/tab.ts";
import type { SeenEnd, SeenRound, SeenToken } from "../../src/server/answers/seen.ts";
import { expected, MESSAGES, MODEL, QUESTION, ServerRig } from "./rig.ts";

const browser = findBrowser();
const reason = browser === undefined ? " [skipped: Chromium is not installed]" : "";

const WIDE = { width: 1200, height: 900 };

/** Asks the demo's question by the page, with the keyboard alone. */
async function ask(tab: Tab, method: string, beside = ""): Promise<void> {
  await tab.until("document.getElementById('method').options.length > 0");
  await tab.evaluate(`document.getElementById("method").value = "${method}";
    document.getElementById("beside").value = "${beside}";
    document.getElementById("prompt").focus()`);
  await tab.type(QUESTION);
  await tab.press("Enter", { modifiers: 2 });
  await tab.until(
    "document.getElementById('stop').disabled && document.querySelector('.strip button')",
  );
}

/** What axe finds wrong. Its script comes through the protocol, past the page's policy. */
async function complaints(tab: Tab): Promise<string[]> {
  await tab.evaluate(`${axe.source}; 0`);
  return await tab.evaluate(`axe.run(document, {
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
  }).then(({ violations }) => violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, any }) => id + ": " + html.slice(0, 120) + any.map((one) => one.message))))`);
}

/** The tree that is drawn, as the text and state of each node with that of the node before it. */
const DRAWN = `[...document.querySelectorAll(".place > .round > .tree .node")].map((node) => {
  const own = (one) => one && one.querySelector(":scope > .chip > .text").textContent;
  const before = node.parentElement.closest(".node");
  return [own(node), node.className.replace("node ", ""), own(before) ?? ""].join(" ");
}).sort()`;

/** The same of what the server says of a round. */
function expectedTree({ nodes, next }: SeenRound): string[] {
  const visible = (text: string) => text.replaceAll(" ", "␣").replaceAll("\n", "⏎") || "∅";
  const last = nodes.findLast(({ accepted }) => accepted)!;
  return [
    ...nodes.map(({ text, parent, accepted }, i) => {
      const state = i === 0 ? "root" : accepted ? "accepted" : "refused";
      return `${visible(text)} ${state} ${i === 0 ? "" : visible(nodes[parent].text)}`;
    }),
    `${visible(next.text)} own ${visible(last.text)}`,
  ].sort();
}

/** All rounds of the same answer, as the API gives them. */
async function roundsOf(
  rig: ServerRig,
  method: string,
): Promise<{ rounds: SeenRound[]; end: SeenEnd }> {
  const stream = await rig.client.chat.completions.create({
    model: MODEL,
    messages: MESSAGES,
    stream: true,
    temperature: 0,
    max_tokens: 256,
    ...{ specmquant: { method, rounds: true } },
  });
  const rounds: SeenRound[] = [];
  let end: SeenEnd | undefined;
  for await (const { choices: [choice] } of stream) {
    const { specmquant: seen } = choice as unknown as { specmquant?: SeenToken | SeenEnd };
    if (seen && "levels" in seen) end = seen;
    else if (seen?.round) rounds.push(seen.round);
  }
  return { rounds, end: end! };
}

// 6 s.
Deno.test({
  name: `page: a chat by two methods, with the trees of their rounds${reason}`,
  ignore: browser === undefined,
  async fn() {
    await using rig = await ServerRig.start({}, { method: "auto" });
    await using tab = await Tab.open(browser!, rig.server.url, WIDE);
    await ask(tab, "eagle2", "hier");
    const status = () => tab.evaluate("document.getElementById('status').textContent");
    assertMatch(await status(), /^eagle2 in \d+ rounds, hier in \d+: the same text$/);
    const right = await expected(MESSAGES, { maxTokens: 256 });
    const shown = await tab.evaluate(
      "[...document.querySelectorAll('.words')].map(({ textContent }) => textContent)",
    );
    assertEquals(shown, [right.text, right.text]);

    // Its rounds are those of the API, and of statistics.
    const { rounds, end } = await roundsOf(rig, "eagle2");
    assertEquals(rounds.map(({ accepted }) => accepted), end.levels[0].lengths);
    const bars = await tab.evaluate(
      `[...document.querySelectorAll(".answer:first-child .strip button")].map((bar) =>
        parseInt(bar.getAttribute("aria-label").split(": ")[1]))`,
    );
    assertEquals(bars, end.levels[0].lengths);

    // With keys alone: to the last bar, and its tree.
    await tab.evaluate("document.querySelector('.strip button').focus()");
    await tab.press("End");
    await tab.press("ArrowLeft");
    await tab.press("Enter", { text: "\r" });
    assertEquals(await tab.evaluate(DRAWN), expectedTree(rounds.at(-2)!));
    // The first word's round, by the mouse, with all that was refused.
    await tab.evaluate("document.querySelector('.words .token').click()");
    assertEquals(await tab.evaluate(DRAWN), expectedTree(rounds[0]));
    const chances = await tab.evaluate(
      "document.querySelectorAll('.place .tree .chance').length",
    );
    assertEquals(chances, rounds[0].nodes.filter(({ chance }) => chance !== null).length);

    for (
      const [width, isDark] of [[1200, false], [360, true]] as const
    ) {
      await tab.see({ width, height: 800, isDark });
      assertEquals(await complaints(tab), [], `${width} ${isDark}`);
      assertEquals(await tab.evaluate("document.documentElement.scrollWidth"), width);
    }
    assertEquals(tab.logged, []);
    // What goes wrong is heard: the policy takes no inline script.
    await tab.evaluate(`document.body.append(Object.assign(document.createElement("script"), {
      textContent: "window.inline = true",
    }))`);
    assertEquals(await tab.evaluate("window.inline"), undefined);
    assertMatch(tab.logged.join(), /Content Security Policy/);
  },
});

// 3 s.
Deno.test({
  name: `page: a key is asked for, and errors are the server's${reason}`,
  ignore: browser === undefined,
  async fn() {
    await using rig = await ServerRig.start({ keys: ["sesame"] });
    await using tab = await Tab.open(browser!, rig.server.url, WIDE);
    await tab.until("document.activeElement.id === 'key-input'");
    assertEquals(await complaints(tab), []);
    await tab.type("wrong");
    await tab.press("Enter", { text: "\r" });
    await tab.until("/none of this server/.test(document.getElementById('model').textContent)");
    await tab.type("sesame");
    await tab.press("Enter", { text: "\r" });
    await ask(tab, "hier");
    assertEquals(await tab.evaluate("document.getElementById('key').hidden"), true);
    const kept = await tab.evaluate(
      "[localStorage.length, sessionStorage.length, document.cookie].join() + document.body.innerHTML",
    );
    assert(!kept.includes("sesame"));
    assertEquals(kept.slice(0, 4), "0,0,");
    await tab.evaluate("document.getElementById('max_tokens').value = '1'");
    await tab.type("x ".repeat(400));
    await tab.press("Enter", { modifiers: 2 });
    await tab.until(
      "/context_length|expected at most/.test(document.getElementById('status').textContent)",
    );
  },
});
