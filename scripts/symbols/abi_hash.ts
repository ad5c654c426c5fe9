/**
 * The hash of the C ABI's declarations: compiled into each library and compared when one is opened, so
 * that a library built from another header is refused.
 *
 * @module
 */

/**
 * Reduces the text of a C header to its declarations: `//` comments are dropped, every run of white
 * space becomes one space, and the ends are trimmed, so that comments and layout do not change the hash.
 */
export function normalizeHeader(headerText: string): string {
  return headerText.replace(/\/\/[^\n]*/g, "").replace(/\s+/g, " ").trim();
}

/** FNV-1a, 64 bits, over the UTF-8 bytes of the normalised header: 0 to 2^64 - 1. */
export function abiHash(headerText: string): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(normalizeHeader(headerText))) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  }
  return hash;
}
