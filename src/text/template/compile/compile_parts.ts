/**
 * What several statements have: targets, filters of blocks, and which names a body leaves to what is around.
 *
 * @module
 */

import { compileFilter, type Place } from "./compile_expression.ts";
import { fail, SyntaxFault } from "../values/errors.ts";
import { itemsOf } from "../values/iterate.ts";
import { descendants, type Expr, type Filter, type Node } from "../syntax/nodes.ts";
import type { Scope } from "./scope.ts";
import type { Symbols } from "../syntax/symbols.ts";
import { Namespace, type Value } from "../values/value.ts";

/** Compiles storing a value to a name, to several, or to an attribute of a namespace. */
export function compileTarget(
  target: Expr,
  symbols: Symbols,
): (scope: Scope, value: Value) => void {
  switch (target.kind) {
    case "name": {
      const id = symbols.id(target.name);
      return (scope, value) => scope.set(id, value);
    }
    case "attribute target": {
      const id = symbols.id(target.name);
      const { name, attribute } = target;
      return (scope, value) => {
        const namespace = scope.get(id);
        if (!(namespace instanceof Namespace)) {
          fail(
            "TemplateRuntimeError",
            `"${name}.${attribute}" is assigned, and "${name}" is no namespace`,
          );
        }
        namespace.set(attribute, value);
      };
    }
    case "tuple": {
      const targets = target.items.map((item) => compileTarget(item, symbols));
      return (scope, value) => {
        const items = itemsOf(value);
        if (items.length !== targets.length) {
          fail("ValueError", `${items.length} values for ${targets.length} names`);
        }
        targets.forEach((store, i) => store(scope, items[i]));
      };
    }
  }
  throw new SyntaxFault("this cannot be assigned", 1);
}

/** Compiles the filters of a block, the innermost of which gets its text. */
export function compileFilterChain(
  filter: Filter,
  place: Place,
): (scope: Scope, text: string) => Value {
  const run = compileFilter(filter, place);
  if (filter.node === undefined) return run;
  const inner = compileFilterChain(filter.node as Filter, place);
  return (scope, text) => run(scope, inner(scope, text));
}

/** Those of `names` that nodes read before they write them. */
export function undeclared(
  nodes: readonly Node[],
  ...names: readonly string[]
): ReadonlySet<string> {
  const left = new Set(names);
  const found = new Set<string>();
  for (const node of descendants(nodes, false)) {
    if (node.kind !== "name") continue;
    if (node.use === "load" && left.has(node.name)) found.add(node.name);
    else left.delete(node.name);
  }
  return found;
}
