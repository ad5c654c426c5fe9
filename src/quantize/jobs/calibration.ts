/**
 * The text that quantizers look at a model's activations with.
 *
 * @module
 */
import { ArgumentError, CheckpointError } from "../../base/errors.ts";
import { onFile } from "../../base/system_error.ts";
import { ChatTemplate } from "../../text/chat_template.ts";
import { Tokenizer } from "../../text/tokenizer.ts";
import { SAMPLE_ARTICLES } from "./sample_articles.ts";
import { SAMPLE_PROBLEMS } from "./sample_problems.ts";
import { SAMPLE_PROSE } from "./sample_prose.ts";

/** How much text is taken. */
export interface CalibrationLimits {
  /** Most texts. */
  readonly texts: number;
  /** Most tokens of a text. */
  readonly tokens: number;
}

/** Least tokens that say anything of a model's activations. */
const LEAST = 128;

/** Fewer tokens of a file than this are a seventh of the sample's: they may do, but more would do better. */
const FEW = 2048;

/**
 * The token ids of calibration texts for the model in `dir`: of `file`, or of the sample that comes with the
 * program. A file whose name ends in .jsonl has an object a line, with `text`, or with `question` and maybe
 * `answer`, which become a conversation where the model has a template for those. Any other file is one text,
 * cut into pieces. Blank texts are left out. Throws a FileError for a file that cannot be read, a
 * CheckpointError for a malformed line, an ArgumentError for what is no text or none at all.
 */
export function calibrationTexts(
  dir: string,
  file: string | undefined,
  limits: CalibrationLimits,
): number[][] {
  const tokenizer = Tokenizer.load(dir);
  const lines = file === undefined
    ? sample(tokenizer, ChatTemplate.load(dir))
    : file.endsWith(".jsonl")
    ? fromLines(dir, file, tokenizer)
    : pieces(tokenizer, readText(file), limits.tokens);
  const texts: number[][] = [];
  for (const ids of lines) {
    if (texts.length === limits.texts) break;
    texts.push(ids.slice(0, limits.tokens));
  }
  return texts;
}

/**
 * An ArgumentError where `texts` are too few to calibrate with; a sentence of warning where a `file` ended before
 * it had as much as would be good.
 */
export function checkAmount(
  texts: readonly (readonly number[])[],
  file: string | undefined,
  limits: CalibrationLimits,
): string | undefined {
  const tokens = texts.reduce((sum, ids) => sum + ids.length, 0);
  const ended = file !== undefined && texts.length < limits.texts;
  if (tokens < LEAST) {
    const found = tokens === 0 ? "no text" : `${tokens} tokens of text`;
    const asked = `at most ${limits.texts} texts of ${limits.tokens} tokens are asked for`;
    throw new ArgumentError(
      ended ? "calibration" : "calibration-tokens",
      ended
        ? `Cannot calibrate with ${file}: it has ${found}, expected at least ${LEAST} tokens, ` +
          `better ${FEW} or more`
        : `Cannot calibrate: ${asked}, ${tokens} in all, expected at least ${LEAST}`,
    );
  }
  if (!ended || tokens >= FEW) return undefined;
  return `${file} has ${tokens} tokens of text: expected ${FEW} or more, as with so few ` +
    "the copy may be worse than it could be";
}

/**
 * The built-in texts, mixed so that the first few hold something of everything. Problems are conversations where
 * the model has a template: what begins all of its texts then is what attention leans on, and the activations
 * there are like no others. Other pieces come several to a text, so that fewer of the tokens are first ones.
 */
function sample(tokenizer: Tokenizer, template: ChatTemplate | undefined): number[][] {
  const problems = SAMPLE_PROBLEMS.map((problem) => {
    if (template === undefined) return tokenizer.encode(problem);
    const [question, answer] = problem.slice(QUESTION.length).split(ANSWER);
    return conversation(tokenizer, template, question, answer);
  });
  const kinds = [
    problems,
    together(tokenizer, SAMPLE_PROSE, SHORT_PIECES),
    together(tokenizer, SAMPLE_ARTICLES, LONG_PIECES),
  ];
  const count = Math.max(...kinds.map((texts) => texts.length));
  return Array.from({ length: count }, (_, i) => kinds.flatMap((texts) => texts.slice(i, i + 1)))
    .flat();
}

/** Texts of `count` pieces each. */
function together(tokenizer: Tokenizer, pieces: readonly string[], count: number): number[][] {
  return Array.from(
    { length: Math.ceil(pieces.length / count) },
    (_, i) => tokenizer.encode(pieces.slice(i * count, (i + 1) * count).join("\n\n")),
  );
}

/** Pieces of built-in prose, and articles, that make a text: of some 400 and 450 tokens. */
const SHORT_PIECES = 8;
const LONG_PIECES = 3;

/** What is before the question of a built-in problem, and between that and its answer. */
const QUESTION = "Question: ";
const ANSWER = "\nAnswer: ";

/** A question and its answer as the model's template has them. */
function conversation(
  tokenizer: Tokenizer,
  template: ChatTemplate,
  question: string,
  answer: string,
): number[] {
  const text = template.render([
    { role: "user", content: question },
    { role: "assistant", content: answer },
  ], { addGenerationPrompt: false });
  // A template writes the special tokens itself.
  return tokenizer.encode(text, { addSpecialTokens: false });
}

/** The text of a file; an ArgumentError where its bytes are none. */
function readText(file: string): string {
  const bytes = onFile("read", file, () => Deno.readFileSync(file));
  const refuse = (what: string): never => {
    const message = `Cannot calibrate with ${file}: ${what}, expected text in UTF-8`;
    throw new ArgumentError("calibration", message);
  };
  if (bytes.includes(0)) return refuse(`byte ${bytes.indexOf(0)} is 0, as in no text`);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return refuse("its bytes are not UTF-8");
  }
}

function* pieces(tokenizer: Tokenizer, text: string, tokens: number): Generator<number[]> {
  if (isBlank(text)) return;
  const ids = tokenizer.encode(text);
  for (let at = 0; at < ids.length; at += tokens) yield ids.slice(at, at + tokens);
}

/** What holds nothing but spaces would be read for the special tokens around it. */
function isBlank(text: string): boolean {
  return text.trim() === "";
}

function* fromLines(dir: string, file: string, tokenizer: Tokenizer): Generator<number[]> {
  const template = ChatTemplate.load(dir);
  for (const [i, line] of readText(file).split("\n").entries()) {
    if (isBlank(line)) continue;
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
    if (isBlank(plain ?? question ?? "?")) continue;
    if (plain !== undefined) yield tokenizer.encode(plain);
    else if (question === undefined) {
      throw new CheckpointError(file, `line ${i + 1} has neither "text" nor "question"`);
    } else {
      const answer = text("answer", object) ?? "";
      yield template === undefined
        ? tokenizer.encode(`${question}\n${answer}`)
        : conversation(tokenizer, template, question, answer);
    }
  }
}
