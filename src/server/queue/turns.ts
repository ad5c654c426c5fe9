/**
 * Whose turn it is: clients take turns, requests of a client take turns, texts of a request come in order.
 *
 * @module
 */

/** A fair queue of items. */
export class Turns<T> {
  // Maps keep the order in which keys came: who had a turn goes to the end.
  readonly #clients = new Map<string, Map<object, T[]>>();
  #size = 0;

  /** Items in it. */
  get size(): number {
    return this.#size;
  }

  /** Adds the items of a request. */
  add(client: string, request: object, items: readonly T[]): void {
    if (items.length === 0) return;
    let requests = this.#clients.get(client);
    if (requests === undefined) this.#clients.set(client, requests = new Map());
    requests.set(request, [...items]);
    this.#size += items.length;
  }

  /** Takes the next item; undefined where there is none. */
  take(): T | undefined {
    for (const [client, requests] of this.#clients) {
      this.#clients.delete(client);
      for (const [request, items] of requests) {
        requests.delete(request);
        const item = items.shift()!;
        if (items.length > 0) requests.set(request, items);
        if (requests.size > 0) this.#clients.set(client, requests);
        this.#size--;
        return item;
      }
    }
    return undefined;
  }

  /** Takes all items of a request out. */
  drop(client: string, request: object): void {
    const requests = this.#clients.get(client);
    const items = requests?.get(request);
    if (requests === undefined || items === undefined) return;
    requests.delete(request);
    if (requests.size === 0) this.#clients.delete(client);
    this.#size -= items.length;
  }
}
