/**
 * The functions that every template has.
 *
 * @module
 */

import { fail } from "../values/errors.ts";
import { fromKeys, makeDict } from "./methods.ts";
import { str } from "../values/repr.ts";
import { asInt, asText, bind } from "../values/signature.ts";
import { strftime } from "./strftime.ts";
import {
  type Args,
  Func,
  intOf,
  isInt,
  isText,
  Namespace,
  Obj,
  Range,
  textOf,
  typeName,
  Undefined,
  type Value,
} from "../values/value.ts";

/** The most numbers of a range, as Jinja2's sandbox has it. */
const MAX_RANGE = 100_000;

function makeRange(args: Args): Range {
  if (args.named.size > 0) fail("TypeError", "range has no named arguments");
  const numbers = args.positional.map((value) => {
    asInt(value, "an argument of range");
    return isInt(value) ? intOf(value) : 0n;
  });
  if (numbers.length < 1 || numbers.length > 3) {
    fail("TypeError", `range takes 1 to 3 arguments, not ${numbers.length}`);
  }
  const [start, stop, step = 1n] = numbers.length === 1 ? [0n, numbers[0]] : numbers;
  if (step === 0n) fail("ValueError", "the step of a range is 0");
  const range = new Range(start, stop, step);
  if (range.length > MAX_RANGE) {
    fail("OverflowError", `a range of ${range.length}, expected at most ${MAX_RANGE}`);
  }
  return range;
}

function makeNamespace(args: Args): Namespace {
  const attributes = new Namespace(new Map());
  for (const [key, value] of makeDict(args).pairs()) {
    if (!isText(key)) fail("Unsupported", `a namespace with a key that is a ${typeName(key)}`);
    attributes.set(textOf(key), value);
  }
  return attributes;
}

/** Goes through its values, over and over. */
class Cycler extends Obj {
  readonly #items: readonly Value[];
  #at = 0;

  constructor(items: readonly Value[]) {
    super("Cycler");
    this.#items = items;
  }

  /** The attributes that it has. */
  override attribute(name: string): Value | undefined {
    if (name === "current") return this.#items[this.#at];
    if (name === "pos") return BigInt(this.#at);
    const methods: Readonly<Record<string, () => Value>> = {
      next: () => {
        const value = this.#items[this.#at];
        this.#at = (this.#at + 1) % this.#items.length;
        return value;
      },
      reset: () => {
        this.#at = 0;
        return null;
      },
    };
    if (!Object.hasOwn(methods, name)) return undefined;
    return new Func((args) => {
      bind(name, "", args);
      return methods[name]();
    });
  }
}

function makeCycler({ positional, named }: Args): Cycler {
  if (named.size > 0) fail("TypeError", "cycler has no named arguments");
  if (positional.length === 0) fail("TypeError", "cycler is given nothing to go through");
  return new Cycler(positional);
}

function makeJoiner(args: Args): Func {
  const sep = bind("joiner", "sep?", args).get("sep", ", ");
  let used = false;
  return new Func((args) => {
    bind("a joiner", "", args);
    if (used) return sep;
    used = true;
    return "";
  });
}

/** `dict`, which is a function with one attribute. */
class DictType extends Obj {
  constructor() {
    super("dict type");
  }

  /** Calls it. */
  override call(args: Args): Value {
    return makeDict(args);
  }

  /** The attributes that it has. */
  override attribute(name: string): Value | undefined {
    return name === "fromkeys" ? new Func(fromKeys) : undefined;
  }
}

function raiseException(args: Args): never {
  const message = bind("raise_exception", "message", args).get("message");
  return fail("TemplateError", message instanceof Undefined ? "" : str(message));
}

/** The functions by name; `now` tells the local time. */
export function globals(now: () => Date): Array<[string, Value]> {
  return [
    ["range", new Func(makeRange)],
    ["dict", new DictType()],
    ["namespace", new Func(makeNamespace)],
    ["cycler", new Func(makeCycler)],
    ["joiner", new Func(makeJoiner)],
    ["lipsum", new Func(() => fail("Unsupported", "lipsum, as its text is random"))],
    ["raise_exception", new Func(raiseException)],
    [
      "strftime_now",
      new Func((args) => {
        const format = asText(
          bind("strftime_now", "format", args).get("format"),
          "the format of a date",
        );
        return strftime(format, now());
      }),
    ],
  ];
}
