/**
 * Reads the small grammar of cuda/include/specmquant.h.
 *
 * @module
 */

/** A parameter: its name and its Deno FFI type, or `handle:<name>` for an opaque handle. */
export interface Parameter {
  /** The name in the header. */
  readonly name: string;
  /** `i32`, `i64`, `u64`, `f32`, `buffer` or `handle:<name>`, e.g. `handle:context`. */
  readonly type: string;
}

/** A function of the header; every one returns an `i32` status. */
export interface Declaration {
  /** The C name, e.g. `smq_copy`. */
  readonly name: string;
  /** In order. */
  readonly parameters: readonly Parameter[];
  /** The lines of the comment above it. */
  readonly doc: readonly string[];
}

/** A `#define` with an integer value. */
export interface Constant {
  /** The C name, e.g. `SMQ_OK`. */
  readonly name: string;
  /** The value. */
  readonly value: number;
  /** The comment behind it, else the comment of its group and the name. */
  readonly doc: string;
}

/** What the header declares. */
export interface Header {
  /** The `#define`s, in order. */
  readonly constants: readonly Constant[];
  /** The names of opaque handles, without `smq_`. */
  readonly handles: readonly string[];
  /** The functions, in order. */
  readonly declarations: readonly Declaration[];
}

const SCALARS: Readonly<Record<string, string>> = {
  int32_t: "i32",
  int64_t: "i64",
  uint64_t: "u64",
  float: "f32",
};
const BUFFERS = new Set(["void", "uint8_t", "uint64_t", "int64_t", "float", "int32_t"]);

/** Lines with no declaration in them: guards, includes and C linkage. */
const STRUCTURE =
  /^(#ifndef SPECMQUANT_H|#define SPECMQUANT_H|#include <stdint\.h>|#ifdef __cplusplus|#endif|extern "C" \{|\})$/;

function fail(line: number, message: string): never {
  throw new Error(`Cannot parse the header, line ${line}: ${message}`);
}

function parseParameter(text: string, handles: readonly string[], line: number): Parameter {
  const match = /^(const )?(\w+)(\*{0,2}) (\w+)$/.exec(text.trim().replace(/\s+/g, " "));
  if (match === null) fail(line, `the parameter is "${text.trim()}", expected "type name"`);
  const [, constant, type, stars, name] = match;
  const handle = type.startsWith("smq_") ? type.slice(4) : null;
  if (handle !== null) {
    if (!handles.includes(handle)) fail(line, `the handle ${type} has no typedef above`);
    if (constant === undefined && stars === "*") return { name, type: `handle:${handle}` };
    if (constant === undefined && stars === "**") return { name, type: "buffer" };
  } else if (stars === "*" && BUFFERS.has(type)) {
    return { name, type: "buffer" };
  } else if (stars === "" && constant === undefined && type in SCALARS) {
    return { name, type: SCALARS[type] };
  }
  fail(
    line,
    `the type of ${name} is "${(constant ?? "") + type + stars}", expected a scalar ` +
      `(${Object.keys(SCALARS).join(", ")}), a host buffer or a handle`,
  );
}

function parseFunction(
  text: string,
  doc: string[],
  handles: readonly string[],
  line: number,
): Declaration {
  const match = /^int32_t (smq_\w+)\(([^()]*)\);$/.exec(text);
  if (match === null) fail(line, `found "${text}", expected "int32_t smq_<name>(...);"`);
  const [, name, list] = match;
  const parameters = list.split(",").map((item) => parseParameter(item, handles, line));
  return { name, parameters, doc };
}

/** Parses the header; throws an `Error` that names the line where it leaves the grammar. */
export function parseHeader(text: string): Header {
  const constants: Constant[] = [];
  const handles: string[] = [];
  const declarations: Declaration[] = [];
  let comment: string[] = [];
  let pending = "";
  let pendingLine = 0;
  text.split("\n").forEach((raw, index) => {
    const number = index + 1;
    const line = raw.trim();
    if (pending !== "") {
      pending += ` ${line.replace(/\s*\/\/.*$/, "")}`;
    } else if (line === "") {
      comment = [];
    } else if (line.startsWith("//")) {
      if (line.startsWith("// ----")) comment = [];
      else comment.push(line.slice(2).trim());
    } else if (STRUCTURE.test(line)) {
      comment = [];
    } else if (line.startsWith("#define")) {
      const match = /^#define (SMQ_\w+) (-?\d+)(?:\s*\/\/\s*(.*))?$/.exec(line);
      if (match === null) fail(number, `found "${line}", expected "#define SMQ_<NAME> <integer>"`);
      const [, name, value, doc] = match;
      constants.push({ name, value: Number(value), doc: doc ?? [...comment, name].join(": ") });
    } else if (line.startsWith("typedef")) {
      const match = /^typedef struct smq_(\w+) smq_(\w+);$/.exec(line);
      if (match === null || match[1] !== match[2]) {
        fail(number, `found "${line}", expected "typedef struct smq_<name> smq_<name>;"`);
      }
      handles.push(match[1]);
    } else {
      pending = line.replace(/\s*\/\/.*$/, "");
      pendingLine = number;
    }
    if (pending.endsWith(";")) {
      const { name } = declarations[
        declarations.push(
          parseFunction(pending, comment, handles, pendingLine),
        ) - 1
      ];
      if (declarations.filter((other) => other.name === name).length > 1) {
        fail(pendingLine, `${name} is declared twice`);
      }
      pending = "";
      comment = [];
    }
  });
  if (pending !== "") fail(pendingLine, `the declaration "${pending}" has no end`);
  return { constants, handles, declarations };
}
