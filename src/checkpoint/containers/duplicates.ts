/**
 * Finds repeated keys in JSON text, which `JSON.parse` silently merges.
 *
 * @module
 */

/** The first key that one object of `text` holds twice, or undefined. `text` must be valid JSON. */
export function duplicateKey(text: string): string | undefined {
  const open: (Set<string> | undefined)[] = []; // one entry a nesting level; undefined for arrays
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 0x7b /* { */) open.push(new Set());
    else if (c === 0x5b /* [ */) open.push(undefined);
    else if (c === 0x7d || c === 0x5d) open.pop();
    else if (c === 0x22 /* " */) {
      const start = i++;
      while (text.charCodeAt(i) !== 0x22) i += text.charCodeAt(i) === 0x5c ? 2 : 1;
      let next = i + 1;
      while (" \t\r\n".includes(text.charAt(next)) && next < text.length) next++;
      if (text.charCodeAt(next) !== 0x3a /* : */) continue;
      const key: string = JSON.parse(text.slice(start, i + 1));
      const keys = open.at(-1);
      if (keys?.has(key)) return key;
      keys?.add(key);
    }
  }
  return undefined;
}
