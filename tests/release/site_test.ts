/**
 * The site of the documents: links, navigation, what pages name, how they look, and what their commands say.
 *
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import axe from "axe-core";
import { findBrowser } from "../../scripts/browser/browser.ts";
import { Tab } from "../../scripts/browser/tab.ts";
import { buildSite } from "../../scripts/docs/build.ts";
import { DECISIONS, markdownFiles, placeOf, SECTIONS } from "../../scripts/docs/contents.ts";
import { DRAWING, drawing } from "../../scripts/docs/drawing.ts";
import { brokenLinks } from "../../scripts/docs/links.ts";
import { hasCommands, otherMachine, runDocument } from "../../scripts/docs/outputs.ts";
import { RULES } from "../../scripts/docs/steady.ts";
import { API } from "../../scripts/docs/template.ts";
import { root } from "../../scripts/native/run.ts";
import { noTerminal } from "../terminal.ts";
import { SMOLLM2 } from "./smollm2.ts";

const read = (file: string) => Deno.readTextFileSync(root + file);

let built: string | undefined;
addEventListener("unload", () => built && Deno.removeSync(built, { recursive: true }));

/** The site's directory, with a slash behind it. */
function site(): string {
  if (built === undefined) {
    built = `${Deno.makeTempDirSync()}/`;
    buildSite(root, built);
  }
  return built;
}

Deno.test("site: every link leads somewhere", () => {
  const dir = site();
  assertEquals(brokenLinks(dir), []);
  // Both ways between documents and API.
  assertStringIncludes(Deno.readTextFileSync(`${dir}index.html`), `href="${API}"`);
  assertStringIncludes(Deno.readTextFileSync(dir + API), 'href="../index.html"');
});

Deno.test("site: the navigation has every document, and no other", () => {
  const listed = SECTIONS.flatMap(({ pages }) => pages).filter((file) => file !== DECISIONS);
  const documents = markdownFiles(root).filter((file) =>
    !/^(docs\/adr|tests|bench)\//.test(file) && file !== "README.md"
  );
  assertEquals(listed.toSorted(), documents);
});

Deno.test("site: the drawing is that of the floors", () => {
  assertEquals(read(DRAWING), drawing(), "run deno run -A scripts/docs/drawing.ts");
});

Deno.test("site: files that documents name are there", () => {
  const named = /`((?:src|tests|scripts|cuda|bench|models|docs)\/[\w./-]*)`/g;
  const files = markdownFiles(root).filter((file) =>
    /^docs\/(guides|tutorial)\/|^docs\/(architecture|troubleshooting)\.md/.test(file)
  );
  const missing = files.flatMap((file) =>
    [...read(file).matchAll(named)].map(([, path]) => path).filter((path) => {
      try {
        Deno.statSync(root + path);
        return false;
      } catch {
        return true;
      }
    }).map((path) => `${file}: ${path}`)
  );
  assertEquals(missing, []);
});

Deno.test("site: codes of troubles are codes of errors, and what is left out of outputs is told", () => {
  const codes = [...read("docs/troubleshooting.md").matchAll(/^Code (`\w+`(?:(?:,| or) `\w+`)*)/gm)]
    .flatMap(([, list]) => list.match(/\w+(?=`)/g)!);
  assert(codes.length > 8);
  const errors = read("docs/errors.md");
  for (const code of codes) assertStringIncludes(errors, `| \`${code}\` `);
  const [, told] = /\*\*`\.\.\.`\s+stands\s+for([^]*?)\n\n/.exec(
    read("docs/tutorial/first-text.md"),
  )!;
  for (const { what } of RULES) assertStringIncludes(told.replaceAll("\n", " "), what);
});

const browser = findBrowser();

/** How pages are looked at: each kind of page, and each view. The last one has a picture. */
const VIEWS: readonly (readonly [file: string, width: number, isDark: boolean])[] = [
  ["docs/guides/choosing.md", 1200, false],
  ["docs/guides/choosing.md", 360, true],
  ["docs/tutorial/server.md", 360, false],
  ["docs/architecture.md", 360, true],
];

// 4 s.
Deno.test({
  name: "site: pages from files, wide and narrow, light and dark, for everybody" +
    (browser === undefined ? " [skipped: Chromium is not installed]" : ""),
  ignore: browser === undefined,
  async fn() {
    const first = `file://${site()}${placeOf("README.md")}`;
    await using tab = await Tab.open(browser!, first, { width: 1200, height: 900 });
    for (const [file, width, isDark] of VIEWS) {
      const url = `file://${site()}${placeOf(file)}`;
      await tab.see({ width, height: 800, isDark });
      await tab.send("Page.navigate", { url });
      await tab.until(
        `location.href === ${JSON.stringify(url)} && document.readyState === "complete"`,
      );
      await tab.evaluate(`${axe.source}; 0`);
      const found = await tab.evaluate(`axe.run(document, {
          preload: false,
          runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
        }).then(({ violations }) => violations.flatMap(({ id, nodes }) =>
          nodes.map(({ html }) => id + ": " + html.slice(0, 120))))`);
      assertEquals(found, [], `${file} ${width}`);
      const wide = await tab.evaluate("document.documentElement.scrollWidth");
      assertEquals(wide, width, `width of ${file}`);
    }
    const pictures = await tab.evaluate(
      "[...document.images].every((image) => image.complete && image.naturalWidth > 0)",
    );
    assertEquals([pictures, tab.logged], [true, []]);
  },
});

/** Why the documents' commands cannot be run here as their readers do; undefined where they can. */
function reason(): string | undefined {
  const curl = () => {
    try {
      new Deno.Command("curl", { args: ["--version"], stdout: "null" }).outputSync();
      return undefined;
    } catch {
      return "there is no curl";
    }
  };
  const architecture = Deno.build.arch === "x86_64" ? undefined : "the outputs are those of x86-64";
  return architecture ?? otherMachine() ?? noTerminal() ?? curl();
}

const why = reason();

Deno.test({
  name: "site: an output that is another one is found" + (why ? ` [skipped: ${why}]` : ""),
  ignore: why !== undefined,
  async fn() {
    const text =
      "```console\n$ echo one\ntwo\n$ false\n```\n\n```console task\n$ echo left out\n```\n";
    const { outputs, differences } = await runDocument("a.md", text, { tasks: false });
    assertEquals([...outputs], [[1, ["one", ""]]]);
    assertEquals(differences.length, 2);
    assertMatch(differences[0], /^a\.md, line 1: echo one\nwrote\none\nexpected\ntwo$/m);
    assertMatch(differences[1], /^a\.md, line 1: false\nended with 1/);
  },
});

// 20 s of two processors.
Deno.test({
  name: "site: commands in documents say what the documents say" +
    (why ? ` [skipped: ${why}]` : SMOLLM2.file ? "" : ` [without SmolLM2: ${SMOLLM2.reason}]`),
  ignore: why !== undefined,
  async fn() {
    const files = markdownFiles(root).filter((file) => hasCommands(read(file)));
    assert(files.length > 4);
    const left = [...files];
    const differences: string[] = [];
    const work = async () => {
      for (let file = left.pop(); file !== undefined; file = left.pop()) {
        const options = { tasks: false, smollm2: SMOLLM2.file };
        differences.push(...(await runDocument(file, read(file), options)).differences);
      }
    };
    await Promise.all([work(), work()]);
    assertEquals(differences, [], `${differences.join("\n")}\nrun deno task docs:outputs`);
  },
});
