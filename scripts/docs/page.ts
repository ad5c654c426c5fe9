/**
 * A page's HTML from its Markdown: headings get the anchors that GitHub gives them, links lead to pages of the site.
 *
 * @module
 */
import GithubSlugger from "github-slugger";
import { Marked, type Tokens } from "marked";
import { placeOf } from "./contents.ts";

/** A heading of a page. */
export interface Heading {
  /** 1 for the title. */
  readonly level: number;
  /** What links behind `#` say. */
  readonly anchor: string;
  /** Its text, as HTML without tags. */
  readonly text: string;
}

/** A page. */
export interface Page {
  /** The Markdown file, by its path in the repository. */
  readonly file: string;
  /** Its first heading, as HTML without tags. */
  readonly title: string;
  /** Its headings, in order. */
  readonly headings: readonly Heading[];
  /** What stands between navigation and foot. */
  readonly body: string;
  /** Files beside pages that it links to or shows, by their paths in the repository. */
  readonly files: readonly string[];
}

/** A text with what means something in HTML written otherwise. */
export function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

/** `href` of the Markdown file `from`, as a path in the repository with what follows `#`; undefined where it leads elsewhere. */
export function targetOf(
  from: string,
  href: string,
): { readonly path: string; readonly anchor: string } | undefined {
  if (/^[a-z]+:/i.test(href)) return undefined;
  const { pathname, hash } = new URL(href, `file:///${from}`);
  return { path: decodeURIComponent(pathname.slice(1)), anchor: decodeURIComponent(hash.slice(1)) };
}

/** The way from the page at the place `from` to what lies at `to`, both in the site. */
export function wayTo(from: string, to: string): string {
  return "../".repeat(from.split("/").length - 1) + to;
}

/**
 * The page of the Markdown `text` in `file`. `isFolder` says of a path in the repository whether it is a directory, whose page
 * is the one of its `README.md`. Throws where there is no title.
 */
export function pageOf(file: string, text: string, isFolder: (path: string) => boolean): Page {
  const place = placeOf(file);
  const slugger = new GithubSlugger();
  const headings: Heading[] = [];
  const files = new Set<string>();

  const hrefOf = (href: string): string => {
    const target = targetOf(file, href);
    if (target === undefined) return href;
    const { anchor } = target;
    let { path } = target;
    if (isFolder(path)) path = `${path.replace(/\/$/, "")}/README.md`;
    const isPage = path.endsWith(".md");
    if (!isPage) files.add(path);
    return wayTo(place, isPage ? placeOf(path) : path) + (anchor && `#${anchor}`);
  };

  const marked = new Marked({
    renderer: {
      heading({ tokens, depth }: Tokens.Heading): string {
        const html = this.parser.parseInline(tokens);
        const plain = this.parser.parseInline(tokens, this.parser.textRenderer);
        const anchor = slugger.slug(plain);
        headings.push({ level: depth, anchor, text: escapeHtml(plain) });
        const link = depth === 1 ? "" : `<a class="anchor" href="#${anchor}" aria-hidden="true"` +
          ` tabindex="-1">#</a>`;
        return `<h${depth} id="${anchor}">${html}${link}</h${depth}>\n`;
      },
      link({ href, tokens }: Tokens.Link): string {
        return `<a href="${escapeHtml(hrefOf(href))}">${this.parser.parseInline(tokens)}</a>`;
      },
      image({ href, text }: Tokens.Image): string {
        return `<img src="${escapeHtml(hrefOf(href))}" alt="${escapeHtml(text)}">`;
      },
      code({ text, lang = "" }: Tokens.Code): string {
        const [language = ""] = lang.split(" ");
        const html = language === "console" ? consoleHtml(text) : escapeHtml(text);
        // What scrolls sideways is reached by keys.
        return `<pre tabindex="0"${
          language && ` class="${escapeHtml(language)}"`
        }><code>${html}</code></pre>\n`;
      },
      table({ header, rows }: Tokens.Table): string {
        const cells = (row: readonly Tokens.TableCell[], tag: string) =>
          row.map(({ tokens, align }) =>
            `<${tag}${align ? ` class="${align}"` : ""}>${this.parser.parseInline(tokens)}</${tag}>`
          ).join("");
        const hasHead = header.some(({ text }) => text !== "");
        const named = headings.at(-1)?.text ?? file;
        return `<div class="table" role="group" tabindex="0" aria-label="${named}: a table">` +
          `<table>${hasHead ? `<thead><tr>${cells(header, "th")}</tr></thead>` : ""}<tbody>${
            rows.map((row) => `<tr>${cells(row, "td")}</tr>`).join("\n")
          }</tbody></table></div>\n`;
      },
    },
  });

  const body = marked.parse(text, { async: false });
  const title = headings.find(({ level }) => level === 1)?.text;
  if (title === undefined) throw new Error(`${file} has no title, expected a line "# ..."`);
  return { file, title, headings, body, files: [...files] };
}

/** Commands and what they say, told apart. */
function consoleHtml(text: string): string {
  return text.split("\n").map((line) =>
    line.startsWith("$ ") || line.startsWith("> ")
      ? `<span class="prompt" aria-hidden="true">${escapeHtml(line.slice(0, 2))}</span><b>${
        escapeHtml(line.slice(2))
      }</b>`
      : escapeHtml(line)
  ).join("\n");
}
