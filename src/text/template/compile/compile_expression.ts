/**
 * Expressions as functions of the variables.
 *
 * @module
 */

import { operate, signed } from "../values/arithmetic.ts";
import { getAttribute, getItem } from "../library/attributes.ts";
import { grow, spend } from "../values/budget.ts";
import { before, contains, equals, truth } from "../values/compare.ts";
import { Dict } from "../values/dict.ts";
import { fail, SyntaxFault } from "../values/errors.ts";
import { FILTERS, TESTS, UNSUPPORTED_FILTERS } from "../library/filters.ts";
import { each } from "../values/iterate.ts";
import type { CallArgs, Comparison, Expr } from "../syntax/nodes.ts";
import { str } from "../values/repr.ts";
import type { Scope } from "./scope.ts";
import { slice } from "../values/slices.ts";
import type { Symbols } from "../syntax/symbols.ts";
import { join } from "../values/text_parts.ts";
import {
  type Args,
  call,
  isText,
  textOf,
  Tuple,
  typeName,
  Undefined,
  type Value,
} from "../values/value.ts";

/** An expression that can be evaluated. */
export type Eval = (scope: Scope) => Value;

/** Where an expression stands. */
export interface Place {
  /** What names mean. */
  readonly symbols: Symbols;
  /** Within an `if` or a condition, where an unknown filter is refused only once it is used. */
  readonly soft: boolean;
}

const COMPARE: Readonly<Record<Comparison["op"], (a: Value, b: Value) => boolean>> = {
  "==": equals,
  "!=": (a, b) => !equals(a, b),
  "<": (a, b) => before(a, b),
  "<=": (a, b) => before(a, b, true),
  ">": (a, b) => before(b, a),
  ">=": (a, b) => before(b, a, true),
  "in": (a, b) => contains(b, a),
  "not in": (a, b) => !contains(b, a),
};

/** Compiles an expression. Throws `SyntaxFault` for unknown filters and tests. */
export function compileExpression(node: Expr, place: Place): Eval {
  const compile = (inner: Expr) => compileExpression(inner, place);
  switch (node.kind) {
    case "name": {
      const { name } = node;
      const id = place.symbols.id(name);
      return (scope) => {
        const value = scope.get(id);
        return value === undefined ? new Undefined(`"${name}" is undefined`) : value;
      };
    }
    case "constant": {
      const { value } = node;
      return () => value;
    }
    case "tuple": {
      const items = node.items.map(compile);
      return (scope) => new Tuple(items.map((item) => item(scope)));
    }
    case "list": {
      const items = node.items.map(compile);
      return (scope) => items.map((item) => item(scope));
    }
    case "dict": {
      const pairs = node.pairs.map(([key, value]) => [compile(key), compile(value)] as const);
      return (scope) => new Dict(pairs.map(([key, value]) => [key(scope), value(scope)]));
    }
    case "concat": {
      const items = node.items.map(compile);
      return (scope) => join("", items.map((item) => item(scope)).map(str));
    }
    case "condition": {
      const soft = { ...place, soft: true };
      const [test, yes] = [node.test, node.yes].map((inner) => compileExpression(inner, soft));
      const no = node.no ? compileExpression(node.no, soft) : noElse;
      return (scope) => truth(test(scope)) ? yes(scope) : no(scope);
    }
    case "filter": {
      if (node.node === undefined) {
        throw new SyntaxFault("a filter has nothing to filter", node.line);
      }
      const value = compile(node.node);
      const run = compileFilter(node, place);
      return (scope) => run(scope, value(scope));
    }
    case "test": {
      const value = compile(node.node);
      const run = compileNamed("test", node, place);
      return (scope) => run(scope, value(scope));
    }
    case "call": {
      const callee = compile(node.node);
      const args = compileArguments(node, place);
      return (scope) => {
        spend();
        const value = callee(scope);
        return call(value, args(scope));
      };
    }
    case "item":
      return compileItem(node.node, node.key, place);
    case "attribute": {
      const value = compile(node.node);
      const { name } = node;
      return (scope) => getAttribute(value(scope), name);
    }
    case "compare":
      return compileChain(compile(node.left), node.chain, compile);
    case "and":
    case "or": {
      const [left, right] = [compile(node.left), compile(node.right)];
      const stops = node.kind === "or";
      return (scope) => {
        const value = left(scope);
        return truth(value) === stops ? value : right(scope);
      };
    }
    case "not": {
      const value = compile(node.node);
      return (scope) => !truth(value(scope));
    }
    case "binary": {
      const [left, right] = [compile(node.left), compile(node.right)];
      const { op } = node;
      return (scope) => operate(op, left(scope), right(scope));
    }
    case "sign": {
      const value = compile(node.node);
      const { sign } = node;
      return (scope) => signed(sign, value(scope));
    }
    case "slice":
      throw new SyntaxFault("a slice stands outside brackets", node.line);
    case "attribute target":
      throw new SyntaxFault("an attribute is assigned in an expression", 1);
  }
}

function noElse(): Value {
  return new Undefined("the condition is false and has no else");
}

function compileItem(node: Expr, key: Expr, place: Place): Eval {
  const value = compileExpression(node, place);
  if (key.kind !== "slice") {
    const compiled = compileExpression(key, place);
    return (scope) => getItem(value(scope), compiled(scope));
  }
  const bounds = key.parts.map((part) => part && compileExpression(part, place));
  return (scope) => {
    const sliced = value(scope);
    const [start, stop, step] = bounds.map((bound) => bound ? bound(scope) : null);
    return slice(sliced, start, stop, step);
  };
}

function compileChain(
  left: Eval,
  chain: readonly Comparison[],
  compile: (node: Expr) => Eval,
): Eval {
  const steps = chain.map(({ op, right }) => [COMPARE[op], compile(right)] as const);
  return (scope) => {
    let value = left(scope);
    for (const [holds, right] of steps) {
      const next = right(scope);
      if (!holds(value, next)) return false;
      value = next;
    }
    return true;
  };
}

/** Compiles the arguments of a call. `leading` values stand before them, and `more` names are added. */
export function compileArguments(
  node: CallArgs,
  place: Place,
): (scope: Scope, leading?: readonly Value[], more?: ReadonlyMap<string, Value>) => Args {
  const compile = (inner: Expr) => compileExpression(inner, place);
  const args = node.args.map(compile);
  const named = node.named.map(([name, value]) => [name, compile(value)] as const);
  const rest = node.rest && compile(node.rest);
  const namedRest = node.namedRest && compile(node.namedRest);
  return (scope, leading = [], more) => {
    const positional = [...leading, ...args.map((arg) => arg(scope))];
    if (rest) { for (const value of each(rest(scope))) grow(positional.push(value)); }
    const names = new Map(named.map(([name, value]) => [name, value(scope)]));
    if (namedRest) spread(namedRest(scope), names);
    for (const [name, value] of more ?? []) add(names, name, value);
    return { positional, named: names };
  };
}

function add(names: Map<string, Value>, name: string, value: Value): void {
  if (names.has(name)) fail("TypeError", `argument "${name}" is given twice`);
  names.set(name, value);
}

function spread(value: Value, names: Map<string, Value>): void {
  if (value instanceof Undefined) value.fail();
  if (!(value instanceof Dict)) {
    fail("TypeError", `** is followed by a ${typeName(value)}, expected a dict`);
  }
  for (const [name, item] of value.pairs()) {
    if (!isText(name)) fail("TypeError", "the names of arguments are text");
    add(names, textOf(name), item);
  }
}

/** Compiles a filter without its value, which comes when it runs. */
export function compileFilter(
  node: CallArgs & { readonly name: string; readonly line: number },
  place: Place,
): (scope: Scope, value: Value) => Value {
  return compileNamed("filter", node, place);
}

function compileNamed(
  kind: "filter" | "test",
  node: CallArgs & { readonly name: string; readonly line: number },
  place: Place,
): (scope: Scope, value: Value) => Value {
  const { name } = node;
  if (kind === "filter" && UNSUPPORTED_FILTERS.has(name)) {
    throw new SyntaxFault(`the filter "${name}" is not supported`, node.line);
  }
  const run = (kind === "filter" ? FILTERS : TESTS).get(name);
  const args = compileArguments(node, place);
  if (run === undefined) {
    if (!place.soft) throw new SyntaxFault(`there is no ${kind} "${name}"`, node.line);
    return () => fail("TemplateRuntimeError", `there is no ${kind} "${name}"`);
  }
  return (scope, value) => {
    spend();
    return run(args(scope, [value]));
  };
}
