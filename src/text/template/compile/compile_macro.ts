/**
 * Macros, and the bodies of call blocks, which are macros without a name.
 *
 * @module
 */

import { nested } from "../values/budget.ts";
import { compileExpression } from "./compile_expression.ts";
import { undeclared } from "./compile_parts.ts";
import { type CompileBody, type Frame, innerFrame } from "./frame.ts";
import { SyntaxFault } from "../values/errors.ts";
import { Macro, type MacroShape } from "./macro.ts";
import type { CallBlock, MacroNode } from "../syntax/nodes.ts";
import { Output } from "./output.ts";
import { Scope } from "./scope.ts";
import { Symbols } from "../syntax/symbols.ts";
import { Undefined } from "../values/value.ts";

/** What a macro has beside its parameters, where its body uses it. */
const SPECIAL = ["caller", "kwargs", "varargs"] as const;

/** Compiles a macro; the function makes one that sees the variables of a scope. */
export function compileMacro(
  node: MacroNode | CallBlock,
  label: string | null,
  frame: Frame,
  compileBody: CompileBody,
): (scope: Scope) => Macro {
  const symbols = new Symbols(frame.symbols);
  symbols.visit([...node.params, ...node.defaults, ...node.body]);
  const parameters = node.params.map(({ name }) => name);
  const used = undeclared(node.body, ...SPECIAL);
  const firstDefault = parameters.length - node.defaults.length;
  const at = parameters.indexOf("caller");
  if (used.has("caller") && at >= 0 && at < firstDefault) {
    throw new SyntaxFault('the parameter "caller" has no default', node.line);
  }
  const special = SPECIAL.filter((name) => used.has(name) && !parameters.includes(name));
  for (const name of special) symbols.declare(name);
  const shape: MacroShape = {
    label,
    parameters,
    kwargs: special.includes("kwargs"),
    varargs: special.includes("varargs"),
    caller: used.has("caller"),
  };

  const inner: Frame = { ...innerFrame(frame, symbols), inLoop: false };
  const defaults = node.defaults.map((value) => compileExpression(value, inner));
  const params = parameters.map((name, i) =>
    [name, symbols.id(name), i < firstDefault ? undefined : defaults[i - firstDefault]] as const
  );
  const specialIds = special.map((name) => [name, symbols.id(name)] as const);
  const body = compileBody(node.body, inner);
  return (outer) =>
    new Macro(shape, (variables) =>
      nested(() => {
        const scope = new Scope(outer.context, outer);
        for (const [name, id] of specialIds) scope.set(id, variables.get(name));
        for (const [name, id] of params) scope.set(id, variables.get(name));
        scope.enter(symbols);
        for (const [name, id, otherwise] of params) {
          if (scope.get(id) !== undefined) continue;
          scope.set(
            id,
            otherwise ? otherwise(scope) : new Undefined(`parameter "${name}" was not provided`),
          );
        }
        const out = new Output();
        body(scope, out);
        return out.text();
      }));
}
