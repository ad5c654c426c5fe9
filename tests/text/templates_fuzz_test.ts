/**
 * Broken templates: whatever a source is, it gives a text or one of the project's errors, and soon.
 *
 * @module
 */
import { assert } from "@std/assert";
import { RenderError, SyntaxFault } from "../../src/text/template/values/errors.ts";
import { importValue, type TemplateValue } from "../../src/text/template/values/import_value.ts";
import { Template } from "../../src/text/template/template.ts";
import { type Value } from "../../src/text/template/values/value.ts";
import { Random } from "../random.ts";

const DATA = new URL("../data/templates/", import.meta.url);
/** How many sources are tried. */
const ROUNDS = 3000;
/** What is put in where something was taken out. */
const PIECES = [
  ..."{}[]()|.,:~-+*/%=<>'\"#\\ \n0159",
  "{%",
  "%}",
  "{{",
  "}}",
  "{#",
  "#}",
  "{%-",
  "-%}",
  "not ",
  " in ",
  " is ",
  " if ",
  " else ",
  "endfor",
  "endif",
  "loop",
  "messages",
  "self",
  "none",
  "**",
  "//",
  "é",
  "😀",
  "\ud800",
  "range(9)",
  "recursive",
  "break",
  "tojson",
];

/** Cuts out, doubles and replaces pieces of a source. */
function mutate(source: string, random: Random): string {
  for (let edits = 1 + random.integer(4); edits > 0; edits--) {
    const at = random.integer(source.length + 1);
    const taken = source.slice(at, at + random.integer(random.integer(3) === 0 ? 60 : 4));
    const piece = random.pick(PIECES);
    const put = random.pick([piece, "", taken + taken, piece + taken]);
    source = source.slice(0, at) + put + source.slice(at + taken.length);
  }
  return source;
}

Deno.test("chat templates: broken ones give a text or an error of ours, and soon", () => {
  const { variables, cases } = JSON.parse(Deno.readTextFileSync(new URL("snippets.json", DATA)));
  const sources = cases.map(({ source }: { source: string }) => source);
  for (const { name } of Deno.readDirSync(DATA)) {
    if (name.endsWith(".jinja")) sources.push(Deno.readTextFileSync(new URL(name, DATA)));
  }
  const given = new Map<string, Value>(
    Object.entries(variables).map(([name, value]) => [name, importValue(value as TemplateValue)]),
  );
  const random = new Random(20);
  let rendered = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const source = mutate(random.pick(sources), random);
    const started = performance.now();
    try {
      new Template(source).render(given, { now: () => new Date(0) });
      rendered++;
    } catch (error) {
      // All that `ChatTemplate` turns into the project's errors.
      assert(error instanceof RenderError || error instanceof SyntaxFault, `${source}\n${error}`);
    }
    assert(performance.now() - started < 20_000, source);
  }
  // It is a test of rendering too.
  assert(rendered > ROUNDS / 10, `${rendered} of ${ROUNDS} are rendered`);
});
