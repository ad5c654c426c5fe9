/**
 * The picture of a report in `docs/evaluation.md`: evaluates the bundled trio on made-up problems, and takes it in
 * headless Chromium.
 *
 *     deno run -A scripts/browser/eval_screenshot.ts
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { benchPrompts } from "../../src/cli/commands/bench/prompts.ts";
import { runProgram } from "../../src/cli/program.ts";
import { COMMANDS } from "../../src/cli/registry.ts";
import { processIo } from "../../src/cli/terminal/io.ts";
import { DEMO_DIR } from "../models/trio.ts";
import { findBrowser, screenshot } from "./browser.ts";

const PICTURE = fileURLToPath(new URL("../../docs/evaluation.png", import.meta.url));

/** Problems, and pixels. */
const [PROBLEMS, WIDTH, HEIGHT] = [16, 1120, 1430];

if (import.meta.main) {
  const browser = findBrowser();
  if (browser === undefined) {
    console.error("Cannot take a picture: there is no Chromium, expected it in PATH");
    Deno.exit(1);
  }
  const root = Deno.makeTempDirSync();
  try {
    // The trio's chat template writes what stands around a question.
    const rows = benchPrompts(PROBLEMS).map((text, i) => ({
      prompt: text.replace(/^Question: |\nAnswer:$/g, ""),
      category: i % 4 < 2 ? "things" : "money",
    }));
    const prompts = `${root}/problems.jsonl`;
    Deno.writeTextFileSync(prompts, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
    const args = ["eval", "--trio", DEMO_DIR, "--bench", prompts, "--out", `${root}/run`];
    const code = await runProgram([...args, "-n", "64"], COMMANDS, processIo());
    if (code !== 0) Deno.exit(code);
    await screenshot(browser, `file://${root}/run/report.html`, PICTURE, WIDTH, HEIGHT);
  } finally {
    Deno.removeSync(root, { recursive: true });
  }
}
