/**
 * The texts that a draft head is to learn from, as token ids.
 *
 * @module
 */
import { CheckpointError } from "../../base/errors.ts";
import { ChatTemplate } from "../../text/chat_template.ts";
import { Tokenizer } from "../../text/tokenizer.ts";
import { textLines } from "./text_lines.ts";

/** A text. */
export interface TrainingText {
  /** Its tokens, two at least. */
  readonly ids: readonly number[];
  /** How many of them, from the first, are a prompt, of which a head learns less. */
  readonly prompt: number;
}

/** What texts may be. */
export interface TextLimits {
  /** Most tokens of a text; what lies behind them is left out. */
  readonly tokens: number;
  /** Tokens of the model. */
  readonly vocabSize: number;
}

/** What a line may hold, for messages. */
const EXPECTED = '"text", "question" (and "answer") or "tokens" (and "prompt")';

/**
 * The texts of `file`, a JSON object a line: `text`; `question` and `answer`, which become a conversation where the model
 * in `dir` has a template for those; or `tokens`, ids as they are, and how many of them are the `prompt`. Texts of less
 * than two tokens are left out. Throws a FileError for a file that cannot be read, a CheckpointError that names the line
 * for what is none of this.
 */
export function trainingTexts(dir: string, file: string, limits: TextLimits): TrainingText[] {
  const reader = new LineReader(dir, file, limits.vocabSize);
  const texts: TrainingText[] = [];
  for (const { line, number } of textLines(file)) {
    if (line.trim() === "") continue;
    const { ids, prompt } = reader.read(line, number);
    const kept = ids.slice(0, limits.tokens);
    if (kept.length >= 2) texts.push({ ids: kept, prompt: Math.min(prompt, kept.length) });
  }
  if (texts.length === 0) {
    throw new CheckpointError(file, "it has no text of two tokens or more, expected one at least");
  }
  return texts;
}

/** Reads lines of `trainingTexts` for the model in a directory; the tokenizer is loaded where one is needed. */
export class LineReader {
  readonly #dir: string;
  readonly #file: string;
  readonly #vocabSize: number;
  #loaded: { readonly tokenizer: Tokenizer; readonly template?: ChatTemplate } | undefined;

  /** For lines of `file`; ids are below `vocabSize`. */
  constructor(dir: string, file: string, vocabSize: number) {
    this.#dir = dir;
    this.#file = file;
    this.#vocabSize = vocabSize;
  }

  /** The text of a line; a CheckpointError that has its number where it is none. */
  read(line: string, number: number): TrainingText {
    const object = this.#parse(line, number);
    const { text, question, answer = "", tokens, prompt = 0 } = object;
    if (Array.isArray(tokens)) {
      const isCount = Number.isInteger(prompt) && prompt as number >= 0;
      if (!isCount || prompt as number > tokens.length) {
        this.#fail(number, `"prompt" is ${show(prompt)}, expected 0 to ${tokens.length}`);
      }
      const stray = tokens.find((id) => !Number.isInteger(id) || id < 0 || id >= this.#vocabSize);
      if (stray !== undefined) {
        this.#fail(number, `a token is ${show(stray)}, expected 0 to ${this.#vocabSize - 1}`);
      }
      return { ids: tokens, prompt: prompt as number };
    }
    if (typeof text === "string") return { ids: this.#tools.tokenizer.encode(text), prompt: 0 };
    if (typeof question !== "string" || typeof answer !== "string") {
      this.#fail(number, `it has none of ${EXPECTED}`);
    }
    return this.#conversation(question, answer);
  }

  #conversation(question: string, answer: string): TrainingText {
    const { tokenizer, template } = this.#tools;
    if (template === undefined) {
      const asked = tokenizer.encode(`${question}\n`);
      return { ids: tokenizer.encode(`${question}\n${answer}`), prompt: asked.length };
    }
    const user = { role: "user", content: question };
    // A template writes the special tokens itself.
    const encode = (text: string) => tokenizer.encode(text, { addSpecialTokens: false });
    const asked = template.render([user], { addGenerationPrompt: true });
    const whole = template.render([user, { role: "assistant", content: answer }], {
      addGenerationPrompt: false,
    });
    return { ids: encode(whole), prompt: encode(asked).length };
  }

  get #tools() {
    return this.#loaded ??= {
      tokenizer: Tokenizer.load(this.#dir),
      template: ChatTemplate.load(this.#dir),
    };
  }

  #parse(line: string, number: number): Record<string, unknown> {
    try {
      return Object(JSON.parse(line));
    } catch (cause) {
      throw new CheckpointError(this.#file, `line ${number} is no JSON`, undefined, { cause });
    }
  }

  #fail(number: number, reason: string): never {
    throw new CheckpointError(this.#file, `line ${number}: ${reason}`);
  }
}

function show(value: unknown): string {
  return JSON.stringify(value)?.slice(0, 40) ?? "nothing";
}
