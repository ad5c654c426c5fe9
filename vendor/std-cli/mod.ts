/**
 * Command-line helpers with the names and signatures of `@std/cli`.
 *
 * @module
 */

export * from "./parse_args.ts";
