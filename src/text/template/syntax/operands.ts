/**
 * Tokens to what operators stand between: names, constants, brackets, and what follows them.
 *
 * @module
 */

import { TokenReader } from "./token_reader.ts";
import type { Token } from "./lexer.ts";
import type { CallArgs, Expr, Filter, Name, NameUse, Slice } from "./nodes.ts";

const CONSTANTS: ReadonlyMap<string, boolean | null> = new Map([
  ...["true", "True"].map((name) => [name, true] as const),
  ...["false", "False"].map((name) => [name, false] as const),
  ...["none", "None"].map((name) => [name, null] as const),
]);

/** What ends a list without brackets. */
const ENDS = new Set(["}}", "%}", ")"]);
/** What may follow a test as its argument without brackets. */
const ARGUMENT_STARTS = new Set(["name", "string", "integer", "float", "(", "[", "{"]);

/** Reads operands; a class above reads whole expressions. */
export abstract class OperandParser extends TokenReader {
  /** An expression; without `if` where that word means something else. */
  protected abstract expression(withCondition?: boolean): Expr;

  /** A name, a constant, or something in brackets; as a target also an attribute of a namespace. */
  protected primary(withNamespace = false): Expr {
    const token = this.token;
    switch (token.type) {
      case "name":
        this.take();
        return this.#name(token, withNamespace);
      case "string": {
        let value = "";
        while (this.is("string")) value += this.take().text;
        return { kind: "constant", value };
      }
      case "integer":
        this.take();
        return {
          kind: "constant",
          value: BigInt(token.text.replaceAll("_", "").replace(/^0+$/, "0")),
        };
      case "float": {
        this.take();
        const value = Number(token.text.replaceAll("_", ""));
        // Jinja2 writes it as a name that nothing has.
        if (!Number.isFinite(value)) this.fail(`${token.text} is too large`, token.line);
        return { kind: "constant", value };
      }
      case "(": {
        this.take();
        const node = this.deeper(() => this.tuple({ inBrackets: true }));
        this.expect(")");
        return node;
      }
      case "[":
        this.take();
        return { kind: "list", items: this.#items("]", () => this.expression()) };
      case "{":
        this.take();
        return {
          kind: "dict",
          pairs: this.#items("}", () => {
            const key = this.expression();
            this.expect(":");
            return [key, this.expression()] as const;
          }),
        };
    }
    return this.fail(`${this.found()} is not expected`);
  }

  #name(token: Token, withNamespace: boolean): Expr {
    const constant = CONSTANTS.get(token.text);
    if (constant !== undefined) return { kind: "constant", value: constant };
    if (withNamespace && this.skip(".")) {
      return { kind: "attribute target", name: token.text, attribute: this.expect("name").text };
    }
    return { kind: "name", name: token.text, use: "load", line: token.line };
  }

  /** Items between commas up to a bracket, one comma more allowed. */
  #items<T>(close: string, item: () => T): T[] {
    const items: T[] = [];
    while (!this.is(close)) {
      if (items.length > 0) this.expect(",");
      if (this.is(close)) break;
      items.push(item());
    }
    this.take();
    return items;
  }

  /** An expression, or several with commas: a tuple. */
  protected tuple(options: {
    /** Only names and constants. */
    readonly simple?: boolean;
    /** See `primary`. */
    readonly withNamespace?: boolean;
    /** See `expression`. */
    readonly withCondition?: boolean;
    /** Whether it may be empty. */
    readonly inBrackets?: boolean;
  } = {}): Expr {
    const items: Expr[] = [];
    let several = false;
    for (;;) {
      if (items.length > 0) this.expect(",");
      if (ENDS.has(this.token.type)) break;
      items.push(
        options.simple
          ? this.primary(options.withNamespace)
          : this.expression(options.withCondition),
      );
      if (!this.is(",")) break;
      several = true;
    }
    if (!several && items.length > 0) return items[0];
    if (!several && !options.inBrackets) this.fail(`expected an expression, found ${this.found()}`);
    return { kind: "tuple", items };
  }

  /** What follows an operand at once: points, subscripts, calls. */
  protected postfix(node: Expr): Expr {
    for (;;) {
      if (this.skip(".")) {
        const token = this.take();
        if (token.type === "name") node = { kind: "attribute", node, name: token.text };
        else if (token.type === "integer") {
          const value = BigInt(token.text.replaceAll("_", ""));
          node = { kind: "item", node, key: { kind: "constant", value } };
        } else this.fail("expected a name or a number after a point", token.line);
      } else if (this.skip("[")) node = { kind: "item", node, key: this.#subscript() };
      else if (this.is("(")) node = { kind: "call", node, ...this.arguments() };
      else return node;
    }
  }

  #subscript(): Expr {
    const items: Expr[] = [];
    while (!this.is("]")) {
      if (items.length > 0) this.expect(",");
      items.push(this.#subscribed());
    }
    this.take();
    if (items.length === 1) return items[0];
    const slice = items.find((item): item is Slice => item.kind === "slice");
    if (slice) this.fail("a slice stands beside other keys", slice.line);
    return { kind: "tuple", items };
  }

  #subscribed(): Expr {
    const { line } = this.token;
    const bound = (): Expr | undefined =>
      [":", "]", ","].includes(this.token.type) ? undefined : this.expression();
    const start = this.is(":") ? undefined : this.expression();
    if (!this.skip(":")) return start!;
    const stop = bound();
    const step = this.skip(":") && !this.is("]") && !this.is(",") ? this.expression() : undefined;
    return { kind: "slice", parts: [start, stop, step], line };
  }

  /** The arguments of a call, in its brackets. */
  protected arguments(): CallArgs {
    const { line } = this.expect("(");
    const args: Expr[] = [];
    const named: Array<readonly [string, Expr]> = [];
    let rest: Expr | undefined;
    let namedRest: Expr | undefined;
    const ensure = (right: boolean) => {
      if (!right) this.fail("arguments are in a wrong order", line);
    };
    let first = true;
    while (!this.is(")")) {
      if (!first) {
        this.expect(",");
        if (this.is(")")) break;
      }
      first = false;
      if (this.skip("*")) {
        ensure(!rest && !namedRest);
        rest = this.expression();
      } else if (this.skip("**")) {
        ensure(!namedRest);
        namedRest = this.expression();
      } else if (this.is("name") && this.ahead.type === "=") {
        ensure(!namedRest);
        const name = this.take().text;
        this.take();
        if (named.some(([other]) => other === name)) {
          this.fail(`argument "${name}" is given twice`, line);
        }
        named.push([name, this.expression()]);
      } else {
        ensure(!rest && !namedRest && named.length === 0);
        args.push(this.expression());
      }
    }
    this.take();
    return { args, named, rest, namedRest };
  }

  /** The filters, tests and calls that follow an operand. */
  protected filters(node: Expr): Expr {
    for (;;) {
      if (this.is("|")) {
        this.take();
        node = this.filter(node);
      } else if (this.is("name", "is")) node = this.#test(node);
      else if (this.is("(")) node = { kind: "call", node, ...this.arguments() };
      else return node;
    }
  }

  #dottedName(): string {
    let name = this.expect("name").text;
    while (this.skip(".")) name += `.${this.expect("name").text}`;
    return name;
  }

  /** A filter, after its `|`, and those that follow it at once. */
  protected filter(node: Expr | undefined): Filter {
    const { line } = this.token;
    const name = this.#dottedName();
    const args = this.is("(") ? this.arguments() : { args: [], named: [] };
    const filter: Filter = { kind: "filter", node, name, line, ...args };
    return this.skip("|") ? this.filter(filter) : filter;
  }

  #test(node: Expr): Expr {
    const { line } = this.take();
    const negated = this.skip("name", "not");
    const name = this.#dottedName();
    let args: CallArgs = { args: [], named: [] };
    if (this.is("(")) args = this.arguments();
    else if (
      ARGUMENT_STARTS.has(this.token.type) &&
      !(this.is("name") && ["else", "or", "and"].includes(this.token.text))
    ) {
      if (this.is("name", "is")) this.fail("a test follows a test, expected brackets");
      args = { args: [this.deeper(() => this.postfix(this.primary()))], named: [] };
    }
    const test: Expr = { kind: "test", node, name, line, ...args };
    return negated ? { kind: "not", node: test } : test;
  }

  /** A name to write to. */
  protected targetName(use: NameUse = "store"): Name {
    const token = this.expect("name");
    if (CONSTANTS.has(token.text)) this.fail(`"${token.text}" cannot be assigned`, token.line);
    return { kind: "name", name: token.text, use, line: token.line };
  }

  /** What is assigned to: a name, several, or where allowed an attribute of a namespace. */
  protected target(use: NameUse, withNamespace = false): Expr {
    const { line } = this.token;
    const target = this.tuple({ simple: true, withNamespace });
    const mark = (node: Expr): void => {
      if (node.kind === "name") node.use = use;
      else if (node.kind === "tuple") node.items.forEach(mark);
      else if (node.kind !== "attribute target") this.fail("this cannot be assigned", line);
    };
    mark(target);
    return target;
  }
}
