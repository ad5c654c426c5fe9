/**
 * The version of this package.
 *
 * @module
 */

/** The same as in `deno.json`, which a package from a registry does not bring along. */
export const VERSION = "0.1.0";
