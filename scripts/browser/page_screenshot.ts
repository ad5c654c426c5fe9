/**
 * The pictures of the playground in `docs/`: a question to the bundled trio by two methods, with the tree of a round, in headless
 * Chromium, on a wide page and on a narrow dark one.
 *
 *     deno run -A scripts/browser/page_screenshot.ts
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { Engine } from "../../mod.ts";
import { Server } from "../../src/server/mod.ts";
import { DEMO_DIR } from "../models/trio.ts";
import { findBrowser } from "./browser.ts";
import { Tab, type View } from "./tab.ts";

const QUESTION = "Tom has 3 boxes of 4 pens. He gives 5 pens away. How many pens has he left?";

/** Pictures, by file: how the page is seen, and what stands beside the method. */
const PICTURES: Readonly<Record<string, View & { readonly beside: string }>> = {
  "playground.png": { width: 1000, height: 720, beside: "eagle2" },
  "playground-phone.png": { width: 360, height: 720, isDark: true, beside: "" },
};

if (import.meta.main) {
  const browser = findBrowser();
  if (browser === undefined) {
    console.error("Cannot take pictures: there is no Chromium, expected it in PATH");
    Deno.exit(1);
  }
  using engine = await Engine.load({
    target: `${DEMO_DIR}/target`,
    draft: `${DEMO_DIR}/draft`,
    head: `${DEMO_DIR}/draft-eagle2`,
    targetHead: `${DEMO_DIR}/target-eagle2`,
    backend: "cpu",
    context: 512,
  });
  await using server = await Server.start({ engine, model: "demo", port: 0 });
  for (const [file, { beside, ...view }] of Object.entries(PICTURES)) {
    await using tab = await Tab.open(browser, server.url, view);
    await tab.until("document.getElementById('method').options.length > 0");
    await tab.evaluate(`document.getElementById("method").value = "hier";
      document.getElementById("beside").value = "${beside}";
      document.getElementById("prompt").focus()`);
    await tab.type(QUESTION);
    await tab.press("Enter", { modifiers: 2 });
    await tab.until(
      "document.getElementById('stop').disabled && document.querySelector('.strip button')",
    );
    await tab.evaluate(`document.querySelectorAll(".answer").forEach((answer) =>
      answer.querySelectorAll(".strip button")[2].click());
      document.activeElement.blur(); scrollTo(0, 0)`);
    const path = fileURLToPath(new URL(`../../docs/${file}`, import.meta.url));
    Deno.writeFileSync(path, await tab.picture());
  }
}
