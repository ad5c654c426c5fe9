import { assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";

function* sources(folder: string): Generator<string> {
  for (const entry of Deno.readDirSync(folder)) {
    if (entry.isDirectory) yield* sources(`${folder}/${entry.name}`);
    else if (/\.(ts|js|mjs)$/.test(entry.name)) yield `${folder}/${entry.name}`;
  }
}

/** A URL's pathname, which is no path: `%20` stands for a space. */
const PATHNAME = /new URL\([^;]*import\.meta\.url[^;]*\)\s*\.pathname/;

Deno.test("paths of this repository's files come from fileURLToPath, not from a URL's pathname", () => {
  const root = fileURLToPath(new URL("..", import.meta.url));
  const found = ["src", "scripts", "tests", "bench"].flatMap((folder) =>
    [...sources(`${root}${folder}`)].filter((file) => PATHNAME.test(Deno.readTextFileSync(file)))
  );
  assertEquals(found.map((file) => file.slice(root.length)), []);
});
