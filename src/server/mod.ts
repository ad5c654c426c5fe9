/**
 * A server in the language of OpenAI's API.
 *
 * @module
 */
export { SERVER_DEFAULTS, type ServerOptions } from "./options.ts";
export { Server } from "./server.ts";
export { jsonLog, type Log, type LogFields } from "./wire/log.ts";
