/**
 * Templates in the language of Jinja2, as transformers sets it up for chats: lines of tags leave nothing behind,
 * `break` and `continue` are there, and values are Python's. What Jinja2 does and this cannot is refused by name.
 *
 * @module
 */

import { withBudget } from "./values/budget.ts";
import { undeclared } from "./compile/compile_parts.ts";
import { Dict } from "./values/dict.ts";
import { compileBody } from "./compile/compile_statement.ts";
import type { Frame, RunBlock } from "./compile/frame.ts";
import { RenderError, SyntaxFault } from "./values/errors.ts";
import { globals } from "./library/globals.ts";
import { type Block, descendants, type Stmt } from "./syntax/nodes.ts";
import { Output } from "./compile/output.ts";
import { parse } from "./syntax/parser.ts";
import { Context, Scope } from "./compile/scope.ts";
import { Symbols } from "./syntax/symbols.ts";
import { TemplateReference } from "./compile/block_reference.ts";
import { isText, textOf, Undefined, type Value } from "./values/value.ts";

/** How a template is rendered. */
export interface TemplateOptions {
  /** Tells the local time to `strftime_now`. */
  readonly now: () => Date;
}

/** A template that can be rendered, any number of times. */
export class Template {
  readonly #blocks: ReadonlyMap<string, RunBlock>;
  readonly #run: RunBlock;

  /** Compiles a source. Throws `SyntaxFault`. */
  constructor(source: string) {
    try {
      const body = parse(source);
      this.#blocks = compileBlocks(body);
      this.#run = compileTop(body, this.#blocks, true);
    } catch (error) {
      throw error instanceof RangeError ? new SyntaxFault("nested too deep", 1) : error;
    }
  }

  /** The text for some variables. Throws `RenderError`. */
  render(variables: ReadonlyMap<string, Value>, options: TemplateOptions): string {
    const context = new Context(new Map([...globals(options.now), ...variables]));
    try {
      return withBudget(sizeOf([...variables.values()]), () => {
        const out = new Output();
        this.#run(context, out);
        return out.text();
      });
    } catch (error) {
      // JavaScript's own limits: of the stack, and of the length of a text.
      if (error instanceof RangeError) throw new RenderError("Limit", error.message);
      throw error;
    }
  }
}

/** What a list, or a dict, counts as in characters: templates may look through all messages for each of them. */
const CONTAINER_SIZE = 1000;

/** About how many characters a value has. */
function sizeOf(value: Value): number {
  if (isText(value)) return textOf(value).length;
  const items = Array.isArray(value)
    ? value
    : value instanceof Dict
    ? value.pairs().flat()
    : undefined;
  return items ? items.reduce((sum: number, item) => sum + sizeOf(item), CONTAINER_SIZE) : 1;
}

/** Compiles what has no scope around: a template, or one of its blocks. */
function compileTop(
  body: readonly Stmt[],
  blocks: ReadonlyMap<string, RunBlock>,
  toplevel: boolean,
): RunBlock {
  const symbols = new Symbols();
  const used = undeclared(body, "self", ...toplevel ? [] : ["super"]);
  const selfId = used.has("self") ? symbols.declare("self") : undefined;
  const superId = used.has("super") ? symbols.declare("super") : undefined;
  symbols.visit(body);
  const frame: Frame = { symbols, soft: false, toplevel, inLoop: false, blocks };
  const run = compileBody(body, frame);
  return (context, out) => {
    const scope = new Scope(context);
    if (selfId !== undefined) scope.set(selfId, new TemplateReference(blocks, context));
    if (superId !== undefined) scope.set(superId, new Undefined("there is no parent block"));
    scope.enter(symbols);
    run(scope, out);
  };
}

function compileBlocks(body: readonly Stmt[]): ReadonlyMap<string, RunBlock> {
  const blocks = new Map<string, RunBlock>();
  const nodes = [...descendants(body, true)].filter((node): node is Block => node.kind === "block");
  for (const { name, line } of nodes) {
    if (blocks.has(name)) throw new SyntaxFault(`there are two blocks "${name}"`, line);
    blocks.set(name, () => {});
  }
  for (const { name, body } of nodes) blocks.set(name, compileTop(body, blocks, false));
  return blocks;
}
