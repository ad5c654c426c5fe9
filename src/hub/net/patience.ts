/**
 * How long a server is waited for, and how often it is asked again.
 *
 * @module
 */

/** Times in milliseconds, and numbers of tries. */
export interface Patience {
  /** Tries of a request about the repository. */
  readonly tries: number;
  /** Tries of a file in a row that bring less than {@link Patience.progress}. */
  readonly fileTries: number;
  /** Bytes after which a broken connection is forgotten. */
  readonly progress: number;
  /** The wait before the second try; each later one is twice as long. */
  readonly first: number;
  /** The longest wait. */
  readonly most: number;
  /** The longest wait that a server may ask for. */
  readonly asked: number;
  /** How long a server may say nothing. */
  readonly silence: number;
}

/** What most people have. */
export const PATIENCE: Patience = {
  tries: 4,
  fileTries: 7,
  progress: 2 ** 20,
  first: 500,
  most: 10_000,
  asked: 120_000,
  silence: 30_000,
};

/** Waits, unless `signal` is aborted: then throws its reason. */
export function wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const stop = () => {
      clearTimeout(timer);
      reject(signal!.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

/** Milliseconds that a server asks to wait; undefined where it does not say. */
export function askedWait(headers: Headers, now: number = Date.now()): number | undefined {
  const after = headers.get("retry-after");
  if (after !== null) {
    const ms = /^\d+$/.test(after) ? Number(after) * 1000 : Date.parse(after) - now;
    if (!Number.isNaN(ms)) return Math.max(0, ms);
  }
  // The hub's own: `"resolvers";r=0;t=173`, seconds until requests are allowed again.
  const [, left, seconds] = /;\s*r=(\d+)\s*;\s*t=(\d+)/.exec(headers.get("ratelimit") ?? "") ?? [];
  return left === "0" ? Number(seconds) * 1000 : undefined;
}
