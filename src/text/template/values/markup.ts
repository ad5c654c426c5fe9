/**
 * Text that counts as HTML: what `safe` and `escape` make. Joined with other text it escapes that text, also in
 * templates where nothing else is escaped.
 *
 * @module
 */

import { grow, spend } from "./budget.ts";
import { str } from "./repr.ts";
import { isText, Markup, textOf, type Value } from "./value.ts";

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  ">": "&gt;",
  "<": "&lt;",
  "'": "&#39;",
  '"': "&#34;",
};

/** A text with entities for the characters that HTML reserves. */
export function escapeText(text: string): string {
  spend(text.length);
  const escaped = text.replace(/[&<>'"]/g, (sign) => ENTITIES[sign]);
  grow(escaped.length);
  return escaped;
}

/** A value as escaped text; what is escaped already stays. */
export function escape(value: Value): Markup {
  return value instanceof Markup ? value : new Markup(escapeText(str(value)));
}

/** A value as text, escaped where it is already. */
export function softText(value: Value): string | Markup {
  return isText(value) ? value : str(value);
}

/** Applies `change` to the characters of a text; what is escaped stays so. */
export function mapText(text: string | Markup, change: (text: string) => string): string | Markup {
  spend(textOf(text).length);
  const changed = change(textOf(text));
  grow(changed.length);
  return typeof text === "string" ? changed : new Markup(changed);
}
