/**
 * Lines of a stream of text.
 *
 * @module
 */

/** Splits text into its lines, without their ends. */
export class TextLineStream extends TransformStream<string, string> {
  /** Begins with no text. */
  constructor() {
    let rest = "";
    super({
      transform(chunk, controller) {
        const lines = (rest + chunk).split("\n");
        rest = lines.pop()!;
        for (const line of lines) controller.enqueue(line);
      },
    });
  }
}
