/**
 * Warnings: what goes on all the same, though perhaps not as meant.
 *
 * @module
 */
import { checkArgument, FUNCTION } from "./options.ts";

/** Hears one warning, a sentence without a full stop. */
export type WarningListener = (message: string) => void;

const toStandardError: WarningListener = (message) => console.warn(`warning: ${message}`);

let listener: WarningListener = toStandardError;
let heard = new Set<string>();

/**
 * Sends warnings to `next` from now on, in place of standard error; to standard error again where absent. A listener
 * hears the same warning once, however often a model is loaded.
 *
 * @throws {ArgumentError} `next` is no function
 */
export function onWarning(next?: WarningListener): void {
  checkArgument("send warnings elsewhere", "next", next, FUNCTION);
  listener = next ?? toStandardError;
  heard = new Set();
}

/** Warns once. */
export function warn(message: string): void {
  if (heard.has(message)) return;
  heard.add(message);
  listener(message);
}
