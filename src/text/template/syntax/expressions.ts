/**
 * Tokens to expressions.
 *
 * @module
 */

import type { Operator } from "../values/arithmetic.ts";
import type { Comparison, Expr } from "./nodes.ts";
import { OperandParser } from "./operands.ts";

const COMPARISONS = new Set(["==", "!=", "<", "<=", ">", ">="]);

/** Reads expressions: operators by their rank, the loosest first. */
export class ExpressionParser extends OperandParser {
  /** An expression; without `if` where that word means something else. */
  protected override expression(withCondition = true): Expr {
    return this.deeper(() => withCondition ? this.#condition() : this.#or());
  }

  #condition(): Expr {
    let node = this.#or();
    while (this.skip("name", "if")) {
      const test = this.#or();
      const no = this.skip("name", "else") ? this.deeper(() => this.#condition()) : undefined;
      node = { kind: "condition", test, yes: node, no };
    }
    return node;
  }

  #or(): Expr {
    let left = this.#and();
    while (this.skip("name", "or")) left = { kind: "or", left, right: this.#and() };
    return left;
  }

  #and(): Expr {
    let left = this.#not();
    while (this.skip("name", "and")) left = { kind: "and", left, right: this.#not() };
    return left;
  }

  #not(): Expr {
    if (!this.skip("name", "not")) return this.#compare();
    return { kind: "not", node: this.deeper(() => this.#not()) };
  }

  #compare(): Expr {
    const left = this.#sum();
    const chain: Comparison[] = [];
    for (;;) {
      if (COMPARISONS.has(this.token.type)) {
        const op = this.take().type as Comparison["op"];
        chain.push({ op, right: this.#sum() });
      } else if (this.skip("name", "in")) chain.push({ op: "in", right: this.#sum() });
      else if (this.areWords("not", "in")) {
        this.take();
        this.take();
        chain.push({ op: "not in", right: this.#sum() });
      } else break;
    }
    return chain.length === 0 ? left : { kind: "compare", left, chain };
  }

  /** Operators of one rank, from the left. */
  #binary(operators: readonly string[], operand: () => Expr): Expr {
    let left = operand();
    while (operators.includes(this.token.type)) {
      const op = this.take().type as Operator;
      left = { kind: "binary", op, left, right: operand() };
    }
    return left;
  }

  #sum(): Expr {
    return this.#binary(["+", "-"], () => this.#concat());
  }

  #concat(): Expr {
    const items = [this.#product()];
    while (this.skip("~")) items.push(this.#product());
    return items.length === 1 ? items[0] : { kind: "concat", items };
  }

  #product(): Expr {
    return this.#binary(["*", "/", "//", "%"], () => this.#binary(["**"], () => this.#unary(true)));
  }

  #unary(withFilters: boolean): Expr {
    let node: Expr;
    if (this.is("-") || this.is("+")) {
      const sign = this.take().type as "-" | "+";
      node = { kind: "sign", sign, node: this.deeper(() => this.#unary(false)) };
    } else node = this.primary();
    node = this.postfix(node);
    return withFilters ? this.filters(node) : node;
  }
}
