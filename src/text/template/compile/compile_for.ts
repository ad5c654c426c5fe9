/**
 * Loops.
 *
 * @module
 */

import { nested, spend } from "../values/budget.ts";
import { compileExpression } from "./compile_expression.ts";
import { compileTarget, undeclared } from "./compile_parts.ts";
import { type CompileBody, type Exec, type Frame, innerFrame, type Signal } from "./frame.ts";
import { truth } from "../values/compare.ts";
import { SyntaxFault } from "../values/errors.ts";
import { each, iterate } from "../values/iterate.ts";
import { LoopContext } from "./loop.ts";
import { descendants, type Expr, type For } from "../syntax/nodes.ts";
import { Output } from "./output.ts";
import { Scope } from "./scope.ts";
import { Symbols } from "../syntax/symbols.ts";
import { Iter, Tuple, type Value } from "../values/value.ts";

/** The value of a target: what was stored, in tuples where it was taken apart. */
function compileRead(target: Expr, symbols: Symbols): (scope: Scope) => Value {
  if (target.kind === "tuple") {
    const items = target.items.map((item) => compileRead(item, symbols));
    return (scope) => new Tuple(items.map((item) => item(scope)));
  }
  return compileExpression(target, { symbols, soft: false });
}

/** Compiles the `if` of a loop: what takes from the items those that pass. */
function compileTest(
  node: For,
  test: Expr,
  frame: Frame,
  loop: Symbols,
): (scope: Scope, items: Value) => Value {
  const symbols = new Symbols(frame.symbols);
  symbols.declareAll(node.target);
  symbols.visit([test]);
  const store = compileTarget(node.target, loop);
  const read = compileRead(node.target, loop);
  const passes = compileExpression(test, innerFrame(frame, symbols));
  return (outer, items) =>
    new Iter((function* () {
      const scope = new Scope(outer.context, outer);
      scope.enter(symbols);
      for (const item of each(items)) {
        store(scope, item);
        if (truth(passes(scope))) yield read(scope);
      }
    })());
}

function usesLoop(node: For): boolean {
  if (node.recursive || undeclared(node.body, "loop").has("loop")) return true;
  return [...descendants([node], true)].some((inner) => inner.kind === "block" && inner.scoped);
}

/** Compiles a loop. */
export function compileFor(node: For, frame: Frame, compileBody: CompileBody): Exec {
  const symbols = new Symbols(frame.symbols);
  const loopId = usesLoop(node) ? symbols.declare("loop") : undefined;
  symbols.declareAll(node.target);
  symbols.visit(node.body);
  for (const inner of descendants([node], true)) {
    if (inner.kind === "name" && inner.use === "store" && inner.name === "loop") {
      throw new SyntaxFault('"loop" is assigned within a loop', inner.line);
    }
  }
  const elseSymbols = new Symbols(frame.symbols);
  elseSymbols.visit(node.otherwise);

  const filtered = node.test && compileTest(node, node.test, frame, symbols);
  const items = compileExpression(node.items, frame);
  const store = compileTarget(node.target, symbols);
  const body = compileBody(node.body, { ...innerFrame(frame, symbols), inLoop: true });
  const otherwise = compileBody(node.otherwise, {
    ...innerFrame(frame, elseSymbols),
    inLoop: frame.inLoop && !node.recursive,
  });

  const rounds = (
    scope: Scope,
    out: Output,
    iterator: Iterator<Value>,
    loop?: LoopContext,
  ): Signal => {
    // As in Jinja2, a round that is cut short does not count for `else`.
    let complete = false;
    for (;;) {
      const next = loop ? loop.next() : iterator.next();
      if (next.done) break;
      spend();
      store(scope, next.value);
      if (loopId !== undefined) scope.set(loopId, loop);
      scope.enter(symbols);
      const signal = body(scope, out);
      if (signal === "break") break;
      complete ||= signal === undefined;
    }
    scope.leave(symbols);
    if (complete || node.otherwise.length === 0) return undefined;
    scope.enter(elseSymbols);
    const signal = otherwise(scope, out);
    scope.leave(elseSymbols);
    return signal;
  };

  if (!node.recursive) {
    return (scope, out) => {
      const value = items(scope);
      const taken = filtered ? filtered(scope, value) : value;
      if (loopId === undefined) return rounds(scope, out, iterate(taken));
      const loop = new LoopContext(taken);
      return rounds(scope, out, loop.iterator(), loop);
    };
  }
  const recurse = (outer: Scope, value: Value, depth: bigint): string =>
    nested(() => {
      const scope = new Scope(outer.context, outer);
      const out = new Output();
      const taken = filtered ? filtered(scope, value) : value;
      const loop = new LoopContext(taken, (value, depth) => recurse(outer, value, depth), depth);
      rounds(scope, out, loop.iterator(), loop);
      return out.text();
    });
  return (scope, out) => {
    out.write(recurse(scope, items(scope), 0n));
    return undefined;
  };
}
