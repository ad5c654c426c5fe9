/**
 * The methods of escaped text: those of `str`, with their text arguments escaped and their results escaped text.
 *
 * @module
 */

import { fail } from "../values/errors.ts";
import { each } from "../values/iterate.ts";
import { escape } from "../values/markup.ts";
import { TEXT_METHODS } from "./text_methods.ts";
import { join } from "../values/text_parts.ts";
import { bind } from "../values/signature.ts";
import { type Args, isText, Markup, Tuple, type Value } from "../values/value.ts";

/** The place of the argument that is put into the text, for methods that have one. */
const ESCAPED: Readonly<Record<string, number>> = { replace: 1, ljust: 1, rjust: 1, center: 1 };
/** What gives numbers, truths or plain text in any case. */
const PLAIN = /^(?:is.*|count|r?find|r?index|startswith|endswith|encode|maketrans)$/;
const LISTS = new Set(["split", "rsplit", "splitlines", "partition", "rpartition"]);

const escaped = (value: Value): Value =>
  isText(value) ? new Markup(typeof value === "string" ? value : value.text) : value;

/** Calls a method of escaped text; `undefined` where there is no such method. */
export function markupMethod(name: string): ((self: Markup, args: Args) => Value) | undefined {
  if (name === "join") {
    return (self, args) => {
      const items = [...each(bind("join", "iterable /", args).get("iterable"))];
      return new Markup(join(self.text, items.map((item) => escape(item).text)));
    };
  }
  if (name === "striptags") return (self, args) => (bind(name, "", args), stripTags(self.text));
  if (name === "unescape") return (self, args) => (bind(name, "", args), unescape(self.text));
  if (name === "escape") return (_, args) => escape(bind(name, "s /", args).get("s"));
  const method = TEXT_METHODS.get(name);
  if (method === undefined || PLAIN.test(name)) {
    return method && ((self, args) => method(self.text, args));
  }
  return (self, args) => {
    const at = ESCAPED[name];
    const positional = args.positional.map((value, i) =>
      i === at && isText(value) ? escape(value) : value
    );
    const result = method(self.text, { ...args, positional });
    if (!LISTS.has(name)) return escaped(result);
    return result instanceof Tuple
      ? new Tuple(result.items.map(escaped))
      : (result as Value[]).map(escaped);
  };
}

const NAMED: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  nbsp: "\xa0",
};

/** A text with the characters that its entities stand for. */
function unescape(text: string): string {
  return text.replace(
    /&(?:#(\d+)|#[xX]([\da-fA-F]+)|([A-Za-z]\w*));?/g,
    (entity, decimal, hex, name) => {
      if (name !== undefined) {
        if (entity.endsWith(";") && Object.hasOwn(NAMED, name)) return NAMED[name];
        fail("Unsupported", `the entity "${entity}"`);
      }
      const code = decimal === undefined ? parseInt(hex, 16) : Number(decimal);
      // HTML gives some numbers a meaning of their own.
      if (
        code < 0x20 || (code > 0x7e && code < 0xa0) || code > 0xffff ||
        (code >= 0xd800 && code < 0xe000)
      ) {
        fail("Unsupported", `the entity "${entity}"`);
      }
      return String.fromCodePoint(code);
    },
  );
}

/** A text without tags and comments, its spaces single and its entities resolved. */
export function stripTags(text: string): string {
  let result = "";
  let at = 0;
  for (let start = text.indexOf("<"); start >= 0; start = text.indexOf("<", at)) {
    const comment = text.startsWith("<!--", start);
    const end = comment ? text.indexOf("-->", start + 4) : text.indexOf(">", start);
    if (end < 0) break;
    result += text.slice(at, start);
    at = end + (comment ? 3 : 1);
  }
  return unescape(joinWords(result + text.slice(at)));
}

function joinWords(text: string): string {
  const words = TEXT_METHODS.get("split")!(text, { positional: [], named: new Map() }) as string[];
  return join(" ", words);
}
