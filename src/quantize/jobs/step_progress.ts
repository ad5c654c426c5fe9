/**
 * How far one step of a long piece of work has come.
 *
 * @module
 */

/** Where a step stands. */
export interface StepProgress {
  /** The share of the step that is done. */
  readonly share: number;
  /** What is being done. */
  readonly stage: string;
}

/** The same work, telling `tell` of what it yields; ended early, it ends the work too. */
export function* telling<T, R>(
  work: Generator<T, R>,
  tell: (value: T) => StepProgress,
): Generator<StepProgress, R> {
  try {
    for (let next = work.next();; next = work.next()) {
      if (next.done) return next.value;
      yield tell(next.value);
    }
  } finally {
    work.return(undefined as R);
  }
}
