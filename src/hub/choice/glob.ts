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
  let text = "";
  for (let at = 0; at < glob.length; at++) {
    const sign = glob[at];
    const end = sign === "[" ? glob.indexOf("]", at + 2 + (glob[at + 1] === "!" ? 1 : 0)) : -1;
    if (sign === "*") text += ".*";
    else if (sign === "?") text += ".";
    else if (end !== -1) {
      const inside = glob.slice(at + 1, end).replaceAll(/[\\[\]^&~|]/g, "\\$&");
      text += inside.startsWith("!") ? `[^${inside.slice(1)}]` : `[${inside}]`;
      at = end;
    } else text += sign.replace(/[\\^$.*+?()[\]{}|/-]/, "\\$&");
  }
  return new RegExp(`^${text}$`, "su");
}
