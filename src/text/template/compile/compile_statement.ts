/**
 * Statements as functions that write text.
 *
 * @module
 */

import { spend } from "../values/budget.ts";
import { truth } from "../values/compare.ts";
import { compileArguments, compileExpression } from "./compile_expression.ts";
import { compileFilterChain, compileTarget } from "./compile_parts.ts";
import { compileFor } from "./compile_for.ts";
import { compileMacro } from "./compile_macro.ts";
import { fail, SyntaxFault } from "../values/errors.ts";
import { type Exec, type Frame, innerFrame } from "./frame.ts";
import { children, type Expr, type Stmt } from "../syntax/nodes.ts";
import { Output } from "./output.ts";
import { str } from "../values/repr.ts";
import type { Scope } from "./scope.ts";
import { asText } from "../values/signature.ts";
import { Symbols } from "../syntax/symbols.ts";
import { call, type Value } from "../values/value.ts";

/** Compiles statements that follow each other. */
export function compileBody(body: readonly Stmt[], frame: Frame): Exec {
  const statements = body.map((stmt) => compileStatement(stmt, frame));
  return (scope, out) => {
    for (const run of statements) {
      spend();
      const signal = run(scope, out);
      if (signal !== undefined) return signal;
    }
    return undefined;
  };
}

/** Runs what has no signal. */
const plain = (run: (scope: Scope, out: Output) => void): Exec => (scope, out) => {
  run(scope, out);
  return undefined;
};

function compileStatement(node: Stmt, frame: Frame): Exec {
  switch (node.kind) {
    case "output": {
      const writers = node.nodes.map((part) => {
        if (part.kind === "data") return () => part.text;
        const value = compileExpression(part, frame);
        return (scope: Scope) => str(value(scope));
      });
      return plain((scope, out) => writers.forEach((text) => out.write(text(scope))));
    }
    case "for":
      return compileFor(node, frame, compileBody);
    case "if": {
      const soft = { ...frame, soft: true };
      const branches = [node, ...node.elifs].map(({ test, body }) =>
        [compileExpression(test, soft), compileBody(body, soft)] as const
      );
      const otherwise = compileBody(node.otherwise, soft);
      return (scope, out) => {
        const branch = branches.find(([test]) => truth(test(scope)));
        return (branch ? branch[1] : otherwise)(scope, out);
      };
    }
    case "macro": {
      const make = compileMacro(node, node.name, frame, compileBody);
      const id = frame.symbols.id(node.name);
      return plain((scope) => {
        const macro = make(scope);
        if (frame.toplevel) scope.context.set(node.name, macro);
        scope.set(id, macro);
      });
    }
    case "call block": {
      const make = compileMacro(node, null, frame, compileBody);
      if (node.call === undefined) {
        return plain((scope, out) =>
          out.write(asText(call(make(scope), { positional: [], named: new Map() }), "a body"))
        );
      }
      const callee = compileExpression(node.call.node, frame);
      const args = compileArguments(node.call, frame);
      return plain((scope, out) => {
        const caller = make(scope);
        const result = call(callee(scope), args(scope, [], new Map([["caller", caller]])));
        out.write(asText(result, "what a call block calls gives what"));
      });
    }
    case "filter block": {
      const symbols = new Symbols(frame.symbols);
      symbols.visit(children(node));
      const inner = innerFrame(frame, symbols);
      const body = compileBody(node.body, inner);
      const filter = compileFilterChain(node.filter, inner);
      return (scope, out) => {
        scope.enter(symbols);
        const inside = new Output();
        const signal = body(scope, inside);
        if (signal !== undefined) return signal;
        out.write(asText(filter(scope, inside.text()), "what the filter of a block gives"));
        scope.leave(symbols);
        return undefined;
      };
    }
    case "with": {
      const symbols = new Symbols(frame.symbols);
      symbols.visit([...node.targets, ...node.body]);
      const inner = innerFrame(frame, symbols);
      const values = node.values.map((value) => compileExpression(value, frame));
      const targets = node.targets.map((target) => compileTarget(target, symbols));
      const body = compileBody(node.body, inner);
      return (scope, out) => {
        scope.enter(symbols);
        targets.forEach((store, i) => store(scope, values[i](scope)));
        const signal = body(scope, out);
        if (signal === undefined) scope.leave(symbols);
        return signal;
      };
    }
    case "assign": {
      const value = compileExpression(node.value, frame);
      const store = compileAssignment(node.target, frame);
      return plain((scope) => store(scope, value(scope)));
    }
    case "assign block": {
      const symbols = new Symbols(frame.symbols);
      symbols.visit(node.body);
      const inner = innerFrame(frame, symbols);
      const body = compileBody(node.body, inner);
      const store = compileAssignment(node.target, frame);
      const filter = node.filter && compileFilterChain(node.filter, inner);
      return (scope) => {
        scope.enter(symbols);
        const inside = new Output();
        const signal = body(scope, inside);
        if (signal !== undefined) return signal;
        store(scope, filter ? filter(scope, inside.text()) : inside.text());
        scope.leave(symbols);
        return undefined;
      };
    }
    case "block": {
      const { name, scoped, required } = node;
      const locals = scoped ? frame.symbols.written() : new Map<string, string>();
      return plain((scope, out) => {
        if (required) fail("TemplateRuntimeError", `the block "${name}" is required`);
        const known = [...locals].flatMap(([name, id]): Array<[string, Value]> => {
          const value = scope.get(id);
          return value === undefined ? [] : [[name, value]];
        });
        frame.blocks.get(name)!(scoped ? scope.context.with(known) : scope.context, out);
      });
    }
    case "other template": {
      if (node.tag === "extends" && !frame.toplevel) {
        throw new SyntaxFault("extends stands within something", node.line);
      }
      const template = compileExpression(node.template, frame);
      return plain((scope) => {
        template(scope);
        fail("TypeError", `${node.tag}: a model has no other templates`);
      });
    }
    case "break":
    case "continue": {
      if (!frame.inLoop) throw new SyntaxFault(`${node.kind} stands outside a loop`, node.line);
      const { kind } = node;
      return () => kind;
    }
  }
}

/** Compiles storing to a target; at the top level blocks see what is stored. */
function compileAssignment(target: Expr, frame: Frame): (scope: Scope, value: Value) => void {
  const store = compileTarget(target, frame.symbols);
  if (!frame.toplevel) return store;
  const names: string[] = [];
  const collect = (node: Expr): void => {
    if (node.kind === "name") names.push(node.name);
    else if (node.kind === "tuple") node.items.forEach(collect);
  };
  collect(target);
  const ids = names.map((name) => [name, frame.symbols.id(name)] as const);
  return (scope, value) => {
    store(scope, value);
    for (const [name, id] of ids) scope.context.set(name, scope.get(id)!);
  };
}
