/**
 * What can go wrong with a template: its source, or its rendering.
 *
 * @module
 */

/** The exceptions of Python and Jinja2 that templates meet; what templates catch depends on them. */
export type ErrorKind =
  | "AttributeError"
  | "FilterArgumentError"
  | "IndexError"
  | "KeyError"
  | "OverflowError"
  | "RecursionError"
  | "SecurityError"
  | "TemplateError"
  | "TemplateRuntimeError"
  | "TypeError"
  | "UndefinedError"
  | "ValueError"
  | "ZeroDivisionError"
  /** More work or memory than any prompt needs. */
  | "Limit"
  /** What Jinja2 can do and this interpreter cannot. */
  | "Unsupported";

/** A template, or what it was given, is refused while it is rendered. */
export class RenderError extends Error {
  /** The exception that Python raises here. */
  readonly kind: ErrorKind;

  /** Makes an error of a kind. */
  constructor(kind: ErrorKind, message: string) {
    super(message);
    this.name = "RenderError";
    this.kind = kind;
  }
}

/** A template's source is refused. */
export class SyntaxFault extends Error {
  /** The line at fault, from 1. */
  readonly line: number;

  /** Makes an error about a line. */
  constructor(message: string, line: number) {
    super(`${message} (line ${line})`);
    this.name = "SyntaxFault";
    this.line = line;
  }
}

/** Throws a `RenderError`. */
export function fail(kind: ErrorKind, message: string): never {
  throw new RenderError(kind, message);
}

/** Whether `error` is a `RenderError` of one of `kinds`. */
export function isRaised(error: unknown, ...kinds: readonly ErrorKind[]): boolean {
  return error instanceof RenderError && kinds.includes(error.kind);
}
