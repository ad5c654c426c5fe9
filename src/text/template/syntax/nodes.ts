/**
 * What a template is made of.
 *
 * @module
 */

import type { Operator } from "../values/arithmetic.ts";
import type { Value } from "../values/value.ts";

/** The arguments of a call, a filter or a test. */
export interface CallArgs {
  /** Those by position. */
  readonly args: readonly Expr[];
  /** Those by name. */
  readonly named: ReadonlyArray<readonly [name: string, value: Expr]>;
  /** What `*` spreads. */
  readonly rest?: Expr;
  /** What `**` spreads. */
  readonly namedRest?: Expr;
}

/** How a name is used: read, written, or declared as a parameter. */
export type NameUse = "load" | "store" | "param";

/** Something with a kind, of which errors tell the line. */
export interface Located<K extends string> {
  /** What it is. */
  readonly kind: K;
  /** The line that it begins on, from 1. */
  readonly line: number;
}

/** Something with statements inside. */
export interface WithBody {
  /** What is inside. */
  readonly body: readonly Stmt[];
}

/** A name. */
export interface Name extends Located<"name"> {
  /** The name itself. */
  readonly name: string;
  /** Set by what the name turns out to be part of. */
  use: NameUse;
}

/** A comparison within a chain. */
export interface Comparison {
  /** How it compares with what stands before. */
  readonly op: "==" | "!=" | "<" | "<=" | ">" | ">=" | "in" | "not in";
  /** What it compares with. */
  readonly right: Expr;
}

/** An expression. */
export type Expr =
  | Name
  /** `namespace.attribute`, as a target. */
  | { readonly kind: "attribute target"; readonly name: string; readonly attribute: string }
  | { readonly kind: "constant"; readonly value: Value }
  | { readonly kind: "tuple" | "list" | "concat"; readonly items: readonly Expr[] }
  | { readonly kind: "dict"; readonly pairs: ReadonlyArray<readonly [key: Expr, value: Expr]> }
  | {
    readonly kind: "condition";
    readonly test: Expr;
    readonly yes: Expr;
    readonly no: Expr | undefined;
  }
  | Filter
  | (CallArgs & {
    readonly kind: "test";
    readonly node: Expr;
    readonly name: string;
    readonly line: number;
  })
  | Call
  | { readonly kind: "item"; readonly node: Expr; readonly key: Expr }
  | { readonly kind: "attribute"; readonly node: Expr; readonly name: string }
  | Slice
  | { readonly kind: "compare"; readonly left: Expr; readonly chain: readonly Comparison[] }
  | { readonly kind: "and" | "or"; readonly left: Expr; readonly right: Expr }
  | { readonly kind: "binary"; readonly op: Operator; readonly left: Expr; readonly right: Expr }
  | { readonly kind: "not"; readonly node: Expr }
  | { readonly kind: "sign"; readonly sign: "+" | "-"; readonly node: Expr };

/** A filter. */
export interface Filter extends CallArgs, Located<"filter"> {
  /** What is filtered; absent where that is the text of a block. */
  readonly node: Expr | undefined;
  /** The filter's name. */
  readonly name: string;
}

/** A call. */
export interface Call extends CallArgs {
  /** What it is. */
  readonly kind: "call";
  /** What is called. */
  readonly node: Expr;
}

/** A slice, within brackets. */
export interface Slice extends Located<"slice"> {
  /** Where it begins and ends, and its step. */
  readonly parts: readonly [
    start: Expr | undefined,
    stop: Expr | undefined,
    step: Expr | undefined,
  ];
}

/** Parameters and their default values, which the last ones have. */
export interface Signature {
  /** The parameters. */
  readonly params: readonly Name[];
  /** The default values. */
  readonly defaults: readonly Expr[];
}

/** Text between tags. */
export interface Data {
  /** What it is. */
  readonly kind: "data";
  /** The text itself. */
  readonly text: string;
}

/** A loop. */
export interface For extends Located<"for">, WithBody {
  /** What each item is stored to. */
  readonly target: Expr;
  /** What it goes through. */
  readonly items: Expr;
  /** What an item must pass. */
  readonly test: Expr | undefined;
  /** Whether `loop(...)` renders the body for other items. */
  readonly recursive: boolean;
  /** What follows `else`. */
  readonly otherwise: readonly Stmt[];
}

/** A macro. */
export interface MacroNode extends Located<"macro">, Signature, WithBody {
  /** Its name. */
  readonly name: string;
}

/** A call with a body. */
export interface CallBlock extends Located<"call block">, Signature, WithBody {
  /** The call; absent for `{% generation %}`, whose body is rendered as it is. */
  readonly call: Call | undefined;
}

/** A block of a template that others could extend. */
export interface Block extends Located<"block">, WithBody {
  /** Its name. */
  readonly name: string;
  /** Whether it sees the variables around it. */
  readonly scoped: boolean;
  /** Whether another template must fill it. */
  readonly required: boolean;
}

/** A choice between bodies. */
export interface If extends WithBody {
  /** What it is. */
  readonly kind: "if";
  /** Whether the body is taken. */
  readonly test: Expr;
  /** What each `elif` asks and has. */
  readonly elifs: readonly If[];
  /** What follows `else`. */
  readonly otherwise: readonly Stmt[];
}

/** A statement. */
export type Stmt =
  | { readonly kind: "output"; readonly nodes: ReadonlyArray<Data | Expr> }
  | For
  | If
  | MacroNode
  | CallBlock
  | Block
  | { readonly kind: "filter block"; readonly filter: Filter; readonly body: readonly Stmt[] }
  | {
    readonly kind: "with";
    readonly targets: readonly Expr[];
    readonly values: readonly Expr[];
    readonly body: readonly Stmt[];
  }
  | { readonly kind: "assign"; readonly target: Expr; readonly value: Expr }
  | {
    readonly kind: "assign block";
    readonly target: Expr;
    readonly filter: Filter | undefined;
    readonly body: readonly Stmt[];
  }
  /** `extends`, `include`, `import` and `from`: other templates, of which a model has none. */
  | {
    readonly kind: "other template";
    readonly tag: string;
    readonly template: Expr;
    readonly targets: readonly string[];
    readonly line: number;
  }
  | { readonly kind: "break" | "continue"; readonly line: number };

/** Anything of a template. */
export type Node = Expr | Stmt | Data;

const present = (...nodes: ReadonlyArray<Node | undefined>): Node[] =>
  nodes.filter((node): node is Node => node !== undefined);

const argumentsOf = ({ args, named, rest, namedRest }: CallArgs): Node[] => [
  ...args,
  ...named.map(([, value]) => value),
  ...present(rest, namedRest),
];

/** What a node is made of, in the order in which Jinja2 looks at it. */
export function children(node: Node): readonly Node[] {
  switch (node.kind) {
    case "name":
    case "attribute target":
    case "constant":
    case "data":
    case "break":
    case "continue":
      return [];
    case "tuple":
    case "list":
    case "concat":
      return node.items;
    case "dict":
      return node.pairs.flat();
    case "condition":
      return present(node.test, node.yes, node.no);
    case "filter":
    case "test":
    case "call":
      return [...present(node.node), ...argumentsOf(node)];
    case "item":
      return [node.node, node.key];
    case "attribute":
    case "not":
    case "sign":
      return [node.node];
    case "slice":
      return present(...node.parts);
    case "compare":
      return [node.left, ...node.chain.map(({ right }) => right)];
    case "and":
    case "or":
    case "binary":
      return [node.left, node.right];
    case "output":
      return node.nodes;
    case "for":
      return [node.target, node.items, ...node.body, ...node.otherwise, ...present(node.test)];
    case "if":
      return [node.test, ...node.body, ...node.elifs, ...node.otherwise];
    case "macro":
      return [...node.params, ...node.defaults, ...node.body];
    case "call block":
      return [...present(node.call), ...node.params, ...node.defaults, ...node.body];
    case "block":
      return node.body;
    case "filter block":
      return [...node.body, node.filter];
    case "with":
      return [...node.targets, ...node.values, ...node.body];
    case "assign":
      return [node.target, node.value];
    case "assign block":
      return [node.target, ...present(node.filter), ...node.body];
    case "other template":
      return [node.template];
  }
}

/** A node and all that it is made of, but for blocks, which are templates of their own. */
export function* descendants(nodes: Iterable<Node>, intoBlocks: boolean): Generator<Node> {
  for (const node of nodes) {
    yield node;
    if (intoBlocks || node.kind !== "block") yield* descendants(children(node), intoBlocks);
  }
}
