/**
 * Errors as clients of the API see them: `{ error: { message, type, param, code } }` with a status.
 *
 * @module
 */
import { ArgumentError, OutOfDeviceMemoryError, SpecMQuantError } from "../../base/errors.ts";

/** The kinds of errors that OpenAI's API tells apart. */
export type ErrorType =
  | "invalid_request_error"
  | "authentication_error"
  | "rate_limit_error"
  | "server_error";

/** What else an error says. */
export interface ErrorDetails {
  /** The parameter at fault, e.g. `messages[0].role`. */
  readonly param?: string;
  /** A stable word for programs. */
  readonly code?: string;
  /** Headers of the answer. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** An error that a client is told of. It never leaves this folder. */
export class ApiError extends Error {
  /** The status of the answer. */
  readonly status: number;
  /** Its kind. */
  readonly type: ErrorType;
  /** The parameter at fault; null where there is none. */
  readonly param: string | null;
  /** A stable word for programs; null where there is none. */
  readonly code: string | null;
  /** Headers of the answer. */
  readonly headers: Readonly<Record<string, string>>;

  /** Makes an error with the status of its answer. */
  constructor(status: number, type: ErrorType, message: string, details: ErrorDetails = {}) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.type = type;
    this.param = details.param ?? null;
    this.code = details.code ?? null;
    this.headers = details.headers ?? {};
  }

  /** What an answer, or an event of a stream, says. */
  get body(): { readonly error: Readonly<Record<string, string | null>> } {
    const { message, type, param, code } = this;
    return { error: { message, type, param, code } };
  }

  /** The answer. */
  get response(): Response {
    return Response.json(this.body, { status: this.status, headers: this.headers });
  }
}

/** The error of a request that cannot be answered as it is. */
export function invalid(param: string, message: string, code = "invalid_value"): ApiError {
  return new ApiError(400, "invalid_request_error", message, { param, code });
}

/** Options of the engine that have another name here; others only change their case. */
const PARAMS: Readonly<Record<string, string>> = {
  grammar: "response_format",
  jsonSchema: "response_format",
  variables: "chat_template_kwargs",
};

/**
 * What a client is told of `error`. The engine's refusals are the client's mistakes; what is wrong with this program or its
 * model is said without details, which are for the log.
 */
export function apiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof ArgumentError) {
    const { argument, message } = error;
    const snake = argument.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    return invalid(PARAMS[argument] ?? snake, message);
  }
  if (error instanceof OutOfDeviceMemoryError) {
    return new ApiError(503, "server_error", error.message, { code: error.code });
  }
  if (error instanceof SpecMQuantError && error.code === "chat_template") {
    // The message names a file of the server; its cause is the template's own words.
    const { cause } = error;
    const why = cause instanceof Error ? cause.message : "it has none";
    return invalid(
      "messages",
      `Cannot put these messages into the model's chat template: ${why}`,
      error.code,
    );
  }
  const code = error instanceof SpecMQuantError ? error.code : "internal";
  return new ApiError(500, "server_error", "Cannot answer: something is wrong in the server", {
    code,
  });
}
