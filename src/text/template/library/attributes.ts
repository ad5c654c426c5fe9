/**
 * `value.name` and `value[key]`, by the rules of Jinja2's sandbox: nothing that begins with an underscore, and
 * nothing that changes a value.
 *
 * @module
 */

import { isPlain, points } from "../values/characters.ts";
import { Dict } from "../values/dict.ts";
import { fail, isRaised } from "../values/errors.ts";
import { braceFormat, type Reach } from "../values/brace.ts";
import { formatValue } from "../values/format_spec.ts";
import { escape } from "../values/markup.ts";
import { markupMethod } from "./markup_methods.ts";
import {
  CHANGING,
  DICT_METHODS,
  LIST_METHODS,
  NUMBER_METHODS,
  numberAttribute,
  rowOf,
  SEQUENCE_METHODS,
  UNSUPPORTED,
} from "./methods.ts";
import { bind } from "../values/signature.ts";
import { TEXT_METHODS } from "./text_methods.ts";
import {
  type Args,
  Func,
  intOf,
  isInt,
  isNumber,
  isText,
  Markup,
  Obj,
  Range,
  textOf,
  Tuple,
  typeName,
  Undefined,
  type Value,
} from "../values/value.ts";

/** Names that Python's objects have themselves, so that no key of a dict is found under them. */
const DUNDERS = new Set(
  ("class class_getitem contains delattr delitem dir doc eq format ge getattribute getitem getstate gt hash init " +
    "init_subclass ior iter le len lt ne new or reduce reduce_ex repr reversed ror setattr setitem sizeof str " +
    "subclasshook").split(" ").map((name) => `__${name}__`),
);

const UNSAFE = Symbol("an attribute that templates must not have");

const REACH: Reach = { attribute: getAttribute, item: getItem, write: formatValue };

/** A field put into escaped text is escaped. */
function writeEscaped(value: Value, spec: string): string {
  if (value instanceof Markup) {
    if (spec !== "") fail("ValueError", "escaped text has no formats");
    return value.text;
  }
  return escape(formatValue(value, spec)).text;
}

function format(self: string | Markup, args: Args): Value {
  if (typeof self === "string") return braceFormat(self, args, REACH);
  return new Markup(braceFormat(self.text, args, { ...REACH, write: writeEscaped }));
}

function formatMap(self: string | Markup, args: Args): Value {
  const mapping = bind("format_map", "mapping /", args).get("mapping");
  if (!(mapping instanceof Dict)) fail("TypeError", "format_map takes a dict");
  const named = new Map(
    mapping.pairs().filter(([key]) => isText(key)).map(([key, value]) => [
      textOf(key as string | Markup),
      value,
    ]),
  );
  return format(self, { positional: [], named });
}

function textMethod(value: string | Markup, name: string): ((args: Args) => Value) | undefined {
  if (name === "format") return (args) => format(value, args);
  if (name === "format_map") return (args) => formatMap(value, args);
  if (typeof value === "string") {
    const method = TEXT_METHODS.get(name);
    return method && ((args) => method(value, args));
  }
  const method = markupMethod(name);
  return method && ((args) => method(value, args));
}

function methodOf(value: Value, name: string): ((args: Args) => Value) | undefined {
  const bound = <T>(methods: ReadonlyMap<string, (self: T, args: Args) => Value>, self: T) => {
    const method = methods.get(name);
    return method && ((args: Args) => method(self, args));
  };
  if (isText(value)) return textMethod(value, name);
  if (value instanceof Dict) return bound(DICT_METHODS, value);
  if (Array.isArray(value)) return bound(LIST_METHODS, value);
  if (value instanceof Tuple) return bound(SEQUENCE_METHODS, rowOf(value));
  if (value instanceof Range && SEQUENCE_METHODS.has(name)) {
    return bound(SEQUENCE_METHODS, Array.from({ length: value.length }, (_, i) => value.at(i)));
  }
  if (isNumber(value)) {
    if (name === "bit_length" && !isInt(value)) return undefined;
    // Only floats have it in the Python of the reference.
    if (name === "is_integer" && isInt(value)) return undefined;
    return bound(NUMBER_METHODS, value);
  }
  return undefined;
}

/** What Python's `getattr` finds; `undefined` where there is no such attribute. */
function attribute(value: Value, name: string): Value | typeof UNSAFE | undefined {
  if (value instanceof Undefined) return DUNDERS.has(name) ? UNSAFE : value.fail();
  if (name.startsWith("_")) {
    return !(value instanceof Dict) || DUNDERS.has(name) ? UNSAFE : undefined;
  }
  const type = typeName(value);
  if (type in CHANGING && CHANGING[type as keyof typeof CHANGING].includes(name)) return UNSAFE;
  const method = methodOf(value, name);
  if (method) return new Func(method);
  if (isNumber(value)) {
    const own = numberAttribute(value, name);
    if (own !== undefined) return own;
  } else if (value instanceof Obj) {
    const own = value.attribute(name);
    if (own !== undefined) return own;
  }
  const kind = type === "bool" ? "int" : type;
  if (Object.hasOwn(UNSUPPORTED, kind) && UNSUPPORTED[kind].includes(name)) {
    fail("Unsupported", `${kind}.${name}`);
  }
  return undefined;
}

/** What `value[key]` finds by key; `undefined` where there is nothing, or no keys. */
function item(value: Value, key: Value): Value | undefined {
  if (value instanceof Undefined) value.fail();
  if (value instanceof Dict) {
    try {
      return value.get(key);
    } catch (error) {
      if (isRaised(error, "TypeError")) return undefined;
      throw error;
    }
  }
  if (value instanceof Obj && isText(key)) {
    const own = value.keyed(textOf(key));
    if (own !== undefined) return own;
  }
  if (!isInt(key)) return undefined;
  const pick = (length: number): number | undefined => {
    const index = intOf(key);
    const at = index < 0n ? index + BigInt(length) : index;
    return at >= 0n && at < BigInt(length) ? Number(at) : undefined;
  };
  if (value instanceof Range) {
    const at = pick(value.length);
    return at === undefined ? undefined : value.at(at);
  }
  const row = isText(value)
    ? isPlain(textOf(value)) ? textOf(value) : points(textOf(value))
    : Array.isArray(value) || value instanceof Tuple
    ? rowOf(value)
    : undefined;
  if (row === undefined) return undefined;
  const at = pick(row.length);
  if (at === undefined) return undefined;
  return value instanceof Markup ? new Markup(row[at] as string) : row[at];
}

function missing(value: Value, key: Value): Undefined {
  const owner = value === null ? "None" : `a ${typeName(value)}`;
  if (isText(key)) return new Undefined(`${owner} has no attribute "${textOf(key).slice(0, 80)}"`);
  return new Undefined(`${owner} has no such element (its key is a ${typeName(key)})`);
}

function unsafe(value: Value, name: string): Undefined {
  return new Undefined(`access to "${name}" of a ${typeName(value)} is unsafe`, "SecurityError");
}

/** `value.name`: the attribute, else the item of that key, else undefined. */
export function getAttribute(value: Value, name: string): Value {
  const found = attribute(value, name);
  if (found === UNSAFE) return unsafe(value, name);
  if (found !== undefined) return found;
  const keyed = item(value, name);
  return keyed === undefined ? missing(value, name) : keyed;
}

/** `value[key]`: the item, else the attribute of that name, else undefined. */
export function getItem(value: Value, key: Value): Value {
  const keyed = item(value, key);
  if (keyed !== undefined) return keyed;
  if (!isText(key)) return missing(value, key);
  const found = attribute(value, textOf(key));
  if (found === UNSAFE) return unsafe(value, textOf(key));
  return found === undefined ? missing(value, key) : found;
}

/** The filter `attr`: the attribute, and never an item. */
export function onlyAttribute(value: Value, name: string): Value {
  const found = attribute(value, name);
  if (found === UNSAFE) return unsafe(value, name);
  return found === undefined ? missing(value, name) : found;
}
