/**
 * What caches in 8 bits cost: perplexity of long texts, over that with 16 bits.
 *
 *     deno run -A bench/kv_cache.ts --model MODEL --texts FILE.jsonl [--tokens 2000] [--count 16]
 *
 * A line of the file has a `question` and an `answer`, `turns` or a `text`; lines follow one another, a blank line apart, until
 * a text has so many tokens. Late: the second half of each text, behind the first in the cache.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { KV_CACHE_DTYPES, type KvCacheDType } from "../src/base/dtype.ts";
import { Device } from "../src/device/mod.ts";
import { scoreTokens } from "../src/engine/mod.ts";
import { Model } from "../src/model/mod.ts";
import { Tokenizer } from "../src/text/tokenizer.ts";
import { beyond, perplexity } from "./quantization/perplexity.ts";

const args = parseArgs(Deno.args, {
  string: ["model", "texts", "tokens", "count", "backend"],
  default: { tokens: "2000", count: "16", backend: "auto" },
});
const { model: dir, texts: file } = args;
if (!dir || !file) throw new Error("expected --model MODEL --texts FILE.jsonl");
const length = Number(args.tokens), count = Number(args.count);

const tokenizer = Tokenizer.load(dir);
const texts: number[][] = [];
let text: number[] = [];
for (const line of Deno.readTextFileSync(file).trim().split("\n")) {
  const { question, answer, turns, text: whole } = JSON.parse(line) as Record<string, string> & {
    turns?: string[];
  };
  // GSM8K's calculator notes, which models are not trained on.
  const said = whole ?? turns?.join("\n\n") ??
    `Question: ${question}\nAnswer: ${answer.replaceAll(/<<[^>]*>>/g, "")}`;
  text.push(...tokenizer.encode(`${said}\n\n`, { addSpecialTokens: text.length === 0 }));
  if (text.length < length) continue;
  texts.push(text.slice(0, length));
  text = [];
  if (texts.length === count) break;
}

using device = Device.open({ backend: args.backend as "auto" });
using model = Model.load(device, dir);

/** Losses of each text so far, of all of it and of its second half. */
const losses = { f16: [], int8: [] } as Record<KvCacheDType, { all: number; late: number }[]>;
for (const [i, ids] of texts.entries()) {
  for (const kvCache of KV_CACHE_DTYPES) {
    const { logprobs } = scoreTokens(model, ids, {}, kvCache);
    const loss = (from: number) => logprobs.slice(from).reduce<number>((a, b) => a - (b ?? 0), 0);
    losses[kvCache].push({ all: loss(0), late: loss(length >> 1) });
  }
  console.error(`text ${i + 1} of ${texts.length}: ${summary("all")}; ${summary("late")}`);
}
console.log(`${summary("all")}\n${summary("late")}`);

/** What the texts so far come to. */
function summary(part: "all" | "late"): string {
  const [before, after] = KV_CACHE_DTYPES.map((kvCache) => losses[kvCache].map((one) => one[part]));
  const of = texts.slice(0, before.length)
    .map((ids) => part === "all" ? ids : ids.slice((length >> 1) - 1));
  const { ratio, error } = beyond(after, before, of);
  return `${part}: ${of.length} texts of ${of[0].length - 1} tokens, f16 ` +
    `${perplexity(before, of).toFixed(4)}, int8 ${perplexity(after, of).toFixed(4)}: ` +
    `${(100 * ratio).toFixed(3)}% ± ${(100 * error).toFixed(3)}`;
}
