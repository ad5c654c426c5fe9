/**
 * The document around a page: navigation, contents, foot.
 *
 * @module
 */
import { DECISIONS, placeOf, SECTIONS } from "./contents.ts";
import { type Page, wayTo } from "./page.ts";

/** What the project is called. */
export const NAME = "SpecMQuant for Deno";

/** Where the API lies in the site, that of the server, and the style. */
export const [API, SERVER_API, STYLE] = [
  "api/index.html",
  "api/server/index.html",
  "style.css",
];

/** Headings from which on a page begins with a list of them. */
const MANY_HEADINGS = 5;

/** The whole document of `page`; `titles` are those of all pages, by their files, as HTML. */
export function documentOf(page: Page, titles: ReadonlyMap<string, string>): string {
  const place = placeOf(page.file);
  const to = (target: string) => wayTo(place, target);
  const isHome = page.file === "README.md";
  // A decision is marked by the list that it is in.
  const here = page.file.startsWith("docs/adr/") ? DECISIONS : page.file;
  const link = (target: string, text: string, isHere: boolean) =>
    `<a href="${to(target)}"${isHere ? ' aria-current="page"' : ""}>${text}</a>`;
  const sections = SECTIONS.map(({ title, pages }) =>
    `<h2>${title}</h2>\n<ul>\n${
      pages.map((file) => `<li>${link(placeOf(file), titles.get(file)!, file === here)}</li>`)
        .join("\n")
    }\n</ul>`
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${isHome ? page.title : `${page.title} - ${NAME}`}</title>
<link rel="stylesheet" href="${to(STYLE)}">
</head>
<body>
<div class="top" role="banner"><a href="${
    to("index.html")
  }">${NAME}</a> <a href="#pages">All pages</a></div>
<main>
${withContents(page)}
<footer>Made from <code>${page.file}</code> by <code>deno task docs</code>.</footer>
</main>
<nav id="pages" aria-label="All pages">
<a class="home" href="${to("index.html")}"${isHome ? ' aria-current="page"' : ""}>${NAME}</a>
${sections.join("\n")}
<h2>Reference</h2>
<ul>
<li><a href="${to(API)}">API</a></li>
<li><a href="${to(SERVER_API)}">API of the server</a></li>
</ul>
</nav>
</body>
</html>
`;
}

/** The body with a list of its headings below the title, where there are many. */
function withContents({ body, headings }: Page): string {
  const listed = headings.filter(({ level }) => level === 2);
  if (listed.length < MANY_HEADINGS) return body;
  const items = listed.map(({ anchor, text }) => `<li><a href="#${anchor}">${text}</a></li>`);
  const contents = `<div class="onpage"><ul>\n${items.join("\n")}\n</ul></div>\n`;
  return body.replace("</h1>\n", (end) => end + contents);
}
