/**
 * Patterns for paths, as other programs for the hub have them.
 *
 * @module
 */

/**
 * Whether a path fits a pattern: `*` is any text, slashes included, `?` one character, `[a-c]` one of some, `[!a-c]`
 * one of all others. A pattern that ends with a slash is all that is in a folder.
 */
export function globMatches(glob: string, path: string): boolean {
  return expression(glob.endsWith("/") ? `${glob}*` : glob).test(path);
}

function expression(glob: string): RegExp {
  const signs = [...glob];
  let text = "";
  for (let at = 0; at < signs.length; at++) {
    const sign = signs[at];
    const inverse = signs[at + 1] === "!";
    const first = at + (inverse ? 2 : 1);
    // A bracket that comes first is one of those that are meant.
    const end = sign === "[" ? signs.indexOf("]", first + 1) : -1;
    if (sign === "*") text += ".*";
    else if (sign === "?") text += ".";
    else if (end === -1) text += plain(sign);
    else {
      text += `[${inverse ? "^" : ""}${oneOf(signs.slice(first, end))}]`;
      at = end;
    }
  }
  return new RegExp(`^${text}$`, "su");
}

/** The inside of brackets; a range that goes backwards has nothing in it. */
function oneOf(signs: readonly string[]): string {
  let text = "";
  for (let at = 0; at < signs.length; at++) {
    const [from, dash, to] = signs.slice(at, at + 3);
    if (dash !== "-" || to === undefined) {
      text += plain(from);
      continue;
    }
    if (from.codePointAt(0)! <= to.codePointAt(0)!) text += `${plain(from)}-${plain(to)}`;
    at += 2;
  }
  return text;
}

/** A character that means itself. */
function plain(sign: string): string {
  return `\\u{${sign.codePointAt(0)!.toString(16)}}`;
}
