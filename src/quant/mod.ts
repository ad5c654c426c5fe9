/**
 * Quantization schemes: how linear layers are stored, packed and run.
 *
 * @module
 */
export * from "./scheme.ts";
export * from "./loader.ts";
export { checkLinear, loadLinear, schemeOf, SCHEMES } from "./registry.ts";
export { f16Linear } from "./f16.ts";
