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

/** exp of the mean negative log-probability of all tokens but the first of each text. */
export function perplexity(device: Device, dir: string, texts: readonly number[][]): number {
  using model = Model.load(device, dir);
  let [sum, count] = [0, 0];
  for (const ids of texts) {
    for (const logprob of scoreTokens(model, ids).logprobs) {
      if (logprob === null) continue;
      sum -= logprob;
      count++;
    }
  }
  return Math.exp(sum / count);
}
