/**
 * A buffer between who makes and who takes.
 *
 * @module
 */

/** Values that are put in as they come, and taken by iterating once. */
export class Channel<T> implements AsyncIterable<T> {
  #values: T[] = [];
  #end?: { readonly error?: unknown };
  #wake?: () => void;

  /** Puts a value in; nothing happens behind the end. */
  push(value: T): void {
    if (this.#end !== undefined) return;
    this.#values.push(value);
    this.#wake?.();
  }

  /** Ends it; the first end counts. */
  close(): void {
    this.#end ??= {};
    this.#wake?.();
  }

  /** Ends it with an error, which is thrown behind the values that are there. */
  fail(error: unknown): void {
    this.#end ??= { error };
    this.#wake?.();
  }

  /** Whether it has ended. */
  get isOver(): boolean {
    return this.#end !== undefined;
  }

  /** The values, up to the end. */
  async *[Symbol.asyncIterator](): AsyncGenerator<T, void> {
    for (;;) {
      const values = this.#values;
      this.#values = [];
      yield* values;
      if (this.#values.length > 0) continue;
      if (this.#end !== undefined) {
        if ("error" in this.#end) throw this.#end.error;
        return;
      }
      await new Promise<void>((resolve) => this.#wake = resolve);
      this.#wake = undefined;
    }
  }
}
