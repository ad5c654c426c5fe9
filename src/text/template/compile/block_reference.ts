/**
 * The variable `self`: the blocks of a template, to be rendered once more.
 *
 * @module
 */

import { nested } from "../values/budget.ts";
import type { RunBlock } from "./frame.ts";
import { Output } from "./output.ts";
import type { Context } from "./scope.ts";
import { bind } from "../values/signature.ts";
import { type Args, Obj, Undefined, type Value } from "../values/value.ts";

/** A block that can be called. */
class BlockReference extends Obj {
  readonly #name: string;
  readonly #run: RunBlock;
  readonly #context: Context;

  constructor(name: string, run: RunBlock, context: Context) {
    super("BlockReference");
    this.#name = name;
    this.#run = run;
    this.#context = context;
  }

  /** The attributes that it has. */
  override attribute(name: string): Value | undefined {
    if (name === "name") return this.#name;
    return name === "super" ? new Undefined("there is no parent block") : undefined;
  }

  /** Calls it. */
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
  readonly #blocks: ReadonlyMap<string, RunBlock>;
  readonly #context: Context;

  /** Takes the blocks, and what they see. */
  constructor(blocks: ReadonlyMap<string, RunBlock>, context: Context) {
    super("TemplateReference");
    this.#blocks = blocks;
    this.#context = context;
  }

  /** What `repr` gives. */
  override describe(): string {
    return "<TemplateReference None>";
  }

  /** What is under a key. */
  override keyed(key: string): Value | undefined {
    const run = this.#blocks.get(key);
    return run && new BlockReference(key, run, this.#context);
  }
}
