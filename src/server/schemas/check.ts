/**
 * Bodies against their schemas: what is wrong is said of one parameter, in the words of the API.
 *
 * @module
 */
import { show } from "../../base/options.ts";
import { ApiError, invalid } from "../wire/api_error.ts";

/** What is wrong with a value, as zod says it. */
export interface Issue {
  /** What kind of mistake it is, e.g. `invalid_type`. */
  readonly code?: string;
  /** Where. */
  readonly path: readonly PropertyKey[];
  /** What is expected. */
  readonly message: string;
  /** Keys that there are not, of `unrecognized_keys`. */
  readonly keys?: readonly string[];
  /** What is wrong with each member of a union, of `invalid_union`. */
  readonly errors?: readonly (readonly Issue[])[];
}

/** What a body may be: what is used here of zod's types. */
export interface Schema<T> {
  /** Checks a value. */
  safeParse(value: unknown): {
    readonly data?: T;
    readonly error?: { readonly issues: readonly unknown[] };
  };
  /** The same as a JSON schema. */
  toJSONSchema(options: { readonly io: "input" }): object;
}

/**
 * A body as its schema has it.
 *
 * @throws {ApiError} 400 with the parameter that is missing, unknown or wrong
 */
export function checked<T>(schema: Schema<T>, body: unknown): T {
  const { data, error } = schema.safeParse(body);
  if (error === undefined) return data!;
  throw errorOf(deepest(error.issues[0] as Issue, []), body);
}

/** An issue with its whole path. */
interface Found {
  readonly issue: Issue;
  readonly path: readonly PropertyKey[];
}

/** Of a union, what is wrong with the member that got furthest: with the one that was meant. */
function deepest(issue: Issue, above: readonly PropertyKey[]): Found {
  const path = [...above, ...issue.path];
  const inside = (issue.errors ?? []).filter((issues) => issues.length > 0).map((issues) =>
    deepest(issues[0], path)
  );
  // Every member has been tried in its place: what is deeper got further.
  const depth = Math.max(path.length, ...inside.map((found) => found.path.length));
  const meant = inside.filter((found) => found.path.length === depth);
  // Where nothing tells which was meant, all that it may be is said.
  return depth > path.length && meant.length === 1 ? meant[0] : { issue, path };
}

function errorOf({ issue, path }: Found, body: unknown): ApiError {
  if (issue.keys !== undefined && issue.code === "unrecognized_keys") {
    const param = nameOf([...path, issue.keys[0]]);
    return invalid(
      param,
      `Cannot answer: there is no parameter ${param}, expected only those of /openapi.json`,
      "unknown_parameter",
    );
  }
  const value = at(body, path);
  const param = nameOf(path);
  if (value === undefined) {
    return invalid(
      param,
      `Cannot answer: ${param} is missing`,
      "missing_required_parameter",
    );
  }
  // A union that goes by a word has no members to be wrong with where the word is none of its own.
  const isUnion = issue.code === "invalid_union" && (issue.errors ?? []).length > 0;
  const code = issue.code === "invalid_type" || isUnion ? "invalid_type" : "invalid_value";
  // The value is the client's own.
  return invalid(param, `Cannot answer: ${param} is ${show(value)}; ${expected(issue)}`, code);
}

function expected({ message, errors = [] }: Issue): string {
  const words = errors.map(([inner]) => inner?.message ?? "").filter((word) => word !== "");
  return [...new Set(words)].join(", or ") || message;
}

/** `messages[0].role`; the body itself is `body`. */
function nameOf(path: readonly PropertyKey[]): string {
  const name = path.map((key) => typeof key === "number" ? `[${key}]` : `.${String(key)}`).join("");
  return name === "" ? "body" : name.replace(/^\./, "");
}

function at(body: unknown, path: readonly PropertyKey[]): unknown {
  let value = body;
  for (const key of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}
