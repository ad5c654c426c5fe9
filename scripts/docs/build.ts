/**
 * Builds the site of the documents: each Markdown file a page, the API by `deno doc --html` beside them, all links checked.
 *
 *     deno run -A scripts/docs/build.ts [DIR]
 *
 * writes to `build/site`, or to DIR, which is emptied, and exits with 1 where a link leads nowhere. The pages need no
 * network and no server.
 *
 * @module
 */
import { root } from "../native/run.ts";
import { DECISIONS, markdownFiles, placeOf } from "./contents.ts";
import { brokenLinks } from "./links.ts";
import { type Page, pageOf } from "./page.ts";
import { API, documentOf, NAME, STYLE } from "./template.ts";

const STYLE_FILE = new URL("style.css", import.meta.url);

/** The entry points that the API is documented from. */
const ENTRIES = ["mod.ts", "src/server/mod.ts"];

/** The text of the list of decisions, for whose folder there is no file. */
function decisionsText(pages: readonly Page[]): string {
  const items = pages.filter(({ file }) => file.startsWith("docs/adr/"))
    .map(({ file, title }) => `- [${title.replaceAll("&lt;", "\\<")}](${file.split("/").at(-1)})`);
  return `# Decisions\n\n${items.join("\n")}\n`;
}

/** All pages of the repository in `root`. */
function pagesOf(root: string): Page[] {
  const isFolder = (path: string) => {
    try {
      return Deno.statSync(root + path).isDirectory;
    } catch {
      return false; // The check of links says that it is not there.
    }
  };
  const pages = markdownFiles(root)
    .map((file) => pageOf(file, Deno.readTextFileSync(root + file), isFolder));
  return [...pages, pageOf(DECISIONS, decisionsText(pages), isFolder)];
}

/** Writes `pages` and what they show into `dir`, absolute and ending in `/`. A file that is not there is left to the check of links. */
function writePages(root: string, dir: string, pages: readonly Page[]): void {
  const write = (place: string, put: (path: string) => void) => {
    Deno.mkdirSync((dir + place).replace(/[^/]*$/, ""), { recursive: true });
    put(dir + place);
  };
  const titles = new Map(pages.map(({ file, title }) => [file, title]));
  for (const page of pages) {
    const html = documentOf(page, titles);
    write(placeOf(page.file), (path) => Deno.writeTextFileSync(path, html));
  }
  for (const file of new Set(pages.flatMap(({ files }) => files))) {
    write(file, (path) => {
      try {
        Deno.copyFileSync(root + file, path);
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    });
  }
  Deno.copyFileSync(STYLE_FILE, dir + STYLE);
}

/** The list in whose front each page of the API has a way back, as `deno doc` writes it. */
const BREADCRUMBS = '<ul class="breadcrumbs">';

/** Writes the API into `dir`, which lies in the site's. */
function writeApi(root: string, dir: string): void {
  const { success, stderr } = new Deno.Command(Deno.execPath(), {
    args: ["doc", "--html", `--name=${NAME}`, `--output=${dir}`, ...ENTRIES],
    cwd: root,
  }).outputSync();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  const visit = (folder: string, up: string) => {
    for (const { name, isDirectory } of Deno.readDirSync(folder)) {
      const path = `${folder}/${name}`;
      if (isDirectory) visit(path, `../${up}`);
      else if (name.endsWith(".html")) {
        Deno.writeTextFileSync(path, inSite(Deno.readTextFileSync(path), up));
      }
    }
  };
  visit(dir, "../");
}

/**
 * A page of the API with a way to the documents, which lie `up`. Its links to folders name their pages: without a server
 * nobody else does.
 */
function inSite(html: string, up: string): string {
  return html.replace(BREADCRUMBS, `<a href="${up}index.html">Documents</a>&emsp;${BREADCRUMBS}`)
    .replaceAll(/(href="(?:[^":]*(?:&#x2F;|\/))?)"/g, '$1index.html"');
}

/** Writes the site of the repository in `root` into the empty directory `dir`; both end in `/`. Gives its pages, the API's left out. */
export function buildSite(root: string, dir: string): readonly Page[] {
  const pages = pagesOf(root);
  writePages(root, dir, pages);
  writeApi(root, dir + API.replace(/\/[^/]*$/, ""));
  return pages;
}

if (import.meta.main) {
  const dir = `${Deno.args[0] ?? `${root}build/site`}/`;
  try {
    Deno.removeSync(dir, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  Deno.mkdirSync(dir, { recursive: true });
  const pages = buildSite(root, dir);
  const broken = brokenLinks(dir);
  for (const link of broken) console.error(`leads nowhere: ${link}`);
  console.log(`${pages.length} pages are in ${dir}, ${broken.length} links lead nowhere`);
  if (broken.length > 0) Deno.exit(1);
}
