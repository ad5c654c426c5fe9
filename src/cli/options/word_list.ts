/**
 * Words in a sentence.
 *
 * @module
 */

/** `a, b or c`. */
export function wordList(words: readonly string[], last = "or"): string {
  return words.length < 2
    ? words.join("")
    : `${words.slice(0, -1).join(", ")} ${last} ${words[words.length - 1]}`;
}
