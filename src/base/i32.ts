/**
 * The whole numbers that the C ABI takes.
 *
 * @module
 */

/** The largest `int32_t`. */
export const MAX_I32: number = 2 ** 31 - 1;
