import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { brokenLinks } from "./links.ts";
import { pageOf } from "./page.ts";

const FOLDERS = new Set(["docs/adr"]);

function page(text: string) {
  return pageOf("docs/a.md", text, (path) => FOLDERS.has(path.replace(/\/$/, "")));
}

Deno.test("pages: headings have the anchors that GitHub gives them", () => {
  const { headings, title } = page("# A & B\n\n## `--top` of <it>\n\n## Twice\n\n## Twice\n");
  assertEquals(title, "A &amp; B");
  assertEquals(headings.map(({ anchor }) => anchor), ["a--b", "--top-of-it", "twice", "twice-1"]);
});

Deno.test("pages: links lead to pages, files beside them come along", () => {
  const { body, files } = page(
    "# T\n\n[b](b.md#x) [top](../README.md) [all](adr) [file](../LICENSE) [out](https://x.org/a.md) ![p](p.png)",
  );
  assertEquals([...body.matchAll(/(?:href|src)="([^"]*)"/g)].map(([, link]) => link), [
    "../docs/b.html#x",
    "../index.html",
    "../docs/adr/index.html",
    "../LICENSE",
    "https://x.org/a.md",
    "../docs/p.png",
  ]);
  assertEquals(files, ["LICENSE", "docs/p.png"]);
  assertThrows(() => page("no title"), Error, "has no title");
});

Deno.test("pages: code is shown as it is", () => {
  const { body } = page("# T\n\n```console\n$ ls <a>\nb & c\n```\n");
  assertStringIncludes(body, "<b>ls &lt;a&gt;</b>\nb &amp; c");
});

Deno.test("links: what leads nowhere is found", () => {
  const dir = `${Deno.makeTempDirSync()}/`;
  try {
    Deno.mkdirSync(`${dir}b`);
    Deno.writeTextFileSync(
      `${dir}a.html`,
      '<h1 id="x"></h1><a href="b/c.html#y"></a><a href="#x"></a>',
    );
    Deno.writeTextFileSync(
      `${dir}b/c.html`,
      '<p id="y"><a href="../a.html#z"></a><img src="no.png"><a href="https://x.org"></a></p>',
    );
    assertEquals(brokenLinks(dir), ["b/c.html: ../a.html#z", "b/c.html: no.png"]);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});
