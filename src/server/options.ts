/**
 * The options of a server.
 *
 * @module
 */
import {
  checkOptions,
  integer,
  type Kind,
  type Kinds,
  number,
  object,
  required,
  TEXT,
} from "../base/options.ts";
import { type ChoiceOptions, Engine } from "../engine/mod.ts";
import type { Log } from "./wire/log.ts";

/** What a server serves, to whom, and within which limits. */
export interface ServerOptions {
  /** The engine, which nothing else uses meanwhile; it must outlive the server. */
  readonly engine: Engine;
  /** What clients call the model. */
  readonly model: string;
  /** The address to listen at; this machine alone, `127.0.0.1`, where absent. */
  readonly host?: string;
  /** The port; 0 takes one that is free. */
  readonly port?: number;
  /** Keys, of which clients must show one; none where empty. */
  readonly keys?: readonly string[];
  /** Most requests that wait for their first text. */
  readonly queue?: number;
  /** Most bytes of a request's body. */
  readonly bodyBytes?: number;
  /** Most seconds from a request to the end of its answer. */
  readonly seconds?: number;
  /** How tokens are chosen where a request does not say. */
  readonly sampling?: ChoiceOptions;
  /** Hears what happens; nobody does where absent. */
  readonly log?: Log;
}

/** What holds of options that are absent. */
export const SERVER_DEFAULTS = {
  host: "127.0.0.1",
  port: 8000,
  queue: 64,
  bodyBytes: 4 * 2 ** 20,
  seconds: 600,
  // As the API has it.
  sampling: { temperature: 1 },
} as const satisfies Partial<ServerOptions>;

const KEYS: Kind = {
  expected: "a list of texts without spaces that are not empty",
  fits: (value) =>
    Array.isArray(value) && value.every((one) => typeof one === "string" && /^\S+$/.test(one)),
};

const SERVER_KINDS: Kinds<ServerOptions> = {
  engine: required({ expected: "an Engine", fits: (value) => value instanceof Engine }),
  model: required(TEXT),
  host: TEXT,
  port: integer(0, 65535),
  keys: KEYS,
  queue: integer(0),
  bodyBytes: integer(1),
  seconds: number(0.001, 86400),
  sampling: object("options of a choice", () => true),
  log: object("an object with a function write", ({ write }) => typeof write === "function"),
};

/** Options with their defaults. */
export type CheckedServerOptions =
  & ServerOptions
  & Required<Omit<ServerOptions, "log">>;

/** Throws the `ArgumentError` of the first option that is not what it should be. */
export function checkServerOptions(options: ServerOptions): CheckedServerOptions {
  checkOptions("start a server", options, SERVER_KINDS);
  const {
    host = SERVER_DEFAULTS.host,
    port = SERVER_DEFAULTS.port,
    keys = [],
    queue = SERVER_DEFAULTS.queue,
    bodyBytes = SERVER_DEFAULTS.bodyBytes,
    seconds = SERVER_DEFAULTS.seconds,
    sampling = SERVER_DEFAULTS.sampling,
  } = options;
  return { ...options, host, port, keys, queue, bodyBytes, seconds, sampling };
}
