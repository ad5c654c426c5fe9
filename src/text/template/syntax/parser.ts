/**
 * Tokens to statements.
 *
 * @module
 */

import { ExpressionParser } from "./expressions.ts";
import { tokenize } from "./lexer.ts";
import type {
  Block,
  CallBlock,
  Data,
  Expr,
  For,
  If,
  MacroNode,
  Name,
  Signature,
  Stmt,
} from "./nodes.ts";

/** What ends a body. */
type Ends = readonly string[];

class Parser extends ExpressionParser {
  /** Statements up to one of the words `ends` (which is left), or to the end of the template. */
  statements(ends: Ends = []): Stmt[] {
    const body: Stmt[] = [];
    let nodes: Array<Data | Expr> = [];
    const flush = () => {
      if (nodes.length > 0) body.push({ kind: "output", nodes });
      nodes = [];
    };
    for (;;) {
      if (this.is("data")) nodes.push({ kind: "data", text: this.take().text });
      else if (this.skip("{{")) {
        nodes.push(this.tuple());
        this.expect("}}");
      } else if (this.skip("{%")) {
        flush();
        if (this.is("name") && ends.includes(this.token.text)) return body;
        body.push(this.deeper(() => this.#statement()));
        this.expect("%}");
      } else {
        if (ends.length > 0) this.fail(`expected ${ends.join(" or ")}, found ${this.found()}`);
        flush();
        return body;
      }
    }
  }

  /** The body of a tag up to one of the words `ends`, which is left. */
  #body(...ends: Ends): Stmt[] {
    // A colon is allowed, as in Python.
    this.skip(":");
    this.expect("%}");
    return this.statements(ends);
  }

  /** The body of a tag up to a word, which is taken. */
  #wholeBody(end: string): Stmt[] {
    const body = this.#body(end);
    this.take();
    return body;
  }

  #statement(): Stmt {
    const { text, line } = this.expect("name");
    switch (text) {
      case "for":
        return this.#for(line);
      case "if":
        return this.#if();
      case "set":
        return this.#set();
      case "macro":
        return this.#macro(line);
      case "call":
        return this.#callBlock(line);
      case "generation":
        return {
          kind: "call block",
          call: undefined,
          params: [],
          defaults: [],
          body: this.#wholeBody("endgeneration"),
          line,
        };
      case "filter": {
        const filter = this.filter(undefined);
        return { kind: "filter block", filter, body: this.#wholeBody("endfilter") };
      }
      case "with":
        return this.#with();
      case "block":
        return this.#block(line);
      case "print":
        return { kind: "output", nodes: this.#printed() };
      case "break":
      case "continue":
        return { kind: text, line };
      case "extends":
      case "include":
      case "import":
      case "from":
        return this.#otherTemplate(text, line);
      case "autoescape":
        return this.fail('the tag "autoescape" is not supported', line);
    }
    return this.fail(`there is no tag "${text}" here`, line);
  }

  #for(line: number): For {
    const target = this.target("store");
    this.expect("name", "in");
    const items = this.tuple({ withCondition: false });
    const test = this.skip("name", "if") ? this.expression() : undefined;
    const recursive = this.skip("name", "recursive");
    const body = this.#body("endfor", "else");
    const otherwise = this.take().text === "else" ? this.#wholeBody("endfor") : [];
    return { kind: "for", target, items, test, recursive, body, otherwise, line };
  }

  #if(): If {
    const test = this.tuple({ withCondition: false });
    const body = this.#body("elif", "else", "endif");
    const elifs: If[] = [];
    let otherwise: Stmt[] = [];
    for (let word = this.take().text; word !== "endif"; word = this.take().text) {
      if (word === "else") {
        otherwise = this.#body("endif");
      } else {
        const test = this.tuple({ withCondition: false });
        elifs.push({
          kind: "if",
          test,
          body: this.#body("elif", "else", "endif"),
          elifs: [],
          otherwise: [],
        });
      }
    }
    return { kind: "if", test, body, elifs, otherwise };
  }

  #set(): Stmt {
    const target = this.target("store", true);
    if (this.skip("=")) return { kind: "assign", target, value: this.tuple() };
    const filter = this.skip("|") ? this.filter(undefined) : undefined;
    return { kind: "assign block", target, filter, body: this.#wholeBody("endset") };
  }

  #signature(): Signature {
    const params: Name[] = [];
    const defaults: Expr[] = [];
    this.expect("(");
    while (!this.is(")")) {
      if (params.length > 0) this.expect(",");
      const param = this.targetName("param");
      if (params.some(({ name }) => name === param.name)) {
        this.fail(`parameter "${param.name}" is there twice`, param.line);
      }
      if (this.skip("=")) defaults.push(this.expression());
      else if (defaults.length > 0) {
        this.fail("a parameter without a default follows one with a default");
      }
      params.push(param);
    }
    this.take();
    return { params, defaults };
  }

  #macro(line: number): MacroNode {
    const { name } = this.targetName();
    const signature = this.#signature();
    return { kind: "macro", name, ...signature, body: this.#wholeBody("endmacro"), line };
  }

  #callBlock(line: number): CallBlock {
    const signature = this.is("(") ? this.#signature() : { params: [], defaults: [] };
    const call = this.expression();
    if (call.kind !== "call") this.fail("expected a call", line);
    return { kind: "call block", call, ...signature, body: this.#wholeBody("endcall"), line };
  }

  #with(): Stmt {
    const targets: Expr[] = [];
    const values: Expr[] = [];
    while (!this.is("%}")) {
      if (targets.length > 0) this.expect(",");
      targets.push(this.target("param"));
      this.expect("=");
      values.push(this.expression());
    }
    return { kind: "with", targets, values, body: this.#wholeBody("endwith") };
  }

  #block(line: number): Block {
    const name = this.expect("name").text;
    const scoped = this.skip("name", "scoped");
    const required = this.skip("name", "required");
    const body = this.#wholeBody("endblock");
    const blank = (node: Data | Expr) => node.kind === "data" && node.text.trim() === "";
    if (required && !body.every((stmt) => stmt.kind === "output" && stmt.nodes.every(blank))) {
      this.fail("a required block has a body", line);
    }
    this.skip("name", name);
    return { kind: "block", name, scoped, required, body, line };
  }

  #printed(): Expr[] {
    const nodes: Expr[] = [];
    while (!this.is("%}")) {
      if (nodes.length > 0) this.expect(",");
      nodes.push(this.expression());
    }
    return nodes;
  }

  #context(): boolean {
    const found = this.areWords("with", "context") || this.areWords("without", "context");
    if (found) {
      this.take();
      this.take();
    }
    return found;
  }

  #otherTemplate(tag: string, line: number): Stmt {
    const template = this.expression();
    const targets: string[] = [];
    if (tag === "include") {
      if (this.areWords("ignore", "missing")) {
        this.take();
        this.take();
      }
      this.#context();
    } else if (tag === "import") {
      this.expect("name", "as");
      targets.push(this.targetName().name);
      this.#context();
    } else if (tag === "from") {
      this.expect("name", "import");
      this.#importedNames(targets);
    }
    return { kind: "other template", tag, template, targets, line };
  }

  #importedNames(targets: string[]): void {
    for (;;) {
      if (targets.length > 0) this.expect(",");
      if (this.#context()) return;
      const { name, line } = this.targetName();
      if (name.startsWith("_")) this.fail(`"${name}" cannot be imported`, line);
      targets.push(this.skip("name", "as") ? this.targetName().name : name);
      if (this.#context() || !this.is(",")) return;
    }
  }
}

/** The statements of a template. Throws `SyntaxFault`. */
export function parse(source: string): Stmt[] {
  return new Parser(tokenize(source)).statements();
}
