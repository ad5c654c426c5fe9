/**
 * Classes of bytes that are often the same to a grammar: what is below a node of a tree of tokens is told in few bits.
 *
 * @module
 */

/** u8 [256]: the class of each byte. Bytes of a class are often the same to a grammar. */
export const CLASS: Readonly<Uint8Array> = Uint8Array.from({ length: 256 }, (_, byte) => {
  const kinds = [/[a-z]/, /[A-Z]/, /[0-9]/, / /, /"/, /\\/, /[-_.]/, /[!-~]/];
  if (byte >= 0x80) return kinds.length;
  const found = kinds.findIndex((kind) => kind.test(String.fromCharCode(byte)));
  return found < 0 ? kinds.length + 1 : found;
});

/** A bit for each class of bytes that are characters of their own. */
export const CHARACTERS: number = CLASS.subarray(0, 0x80).reduce((bits, one) => bits | 1 << one, 0);
