/**
 * The same text whatever proposes it, at every temperature and with every setting: a sampled text is that of plain
 * decoding with the same seed. `SPECMQUANT_SAMPLING=all` takes 200 prompts in each combination, and not one.
 */
import { assert, assertEquals, assertGreater } from "@std/assert";
import type { ChoiceOptions } from "../../src/speculation/mod.ts";
import { backendTest } from "../backends.ts";
import { methodsOf } from "../methods.ts";
import {
  BLOCK_LAYOUTS,
  EAGLE3_LAYOUTS,
  type RandomModel,
  SMALL,
  writeRandomBlock,
  writeRandomEagle3,
  writeRandomHead,
  writeRandomModel,
} from "../models.ts";
import { withStoredModels } from "../quantized_models.ts";
import { isMine, PART, tell } from "../parts.ts";
import { Random } from "../random.ts";
import { Decoder, withWritten, writtenOnce } from "../rounds.ts";
import { STORED_SCHEMES } from "../stored_schemes.ts";

/** Prompts in each combination of a temperature and a setting. */
const PROMPTS = Deno.env.get("SPECMQUANT_SAMPLING") === "all" ? 200 : 1;

/** Tokens of a text. */
const COUNT = 20;

/** The longest prompt, longer than what is read at once. */
const LONGEST = 270;

const TEMPERATURES = [0, 0.6, 1, 1.5];

const SETTINGS: Readonly<Record<string, ChoiceOptions>> = {
  "nothing": {},
  "top-k": { topK: 5 },
  "top-p": { topP: 0.9 },
  "min-p": { minP: 0.1 },
  "penalties": { repetitionPenalty: 1.3, presencePenalty: 0.5, frequencyPenalty: 0.4 },
  "bias": { logitBias: { 0: 1.5, 5: -3, 17: 2 } },
  "all": {
    topK: 12,
    topP: 0.95,
    minP: 0.02,
    repetitionPenalty: 1.2,
    presencePenalty: 0.3,
    frequencyPenalty: 0.2,
    logitBias: { 1: 1, 9: -1 },
  },
};

/** Of so few words that a head which knows nothing is right at times. */
const FEW_WORDS: RandomModel = { ...SMALL, vocab: 24, sharpness: 0.5 };

/** Prompt number `n`: of one token, of two, of many, and others. */
function promptOf(n: number, vocab: number): number[] {
  const random = new Random(n);
  const lengths = [1, 2, LONGEST];
  return random.integers(lengths[n % 20] ?? 3 + random.integer(30), vocab);
}

backendTest("every method says what plain decoding says, at every temperature", ({ device }) => {
  const write = (dir: string): void => {
    writeRandomModel(`${dir}/target`, FEW_WORDS);
    writeRandomModel(`${dir}/draft`, { ...FEW_WORDS, noise: 1.5 });
    writeRandomHead(`${dir}/head`, { ...FEW_WORDS, seed: 9 });
    const layout = { ...EAGLE3_LAYOUTS.eagle, draftVocab: 18 };
    writeRandomEagle3(`${dir}/eagle3/eagle`, { ...FEW_WORDS, seed: 9 }, layout);
    for (const name of ["z-lab", "DeepSpec"]) {
      writeRandomBlock(`${dir}/blocks/${name}`, { ...FEW_WORDS, seed: 9 }, BLOCK_LAYOUTS[name]);
    }
  };
  withWritten(device, writtenOnce("few words", write), (models) => {
    const context = LONGEST + COUNT + 1;
    using plain = new Decoder(models.target, context);
    using stack = new DisposableStack();
    const methods = methodsOf(models).map((method) => ({
      name: method.name,
      decoder: stack.use(new Decoder(models.target, context, method.plan(models))),
      tokens: new Map(TEMPERATURES.map((temperature) => [temperature, 0])),
      rounds: new Map(TEMPERATURES.map((temperature) => [temperature, 0])),
    }));
    let [n, count, sampled] = [0, 0, 0];
    const texts = new Set<string>();
    for (const temperature of TEMPERATURES) {
      for (const [setting, rest] of Object.entries(SETTINGS)) {
        for (let k = 0; k < PROMPTS; k++) {
          const [prompt, seed] = [promptOf(PROMPTS === 1 ? n : k, FEW_WORDS.vocab), n++ * 2 ** 30];
          if (PROMPTS > 1 && !isMine(k, PROMPTS)) continue;
          count++;
          const options = { ...rest, temperature, seed };
          const tokens = plain.decode(prompt, COUNT, options);
          // Without noise, other cuts and seeds change nothing.
          if (temperature > 0) {
            texts.add(tokens.join());
            sampled++;
          }
          for (const { name, decoder, tokens: said, rounds } of methods) {
            const what = `${name}, temperature ${temperature}, ${setting}, prompt ${k}`;
            assertEquals(decoder.decode(prompt, COUNT, options), tokens, what);
            said.set(temperature, said.get(temperature)! + COUNT);
            rounds.set(temperature, rounds.get(temperature)! + decoder.forwards);
          }
        }
      }
    }
    tell({ texts: count * (1 + methods.length) });
    if (count === 0) return;
    assertGreater(texts.size, 0.99 * sampled, "different texts of those that are sampled");
    // A part has too few prompts to say how long accept lengths are.
    if (PART.count > 1) return;
    for (const { name, tokens, rounds } of methods) {
      for (const temperature of TEMPERATURES) {
        const tau = tokens.get(temperature)! / rounds.get(temperature)!;
        assertGreater(tau, 1.1, `tokens a round of ${name} at temperature ${temperature}`);
      }
    }
  });
}, ["cpu", "cuda"]);

for (const scheme of STORED_SCHEMES) {
  const lmHead = scheme.pack("lm_head", { values: new Float64Array(64 * 64), n: 64, k: 64 });
  backendTest(
    `${scheme.name}, ${scheme.dtype}, ${lmHead ? "with" : "without"} a quantized output ` +
      "projection: every method says what plain decoding says when it samples",
    ({ device }) => {
      withStoredModels(device, scheme, 1, (models) => {
        const { vocabSize } = models.target.config;
        using plain = new Decoder(models.target, 64);
        let accepted = false;
        for (const method of methodsOf(models)) {
          using decoder = new Decoder(models.target, 64, method.plan(models));
          for (const [n, rest] of [SETTINGS.nothing, SETTINGS.all].entries()) {
            const options = { ...rest, temperature: 0.8 + n / 2, seed: n };
            const prompt = promptOf(3 + n, vocabSize);
            const tokens = plain.decode(prompt, COUNT, options);
            assertEquals(decoder.decode(prompt, COUNT, options), tokens, method.name);
            accepted ||= decoder.tau > 1;
          }
        }
        assert(accepted, "nothing was accepted");
      });
    },
    ["cpu", "cuda"],
  );
}
