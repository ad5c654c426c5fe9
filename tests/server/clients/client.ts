/**
 * What the suite asks of a client: one file implements it for each.
 *
 * @module
 */

/** A tool that may be called. */
export interface Tool {
  readonly name: string;
  readonly description: string;
  /** The JSON schema of its arguments. */
  readonly parameters: Readonly<Record<string, unknown>>;
}

/** A call that was made. */
export interface Call {
  readonly id: string;
  readonly name: string;
  readonly arguments: unknown;
}

/** A turn of a dialogue. */
export type Turn =
  | { readonly role: "system" | "user" | "assistant"; readonly content: string }
  | { readonly role: "calls"; readonly calls: readonly Call[] }
  | { readonly role: "result"; readonly call: Call; readonly content: string };

/** A request. */
export interface Asked {
  readonly turns: readonly Turn[];
  readonly temperature?: number;
  readonly seed?: number;
  readonly maxTokens?: number;
  readonly stop?: string;
  /** Likeliest tokens in the place of each; no log-probabilities where absent. */
  readonly top?: number;
  readonly tools?: readonly Tool[];
  readonly choice?: "auto" | "none" | "required" | { readonly name: string };
  /** A picture beside the last turn, as a data URL. */
  readonly picture?: string;
  /** Parameters that the client has no word for, in the way that it hands such on. */
  readonly more?: Readonly<Record<string, unknown>>;
  readonly signal?: AbortSignal;
}

/** A token of an answer. */
export interface Token {
  readonly token: string;
  readonly logprob: number;
  readonly top: readonly { readonly token: string; readonly logprob: number }[];
}

/** An answer, as the client gives it. */
export interface Answer {
  readonly text: string;
  readonly calls: readonly Call[];
  /** In the words of the API. */
  readonly finish: string;
  readonly promptTokens: number;
  readonly completionTokens: number;
  /** Tokens, where they were asked for. */
  readonly tokens?: readonly Token[];
}

/** What the client tells of an error of the server. */
export interface Refusal {
  /** The class of the error, as its users tell errors apart. */
  readonly kind: string;
  /** The status; absent of errors within a stream. */
  readonly status?: number;
  readonly message: string;
  readonly type?: string;
  readonly param?: string | null;
  readonly code?: string | null;
}

/** Where a client asks, and as whom. */
export interface Connection {
  /** With `/v1`. */
  readonly url: string;
  readonly key: string;
  readonly model: string;
  /** What sends requests, in place of the client's own. */
  readonly fetch?: typeof fetch;
}

/** A client, which tries nothing twice. */
export interface Client {
  /** The whole answer. */
  ask(asked: Asked): Promise<Answer>;
  /** The same piece by piece: `heard` gets text and arguments of calls as they come. */
  stream(asked: Asked, heard: (piece: string) => void): Promise<Answer>;
  /** An object that follows a JSON schema. */
  object(asked: Asked, schema: Readonly<Record<string, unknown>>): Promise<unknown>;
  /** What an error says that one of these threw; undefined of errors that are not the server's. */
  refusal(error: unknown): Refusal | undefined;
  /** Whether it is how the client tells that it was aborted. */
  isAbort(error: unknown): boolean;
}

/** A kind of client. */
export interface ClientKind {
  readonly name: string;
  /** The classes of its errors: of a wrong key, of a prompt beyond the context, and of another model. */
  readonly kinds: { readonly key: string; readonly context: string; readonly model: string };
  connect(connection: Connection): Client;
}
