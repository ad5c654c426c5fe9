/**
 * Where statements stand while they are compiled, and what they become.
 *
 * @module
 */

import type { Place } from "./compile_expression.ts";
import type { Stmt } from "../syntax/nodes.ts";
import type { Output } from "./output.ts";
import type { Context, Scope } from "./scope.ts";
import type { Symbols } from "../syntax/symbols.ts";

/** How a body ends: by itself, or by a word that the loop around hears. */
export type Signal = "break" | "continue" | undefined;

/** A statement that can be run. */
export type Exec = (scope: Scope, out: Output) => Signal;

/** Renders a block of the template. */
export type RunBlock = (context: Context, out: Output) => void;

/** Where a statement stands. */
export interface Frame extends Place {
  /** At the top level of the template, `if`s not counted. */
  readonly toplevel: boolean;
  /** In the body of a loop that `break` could leave. */
  readonly inLoop: boolean;
  /** The blocks of the template by name, once all is compiled. */
  readonly blocks: ReadonlyMap<string, RunBlock>;
}

/** A frame for what is inside a statement: not at the top level, and with names of its own. */
export function innerFrame(frame: Frame, symbols: Symbols): Frame {
  return { ...frame, symbols, soft: false, toplevel: false };
}

/** Compiles statements that follow each other: what statements with a body of statements are given. */
export type CompileBody = (body: readonly Stmt[], frame: Frame) => Exec;
