/**
 * `generate`: continues a prompt.
 *
 * @module
 */
import { checkOptions } from "../../base/options.ts";
import type { DrafterName, GenerateOptions, Method, Prompt } from "../../engine/mod.ts";
import { DRAFTERS } from "../../engine/drafters/registry.ts";
import { CHOICE_KINDS, FORCED_BY } from "../../speculation/mod.ts";
import { GRAMMAR_NAMES, GRAMMAR_OPTIONS, grammarOption } from "./grammar.ts";
import { showGeneration } from "./generate_output.ts";
import { readInput, readTextFile, refuseEmpty, withoutLastNewline } from "./input.ts";
import { costsOf } from "./tune/cache.ts";
import { INTERRUPTED, interruptible } from "../terminal/interrupt.ts";
import { type Command, command } from "../options/command.ts";
import type { Io } from "../terminal/io.ts";
import { Progress } from "../terminal/progress.ts";
import { loadEngine, MODEL_OPTIONS, SPECULATION_OPTIONS } from "../options/engine.ts";
import { idleBeside, needsOption } from "../options/needs.ts";
import { choiceOf, SAMPLING_OPTIONS } from "../options/sampling.ts";
import { JSON_OPTION } from "../options/shared.ts";

/** The `generate` command. */
export const generate: Command = command({
  name: "generate",
  summary: "Continue a prompt: the text is the same whatever proposes its tokens.",
  notes: [
    "The text goes to standard output as it comes, on a terminal coloured by who proposed each",
    "token; standard error ends with a line of statistics. The prompt is read from standard input",
    "where neither --prompt nor --prompt-file is given. Ctrl-C ends the text after the current round,",
    "or piece of the prompt. In JSON finish_reason is stop, length (of --max-tokens), context (it is",
    "full) or aborted (by Ctrl-C); behind a --stop text, tokens end where text ends. Tokens are the",
    "likeliest ones unless --temperature or --sampling model says otherwise; a text that was sampled is",
    "had again with the --seed that the statistics and the JSON give. With a schema, a grammar or a",
    "pattern, a text that stops by itself follows it; one that reaches its length may be cut anywhere.",
  ],
  options: [
    ...MODEL_OPTIONS,
    { name: "prompt", short: "p", type: "string", value: "TEXT", summary: "The prompt" },
    {
      name: "prompt-file",
      type: "string",
      value: "FILE",
      summary: "A file with the prompt in UTF-8; a newline at its end is left out",
    },
    {
      name: "chat",
      type: "boolean",
      summary: "Put the prompt into the model's chat template, as a user's message",
    },
    {
      name: "system",
      type: "string",
      value: "TEXT",
      needs: [needsOption("chat")],
      summary: "The system's message, with --chat",
    },
    {
      name: "max-tokens",
      short: "n",
      type: "integer",
      value: "N",
      min: 1,
      summary: "Most tokens to generate; what is left of the context where absent",
    },
    ...SPECULATION_OPTIONS,
    {
      name: "stop",
      type: "list",
      value: "TEXT",
      summary: "A text that ends the generation and is no part of it",
    },
    {
      name: "ignore-eos",
      type: "boolean",
      needs: GRAMMAR_NAMES.map((name) => idleBeside(name)),
      summary: "Go on after a stop token",
    },
    ...SAMPLING_OPTIONS,
    ...GRAMMAR_OPTIONS,
    {
      name: "stats",
      type: "boolean",
      needs: [idleBeside("json")],
      summary: "Also list what auto chose when and why, and what each model's rounds took",
    },
    {
      name: "color",
      type: "string",
      value: "WHEN",
      choices: ["auto", "always", "never"],
      default: "auto",
      needs: [idleBeside("json")],
      summary: "Whether to colour the text; auto does on a terminal, unless NO_COLOR is set",
    },
    JSON_OPTION,
  ],
  alternatives: [
    { names: ["prompt", "prompt-file"], needed: "unless piped" },
    { names: GRAMMAR_NAMES },
  ],
  example: 'generate -t models/demo/target -p "Question: What is 2 + 3?" -n 40',

  async run(values, io) {
    const given = choiceOf(values);
    // Before the models are read.
    checkOptions("generate", given, CHOICE_KINDS);
    const grammar = grammarOption(values);
    const text = await readPrompt(values.prompt, values["prompt-file"], io);
    const prompt: Prompt = values.chat
      ? [
        ...(values.system === undefined ? [] : [{ role: "system", content: values.system }]),
        { role: "user", content: text },
      ]
      : text;
    using engine = await loadEngine(values, io, costsOf(values));
    const choice = values.sampling === "model" ? { ...engine.samplingDefaults, ...given } : given;
    const { json, logprobs, stats } = values;
    const color = values.color === "always" || (values.color === "auto" && io.stdout.color);
    using bar = new Progress(io.stderr);
    return await interruptible(async (signal) => {
      const options: GenerateOptions = {
        ...choice,
        logprobs,
        logprobsOf: values["logprobs-of"],
        maxTokens: values["max-tokens"],
        stop: values.stop,
        ignoreEos: values["ignore-eos"],
        grammar,
        signal,
        progress: (done, total) => {
          if (done < total) bar.update("reading the prompt", done, total);
          else bar.clear();
        },
      };
      const generation = engine.generate(prompt, options);
      const by = [...proposers(engine.method, values.inner), ...(grammar ? [FORCED_BY] : [])];
      const textOf = (id: number) => engine.tokenizer.decode([id], { skipSpecialTokens: false });
      await showGeneration(
        generation,
        { json, stats, color, signal, by, bar, choice, grammar, textOf },
        io,
      );
      return signal.aborted ? INTERRUPTED : 0;
    });
  },
});

/** Who can propose tokens in a method, the fastest first. */
function proposers(method: Method, inner: DrafterName = "eagle2"): readonly string[] {
  if (method === "auto") {
    return [...new Set(DRAFTERS.map(({ proposer }) => proposer)), "draft", "target"];
  }
  const name = method === "hier" ? inner : method;
  const drafter = DRAFTERS.filter((one) => one.name === name).map(({ proposer }) => proposer);
  const draft = method === "draft" || method === "hier" ? ["draft"] : [];
  return [...drafter, ...draft, "target"];
}

async function readPrompt(
  text: string | undefined,
  file: string | undefined,
  io: Io,
): Promise<string> {
  if (text !== undefined) return text;
  if (file !== undefined) {
    return refuseEmpty(withoutLastNewline(readTextFile(file)), `--prompt-file ${file}`);
  }
  return refuseEmpty(withoutLastNewline(await readInput(io.stdin)), "standard input as the prompt");
}
