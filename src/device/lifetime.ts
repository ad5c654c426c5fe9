/**
 * Lifetimes: what has been disposed is refused, before the library is given an address that is gone.
 *
 * Tensors and graphs own nothing, so that they cannot know by themselves. A tensor carries the lifetime of its
 * arena, and a graph those of all tensors that its ops were given.
 *
 * @module
 */
import { SpecMQuantError } from "../base/errors.ts";

/** The error of using what has been disposed, code `"disposed"`; `what` is gone where `doing` is tried. */
export function disposedError(doing: string, what = "it"): SpecMQuantError {
  return new SpecMQuantError("disposed", `Cannot ${doing}: ${what} has been disposed`);
}

/** How long something may be used: until it is disposed, or what it lives on. */
export class Lifetime {
  /** What it is of, as messages name it, e.g. `the arena "session"`. */
  readonly what: string;
  readonly #on?: Lifetime;
  #ended = false;

  /** A lifetime that ends with `on` at the latest. */
  constructor(what: string, on?: Lifetime) {
    this.what = what;
    this.#on = on;
  }

  /** Whether it is over. */
  get ended(): boolean {
    return this.#ended || (this.#on !== undefined && this.#on.ended);
  }

  /** Ends it; whether it was not over by itself before. */
  end(): boolean {
    const first = !this.#ended;
    this.#ended = true;
    return first;
  }

  /** Throws code `"disposed"` where it is over: `doing` cannot be done. */
  expect(doing: string): void {
    if (this.ended) throw disposedError(doing, this.#cause());
  }

  #cause(): string {
    return this.#ended || this.#on === undefined ? this.what : this.#on.#cause();
  }
}

/** The lifetimes that the ops of a capture under way have met; undefined where none is under way. */
let met: Set<Lifetime> | undefined;

/** Runs `body` and gives the lifetimes of all that it passed to `meet`. */
export function meeting(body: () => void): readonly Lifetime[] {
  const outer = met;
  const own = new Set<Lifetime>();
  met = own;
  try {
    body();
  } finally {
    met = outer;
  }
  return [...own];
}

/** Throws code `"disposed"` where `life` is over; a capture under way notes it. */
export function meet(life: Lifetime): void {
  life.expect("use a tensor");
  met?.add(life);
}
