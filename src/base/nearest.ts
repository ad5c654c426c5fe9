/**
 * The name that a mistyped one was meant to be.
 *
 * @module
 */

/** Edits (insert, remove, replace, swap of neighbours) that turn `a` into `b`. */
function distance(a: string, b: string): number {
  let [before, last]: number[][] = [[], Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      row[j] = Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        row[j] = Math.min(row[j], before[j - 2] + 1);
      }
    }
    [before, last] = [last, row];
  }
  return last[b.length];
}

/** The name nearest to `word`, or undefined where none is near: about one edit for three letters. */
export function nearest(word: string, names: readonly string[]): string | undefined {
  const longer = names.find((name) => word.length >= 3 && name.startsWith(word));
  let best = longer;
  let least = longer === undefined ? Math.floor(word.length / 3) + 1 : 1;
  for (const name of names) {
    const edits = distance(word, name);
    if (edits < least) [best, least] = [name, edits];
  }
  return best;
}

/** `; did you mean <nearest>?`, or nothing where no name is near. */
export function suggestion(word: string, names: readonly string[], prefix = ""): string {
  const found = nearest(word, names);
  return found === undefined ? "" : `; did you mean ${prefix}${found}?`;
}
