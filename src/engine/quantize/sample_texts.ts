/** @module */
export const SAMPLE_TEXTS: readonly string[] = ["x"];
