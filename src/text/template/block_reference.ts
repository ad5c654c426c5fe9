/**
 * The variable `self`: the blocks of a template, to be rendered once more.
 *
 * @module
 */

import { nested } from "./budget.ts";
import type { RunBlock } from "./compile_statement.ts";
import { Output } from "./output.ts";
import type { Context } from "./scope.ts";
import { bind } from "./signature.ts";
import { type Args, Obj, Undefined, type Value } from "./value.ts";

/** A block that can be called. */
class BlockReference extends Obj {
  readonly type = "BlockReference";
  readonly #name: string;
  readonly #run: RunBlock;
  readonly #context: Context;

  constructor(name: string, run: RunBlock, context: Context) {
    super();
    this.#name = name;
    this.#run = run;
    this.#context = context;
  }

  override attribute(name: string): Value | undefined {
    if (name === "name") return this.#name;
    return name === "super" ? new Undefined("there is no parent block") : undefined;
  }

  override call(args: Args): Value {
    bind("a block", "", args);
    return nested(() => {
      const out = new Output();
      this.#run(this.#context, out);
      return out.text();
    });
  }
}

/** What `self` is. */
export class TemplateReference extends Obj {
  readonly type = "TemplateReference";
  readonly #blocks: ReadonlyMap<string, RunBlock>;
  readonly #context: Context;

  /** Takes the blocks, and what they see. */
  constructor(blocks: ReadonlyMap<string, RunBlock>, context: Context) {
    super();
    this.#blocks = blocks;
    this.#context = context;
  }

  override describe(): string {
    return "<TemplateReference None>";
  }

  override keyed(key: string): Value | undefined {
    const run = this.#blocks.get(key);
    return run && new BlockReference(key, run, this.#context);
  }
}
