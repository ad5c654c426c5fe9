/**
 * How often the tokens of a model stand in a text.
 *
 * @module
 */
import { CheckpointError } from "../../base/errors.ts";
import { Tokenizer } from "../../text/tokenizer.ts";
import { textLines } from "../jobs/text_lines.ts";
import { LineReader } from "../jobs/training_texts.ts";

/** Characters of plain text that are encoded at once, at least. */
const PIECE = 2 ** 16;

/**
 * Counts the tokens of `file` with the tokenizer of the model in `dir`, whose ids are below `vocabSize`. A name that ends in
 * .jsonl is that of texts as `trainingTexts` reads them: what is before an answer is not counted, as nobody drafts it. Any
 * other file is one text. Yields the share of the file that has been read; returns f64 [vocabSize]. Throws a FileError for a file
 * that cannot be read, a CheckpointError for what is no text or none at all.
 */
export function* countTokens(
  dir: string,
  file: string,
  vocabSize: number,
): Generator<number, Float64Array<ArrayBuffer>> {
  const counts = new Float64Array(vocabSize);
  const pieces = file.endsWith(".jsonl")
    ? answers(dir, file, vocabSize)
    : plainText(Tokenizer.load(dir), file);
  let found = false;
  for (const { ids, share } of pieces) {
    for (const id of ids) if (id < vocabSize) counts[id]++;
    found ||= ids.length > 0;
    yield share;
  }
  if (!found) throw new CheckpointError(file, "it has no token to count, expected text");
  return counts;
}

/** Some tokens, and how much of the file has been read. */
interface Piece {
  readonly ids: readonly number[];
  readonly share: number;
}

function* answers(dir: string, file: string, vocabSize: number): Generator<Piece> {
  const reader = new LineReader(dir, file, vocabSize);
  for (const { line, number, share } of textLines(file)) {
    if (line.trim() === "") continue;
    const { ids, prompt } = reader.read(line, number);
    yield { ids: ids.slice(prompt), share };
  }
}

/** Pieces end with lines, where words end, too. */
function* plainText(tokenizer: Tokenizer, file: string): Generator<Piece> {
  let text = "";
  const encoded = (share: number): Piece => {
    const ids = tokenizer.encode(text, { addSpecialTokens: false });
    text = "";
    return { ids, share };
  };
  for (const { line, share } of textLines(file)) {
    text += `${line}\n`;
    if (text.length >= PIECE) yield encoded(share);
  }
  if (text.trim() !== "") yield encoded(1);
}

/**
 * The `count` tokens of `candidates` that `counts` has most of, in ascending order: of those that it has as many of the lower
 * ids; `always` is among them however rare. `always` has no more than `count` of the candidates.
 */
export function mostFrequent(
  counts: Float64Array,
  candidates: readonly number[],
  count: number,
  always: ReadonlySet<number>,
): number[] {
  const kept = candidates.filter((token) => always.has(token));
  const rest = candidates.filter((token) => !always.has(token))
    .sort((a, b) => counts[b] - counts[a] || a - b);
  return [...kept, ...rest.slice(0, count - kept.length)].sort((a, b) => a - b);
}
