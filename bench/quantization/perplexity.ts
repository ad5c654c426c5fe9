/**
 * Perplexity of a model on answered problems.
 *
 * @module
 */
import { ChatTemplate } from "../../src/text/chat_template.ts";
import { Tokenizer } from "../../src/text/tokenizer.ts";
import type { Device } from "../../src/device/mod.ts";
import { scoreTokens } from "../../src/engine/mod.ts";
import { Model } from "../../src/model/mod.ts";

/** Token ids of the first `count` problems of a file with `question` and `answer` a line. */
export function problemTokens(dir: string, file: string, count: number): number[][] {
  const template = ChatTemplate.load(dir)!;
  const tokenizer = Tokenizer.load(dir);
  return Deno.readTextFileSync(file).trim().split("\n").slice(0, count).map((line) => {
    const { question, answer } = JSON.parse(line) as { question: string; answer: string };
    const text = template.render([
      { role: "user", content: question },
      // GSM8K's calculator notes, which models are not trained on.
      { role: "assistant", content: answer.replaceAll(/<<[^>]*>>/g, "") },
    ], { addGenerationPrompt: false });
    return tokenizer.encode(text, { addSpecialTokens: false });
  });
}

/** Token ids of the first `count` texts of a file with a `text` a line, 256 of each at most. */
export function proseTokens(dir: string, file: string, count: number): number[][] {
  const tokenizer = Tokenizer.load(dir);
  return Deno.readTextFileSync(file).trim().split("\n").slice(0, count)
    .map((line) => tokenizer.encode((JSON.parse(line) as { text: string }).text).slice(0, 256));
}

/** The sums of negative log-probabilities of each text's tokens but its first. */
export function losses(device: Device, dir: string, texts: readonly number[][]): number[] {
  using model = Model.load(device, dir);
  return texts.map((ids) =>
    scoreTokens(model, ids).logprobs.reduce<number>((sum, logprob) => sum - (logprob ?? 0), 0)
  );
}

/** exp of the mean loss of a token. */
export function perplexity(losses: readonly number[], texts: readonly number[][]): number {
  return Math.exp(sum(losses) / scored(texts));
}

/**
 * How far the perplexity of `losses` lies beyond that of `reference`, as a ratio less one, and the standard error
 * of that: texts are drawn, not tokens, and both models see the same ones.
 */
export function beyond(
  losses: readonly number[],
  reference: readonly number[],
  texts: readonly number[][],
): { readonly ratio: number; readonly error: number } {
  const tokens = scored(texts);
  const apart = losses.map((loss, i) => loss - reference[i]);
  const mean = sum(apart) / tokens;
  const spread = sum(apart.map((loss, i) => (loss - mean * (texts[i].length - 1)) ** 2));
  return { ratio: Math.exp(mean) - 1, error: Math.sqrt(spread) / tokens };
}

function scored(texts: readonly number[][]): number {
  return sum(texts.map((ids) => ids.length - 1));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
