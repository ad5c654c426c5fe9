/**
 * Whether every link within a built site leads somewhere.
 *
 * @module
 */

/** What a document has: places that links may name, and its links. */
interface Document {
  readonly ids: ReadonlySet<string>;
  readonly links: readonly string[];
}

function read(html: string): Document {
  const values = (attribute: RegExp) =>
    [...html.matchAll(attribute)].map(([, value]) =>
      value.replaceAll("&#x2F;", "/").replaceAll("&amp;", "&")
    );
  return {
    ids: new Set(values(/\sid="([^"]*)"/g)),
    links: values(/<[^>]*\s(?:href|src)="([^"]*)"/g),
  };
}

/**
 * The links of the documents of the site in `dir` (an absolute path ending in `/`) that lead nowhere, each as `page: link`. Links to
 * other hosts are not followed.
 */
export function brokenLinks(dir: string): string[] {
  const files = new Map<string, Document | undefined>();
  const visit = (path: string) => {
    for (const { name, isDirectory } of Deno.readDirSync(dir + path)) {
      if (isDirectory) visit(`${path}${name}/`);
      else {
        const file = path + name;
        files.set(
          file,
          file.endsWith(".html") ? read(Deno.readTextFileSync(dir + file)) : undefined,
        );
      }
    }
  };
  visit("");
  const broken: string[] = [];
  for (const [file, document] of files) {
    if (document === undefined) continue;
    for (const link of document.links) {
      if (/^[a-z]+:/i.test(link)) continue;
      const { pathname, hash } = new URL(
        link,
        `file:///${file.split("/").map(encodeURIComponent).join("/")}`,
      );
      const path = decodeURIComponent(pathname.slice(1));
      const anchor = decodeURIComponent(hash.slice(1));
      const target = files.get(path);
      const isThere = files.has(path) && (anchor === "" || target?.ids.has(anchor));
      if (!isThere) broken.push(`${file}: ${link}`);
    }
  }
  return broken;
}
