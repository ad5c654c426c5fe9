/**
 * The text that quantizers look at a model's activations with.
 *
 * @module
 */
import { ArgumentError, CheckpointError } from "../../base/errors.ts";
import { ChatTemplate } from "../../text/chat_template.ts";
import { Tokenizer } from "../../text/tokenizer.ts";
import { SAMPLE_PROBLEMS } from "./sample_problems.ts";
import { SAMPLE_PROSE } from "./sample_prose.ts";

/** How much text is taken. */
export interface CalibrationLimits {
  /** Most texts. */
  readonly texts: number;
  /** Most tokens of a text. */
  readonly tokens: number;
}

/**
 * The token ids of calibration texts for the model in `dir`: of `file`, or of the sample that comes with the
 * program. A file whose name ends in .jsonl has an object a line, with `text`, or with `question` and maybe
 * `answer`, which become a conversation where the model has a template for those. Any other file is one text,
 * cut into pieces. Throws a CheckpointError for a malformed file.
 */
export function calibrationTexts(
  dir: string,
  file: string | undefined,
  limits: CalibrationLimits,
): number[][] {
  const tokenizer = Tokenizer.load(dir);
  const lines = file === undefined
    ? sample().map((text) => tokenizer.encode(text))
    : file.endsWith(".jsonl")
    ? fromLines(dir, file, tokenizer)
    : pieces(tokenizer.encode(readText(file)), limits.tokens);
  const texts: number[][] = [];
  for (const ids of lines) {
    if (texts.length === limits.texts) break;
    if (ids.length > 0) texts.push(ids.slice(0, limits.tokens));
  }
  if (texts.length > 0) return texts;
  throw new ArgumentError(
    "calibration",
    `Cannot calibrate with ${file}: it has no text, expected at least one line`,
  );
}

/** The built-in texts, mixed so that the first few hold something of everything. */
function sample(): string[] {
  const count = Math.max(SAMPLE_PROBLEMS.length, SAMPLE_PROSE.length);
  return Array.from({ length: count }, (_, i) => [SAMPLE_PROBLEMS[i], SAMPLE_PROSE[i]])
    .flat().filter((text) => text !== undefined);
}

function readText(file: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Deno.readFileSync(file));
  } catch (cause) {
    throw new CheckpointError(file, `${(cause as Error).message}`, undefined, { cause });
  }
}

function* pieces(ids: readonly number[], tokens: number): Generator<number[]> {
  for (let at = 0; at < ids.length; at += tokens) yield ids.slice(at, at + tokens);
}

function* fromLines(dir: string, file: string, tokenizer: Tokenizer): Generator<number[]> {
  const template = ChatTemplate.load(dir);
  for (const [i, line] of readText(file).split("\n").entries()) {
    if (line.trim() === "") continue;
    const text = (key: string, from: Record<string, unknown>) =>
      typeof from[key] === "string" ? from[key] : undefined;
    let object: Record<string, unknown>;
    try {
      object = Object(JSON.parse(line));
    } catch (cause) {
      throw new CheckpointError(file, `line ${i + 1} is no JSON`, undefined, { cause });
    }
    const plain = text("text", object);
    const question = text("question", object);
    if (plain !== undefined) yield tokenizer.encode(plain);
    else if (question === undefined) {
      throw new CheckpointError(file, `line ${i + 1} has neither "text" nor "question"`);
    } else {
      const answer = text("answer", object) ?? "";
      // A template writes the special tokens itself.
      yield template === undefined ? tokenizer.encode(`${question}\n${answer}`) : tokenizer.encode(
        template.render([
          { role: "user", content: question },
          { role: "assistant", content: answer },
        ], { addGenerationPrompt: false }),
        { addSpecialTokens: false },
      );
    }
  }
}
