/**
 * Which variable a name means. Jinja2 settles that before anything runs: in each scope (a template, a loop, a
 * macro, ...) a name has one variable, which begins with what the scope around has, with what the template was
 * given, or with nothing, as the first use in the scope says.
 *
 * @module
 */

import { SyntaxFault } from "../values/errors.ts";
import { children, type Node } from "./nodes.ts";

/** What a variable begins with when its scope is entered. */
export type Origin =
  /** It is set by what enters the scope. */
  | { readonly from: "parameter" }
  /** The template's own variable of this name. */
  | { readonly from: "context"; readonly name: string }
  /** A variable of a scope around. */
  | { readonly from: "variable"; readonly id: string }
  /** Nothing. */
  | { readonly from: "nothing" };

/** The names of one scope. */
export class Symbols {
  readonly #around: Symbols | undefined;
  readonly #level: number;
  #ids = new Map<string, string>();
  #origins = new Map<string, Origin>();
  #stored = new Set<string>();

  /** The names of a scope within `around`; of a template where there is none. */
  constructor(around?: Symbols) {
    this.#around = around;
    this.#level = around ? around.#level + 1 : 0;
  }

  /** What each variable of this scope begins with. */
  get origins(): ReadonlyMap<string, Origin> {
    return this.#origins;
  }

  /** The variable of a name, where this scope or one around uses it. */
  find(name: string): string | undefined {
    return this.#ids.get(name) ?? this.#around?.find(name);
  }

  #define(name: string, origin: Origin): string {
    const id = `${this.#level} ${name}`;
    this.#ids.set(name, id);
    this.#origins.set(id, origin);
    return id;
  }

  /** The variable of a name that the scope, or one around, uses. */
  id(name: string): string {
    const id = this.find(name);
    // Names that only the filter of a `{% set %}` block has are overlooked by Jinja2 too.
    if (id === undefined) throw new SyntaxFault(`the name "${name}" is not known here`, 1);
    return id;
  }

  /** Makes a name a parameter. */
  declare(name: string): string {
    this.#stored.add(name);
    return this.#define(name, { from: "parameter" });
  }

  #load(name: string): void {
    if (this.find(name) === undefined) this.#define(name, { from: "context", name });
  }

  #store(name: string): void {
    this.#stored.add(name);
    if (this.#ids.has(name)) return;
    const outer = this.#around?.find(name);
    this.#define(name, outer === undefined ? { from: "nothing" } : { from: "variable", id: outer });
  }

  /** All names written in this scope and around, with their variables. */
  written(): ReadonlyMap<string, string> {
    const names = new Map(this.#around?.written());
    for (const name of this.#stored) names.set(name, this.id(name));
    return names;
  }

  #copy(): Symbols {
    const copy = new Symbols(this.#around);
    copy.#ids = new Map(this.#ids);
    copy.#origins = new Map(this.#origins);
    copy.#stored = new Set(this.#stored);
    return copy;
  }

  /** Takes over what the branches of an `if` use: what only some of them write begins as it is around. */
  #merge(branches: readonly Symbols[]): void {
    const added = new Set(branches.flatMap((branch) => [...branch.#stored]));
    for (const name of this.#stored) added.delete(name);
    for (const branch of branches) {
      for (const [name, id] of branch.#ids) this.#ids.set(name, id);
      for (const [id, origin] of branch.#origins) this.#origins.set(id, origin);
      for (const name of branch.#stored) this.#stored.add(name);
    }
    for (const name of added) {
      const outer = this.#around?.find(name);
      const origin: Origin = outer === undefined
        ? { from: "context", name }
        : { from: "variable", id: outer };
      this.#origins.set(this.id(name), origin);
    }
  }

  /** Looks through nodes of this scope; bodies that are scopes of their own are left out. */
  visit(nodes: Iterable<Node>): void {
    for (const node of nodes) this.#visit(node);
  }

  /** Makes all names of a target parameters. */
  declareAll(target: Node): void {
    if (target.kind === "name") this.declare(target.name);
    for (const child of children(target)) this.declareAll(child);
  }

  #visit(node: Node): void {
    switch (node.kind) {
      case "name":
        if (node.use === "param") this.declare(node.name);
        else if (node.use === "store") this.#store(node.name);
        else this.#load(node.name);
        return;
      case "attribute target":
        this.#load(node.name);
        return;
      case "if": {
        this.#visit(node.test);
        const branches = [node.body, node.elifs, node.otherwise].map((nodes) => {
          const branch = this.#copy();
          branch.visit(nodes);
          return branch;
        });
        this.#merge(branches);
        return;
      }
      case "macro":
        this.#store(node.name);
        return;
      case "for":
        this.#visit(node.items);
        return;
      case "call block":
        if (node.call) this.#visit(node.call);
        return;
      case "filter block":
        this.#visit(node.filter);
        return;
      case "with":
        this.visit(node.values);
        return;
      case "assign":
        this.#visit(node.value);
        this.#visit(node.target);
        return;
      case "assign block":
        this.#visit(node.target);
        return;
      case "other template":
        this.#visit(node.template);
        for (const name of node.targets) this.#store(name);
        return;
      case "block":
        return;
    }
    this.visit(children(node));
  }
}
