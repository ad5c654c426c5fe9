/**
 * Finds many tokens in a text at once.
 *
 * @module
 */

/** Where a token was found, in UTF-16 units. */
export interface Match {
  /** Its first unit. */
  readonly start: number;
  /** One after its last unit. */
  readonly end: number;
  /** The token's id. */
  readonly id: number;
}

/** The tokens that begin with the same units. */
interface Node {
  readonly next: Map<number, Node>;
  id?: number;
}

/** A tree of tokens by their units. */
export class TokenTrie {
  readonly #root: Node = { next: new Map() };

  /** Adds a token. Of two that are the same, as normalized ones may be, the last is found; the library takes either. */
  add(token: string, id: number): void {
    let node = this.#root;
    for (let i = 0; i < token.length; i++) {
      const unit = token.charCodeAt(i);
      let next = node.next.get(unit);
      if (next === undefined) node.next.set(unit, next = { next: new Map() });
      node = next;
    }
    node.id = id;
  }

  /** The tokens in a text: from the left, at each place the longest, none over another. */
  *matches(text: string): Generator<Match> {
    for (let start = 0; start < text.length;) {
      let found: Match | undefined;
      let node = this.#root.next.get(text.charCodeAt(start));
      for (let end = start + 1; node !== undefined; end++) {
        if (node.id !== undefined) found = { start, end, id: node.id };
        node = end < text.length ? node.next.get(text.charCodeAt(end)) : undefined;
      }
      if (found !== undefined) yield found;
      start = found?.end ?? start + 1;
    }
  }
}
