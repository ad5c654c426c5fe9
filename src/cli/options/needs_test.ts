/**
 * Every option of every command: it always does something, or it is refused where it would do nothing.
 *
 * @module
 */
import { assertEquals, assertThrows } from "@std/assert";
import { parseOptions } from "./parse.ts";
import { COMMANDS } from "../registry.ts";
import { CHOICE_OPTIONS } from "./sampling.ts";
import { UsageError } from "./usage_error.ts";

/** Command lines, without what is required, and why the option of the case does nothing in them. */
type Idle = readonly (readonly [args: string, words: string])[];

/** Whatever else is given, the option changes something. */
const ALWAYS: Idle = [];

/** It changes something beside a temperature, which the model may give: its help says so, and nothing is refused. */
const BESIDE_TEMPERATURE: Idle = [];

const METHOD_READS = "a method that reads text, --method clip, gptq, smooth or smooth-gptq";
const METHOD_GPTQ = "a method that has GPTQ in it, --method gptq or smooth-gptq";

function readsText(flag: string): Idle {
  return [
    [`--scheme w4a16-g128 --method rtn ${flag}`, `it needs ${METHOD_READS}`],
    [`--scheme f16 --rotate ${flag}`, `it needs ${METHOD_READS}`],
  ];
}

function isGptq(flag: string): Idle {
  return [
    [`--scheme w4a16-g128 --method clip ${flag}`, `it needs ${METHOD_GPTQ}`],
    [`--scheme w8a8 ${flag}`, `it needs ${METHOD_GPTQ}`],
    [`--scheme f16 --rotate ${flag}`, `it needs ${METHOD_GPTQ}`],
  ];
}

function trees(flag: string): Idle {
  return [
    [flag, "it needs --head, --method suffix or --inner suffix"],
    [`--draft D ${flag}`, "it needs --head, --method suffix or --inner suffix"],
  ];
}

/** A command line of `quantize` for a head. */
const OF_HEAD = "--head H --target T --scheme w4a8-qqq";

const ALL_MODELS = "--synthetic, --model, --trio or --inflate";

/** Of the options that commands with an engine share: where they do nothing. */
const MODELS: Readonly<Record<string, Idle>> = {
  draft: [
    ["--draft D --method ar", "it needs --method draft, hier or auto"],
    ["--draft D --head H --method eagle2", "it needs --method draft, hier or auto"],
  ],
  head: [
    ["--head H --method ar", "it needs --method eagle2, eagle3, dflash, dspark, hier or auto"],
    [
      "--draft D --head H --method draft",
      "it needs --method eagle2, eagle3, dflash, dspark, hier or auto",
    ],
    ["--draft D --head H --inner suffix", "it does nothing with --inner suffix"],
  ],
  "target-head": [
    ["--target-head H", "it needs --draft"],
    ["--draft D --method draft --target-head H", "it needs --method auto"],
  ],
  inner: [
    ["--inner suffix", "it needs --draft"],
    ["--draft D --method draft --inner suffix", "it needs --method hier"],
  ],
  method: ALWAYS,
  context: ALWAYS,
  "kv-cache": ALWAYS,
  backend: ALWAYS,
  threads: [["--backend cuda --threads 2", "it does nothing with --backend cuda"]],
  "min-draft": [["--min-draft 3", "it needs --draft"], [
    "--head H --min-draft 3",
    "needs --draft",
  ]],
  siblings: [["--siblings 3", "it needs --draft"], [
    "--head H --siblings 3",
    "needs --draft",
  ]],
  depth: trees("--depth 3"),
  topk: [
    ["--topk 3", "it needs --head"],
    ["--draft D --topk 3", "it needs --head"],
    ["--method suffix --topk 3", "it needs --head"],
  ],
  "tree-size": trees("--tree-size 9"),
  "least-confidence": [
    ["--least-confidence 0.3", "it needs --head"],
    [
      "--head H --method eagle2 --least-confidence 0.3",
      "it needs --method dspark or hier",
    ],
  ],
};

/** The same cases behind other words. */
function behind(words: string, cases: Readonly<Record<string, Idle>>): Record<string, Idle> {
  const line = ([args, why]: Idle[number]) => [`${words} ${args}`, why] as const;
  return Object.fromEntries(Object.entries(cases).map(([name, idle]) => [name, idle.map(line)]));
}

/** The same of those that may have a trio in their place. */
const WITH_TRIO: Readonly<Record<string, Idle>> = {
  ...behind("--target T", MODELS),
  draft: [
    ...behind("--target T", MODELS).draft,
    ["--trio T --draft D", "it does nothing with --trio"],
  ],
  head: [
    ...behind("--target T", MODELS).head,
    ["--trio T --head H", "it does nothing with --trio"],
  ],
  "target-head": [
    ...behind("--target T", MODELS)["target-head"],
    ["--trio T --method auto --target-head H", "it does nothing with --trio"],
  ],
  inner: [
    ...behind("--target T", MODELS).inner,
    ["--trio T --method draft --inner suffix", "it needs --method hier"],
  ],
  "min-draft": [
    ...behind("--target T", MODELS)["min-draft"],
    ["--trio T --method eagle2 --min-draft 3", "it needs --method draft, hier or auto"],
  ],
};

/** Of every option: where it does nothing. */
const CASES: Readonly<Record<string, Readonly<Record<string, Idle>>>> = {
  generate: {
    target: ALWAYS,
    prompt: ALWAYS,
    "prompt-file": ALWAYS,
    chat: ALWAYS,
    system: [["--system S", "it needs --chat"]],
    "max-tokens": ALWAYS,
    ...MODELS,
    stop: ALWAYS,
    "ignore-eos": [
      ["--json-schema F --ignore-eos", "it does nothing with --json-schema"],
      ["--grammar F --ignore-eos", "it does nothing with --grammar"],
      ["--regex a --ignore-eos", "it does nothing with --regex"],
    ],
    temperature: ALWAYS,
    "top-p": BESIDE_TEMPERATURE,
    "top-k": BESIDE_TEMPERATURE,
    "min-p": BESIDE_TEMPERATURE,
    seed: BESIDE_TEMPERATURE,
    "repetition-penalty": ALWAYS,
    "presence-penalty": ALWAYS,
    "frequency-penalty": ALWAYS,
    "logit-bias": ALWAYS,
    sampling: ALWAYS,
    logprobs: [["--logprobs 3", "it needs --json"]],
    "logprobs-of": [["--json --logprobs-of processed", "it needs --logprobs"]],
    "json-schema": ALWAYS,
    grammar: ALWAYS,
    regex: ALWAYS,
    stats: [["--json --stats", "it does nothing with --json"]],
    color: [["--json --color always", "it does nothing with --json"]],
    json: ALWAYS,
  },
  chat: {
    target: ALWAYS,
    trio: ALWAYS,
    ...WITH_TRIO,
    system: ALWAYS,
    load: ALWAYS,
    "drop-oldest": ALWAYS,
    "max-tokens": ALWAYS,
    ...Object.fromEntries(
      CHOICE_OPTIONS.map(({ name }) => [name, []]),
    ),
    sampling: ALWAYS,
    colors: [["--target T --json --colors", "it does nothing with --json"]],
    stats: [["--target T --json --stats", "it does nothing with --json"]],
    json: ALWAYS,
  },
  serve: {
    target: ALWAYS,
    trio: ALWAYS,
    ...WITH_TRIO,
    name: ALWAYS,
    sampling: ALWAYS,
    host: ALWAYS,
    port: ALWAYS,
    "api-keys": ALWAYS,
    slots: ALWAYS,
    queue: ALWAYS,
    "body-limit": ALWAYS,
    "time-limit": ALWAYS,
  },
  score: {
    target: ALWAYS,
    text: ALWAYS,
    "text-file": ALWAYS,
    tokens: ALWAYS,
    top: ALWAYS,
    "kv-cache": ALWAYS,
    backend: ALWAYS,
    threads: [["--text a --backend cuda --threads 2", "it does nothing with --backend cuda"]],
    json: ALWAYS,
  },
  inspect: { context: ALWAYS, "kv-cache": ALWAYS, bandwidth: ALWAYS, json: ALWAYS },
  pull: {
    to: ALWAYS,
    quant: [["--include *.gguf --quant Q4_0", "it does nothing with --include"]],
    include: ALWAYS,
    verify: ALWAYS,
    json: ALWAYS,
  },
  quantize: {
    model: ALWAYS,
    head: [["--head H --scheme w8a8", "it needs --target"]],
    target: [["--scheme w8a8 --target T", "it needs --head"]],
    out: ALWAYS,
    scheme: ALWAYS,
    method: [["--scheme f16 --rotate --method rtn", "it does nothing with --scheme f16"]],
    "zero-points": [
      ["--scheme w8a8 --zero-points awq", "it needs --scheme w4a16-g32, w4a16-g64"],
      ["--scheme f16 --rotate --zero-points awq", "it needs --scheme w4a16-g32, w4a16-g64"],
    ],
    calibration: readsText("--calibration F"),
    "calibration-texts": readsText("--calibration-texts 3"),
    "calibration-tokens": readsText("--calibration-tokens 3"),
    damping: isGptq("--damping 0.1"),
    order: isGptq("--order static"),
    rotate: [[`${OF_HEAD} --rotate`, "it does nothing with --head"]],
    "no-rotate": [
      ["--scheme w8a8 --no-rotate", "it needs --scheme w4a8-qqq, w4a8-qqq-g128"],
      [`${OF_HEAD} --no-rotate`, "it does nothing with --head"],
    ],
    seed: [
      ["--scheme w8a8 --seed 3", "it needs --rotate"],
      ["--scheme w4a8-qoq --no-rotate --seed 3", "it needs --rotate"],
      [`${OF_HEAD} --seed 3`, "it does nothing with --head"],
    ],
    "lm-head": [
      ["--scheme f16 --rotate --lm-head w4a16", "it does nothing with --scheme f16"],
      ["--scheme w4a16-g128 --lm-head f16", "it needs --head, or one of w4a16 or w8a16"],
    ],
    backend: readsText("--backend cpu"),
    threads: ALWAYS,
    json: ALWAYS,
  },
  completions: {},
  "convert-head": { head: ALWAYS, model: ALWAYS, out: ALWAYS, json: ALWAYS },
  "hidden-states": {
    target: ALWAYS,
    texts: ALWAYS,
    out: ALWAYS,
    taps: ALWAYS,
    "text-tokens": ALWAYS,
    "shard-tokens": ALWAYS,
    backend: ALWAYS,
    threads: [["--backend cuda --threads 2", "it does nothing with --backend cuda"]],
    json: ALWAYS,
  },
  "trim-head": {
    head: ALWAYS,
    target: ALWAYS,
    texts: ALWAYS,
    keep: ALWAYS,
    "recent-tokens": ALWAYS,
    out: ALWAYS,
    backend: ALWAYS,
    threads: [["--backend cuda --threads 2", "it does nothing with --backend cuda"]],
    json: ALWAYS,
  },
  bench: {
    synthetic: ALWAYS,
    scheme: [["--trio D --scheme f16", "it needs --synthetic"]],
    "lm-head": [
      ["--lm-head w8a16", "it needs --synthetic"],
      ["--synthetic llama-3-8b --scheme w8a8 --lm-head w8a16", "it needs --scheme w4a16-g128"],
    ],
    "head-scheme": [
      ["--trio D --head-scheme f16", "it needs --synthetic or --inflate"],
      ["--inflate 70b-8b --tables ceilings --head-scheme f16", "it needs --tables with drafts"],
    ],
    "head-tokens": [
      ["--trio D --head-tokens 9", "it needs --synthetic or --inflate"],
      ["--synthetic llama-3-8b --tables forward --head-tokens 9", "it needs --tables with drafts"],
    ],
    model: ALWAYS,
    trio: ALWAYS,
    inflate: [
      ["--model D --inflate 70b-8b", "it does nothing with --model"],
      ["--synthetic llama-3-8b --inflate 70b-8b", "it does nothing with --synthetic"],
    ],
    tables: [
      ["--tables forward", `it needs ${ALL_MODELS} for forward`],
      ["--model D --tables ceilings,speculation", "needs --synthetic, --trio or --inflate"],
      ["--model D --tables end-to-end", "it needs --trio or --inflate for end-to-end"],
    ],
    rows: [
      ["--rows 3", `it needs ${ALL_MODELS}`],
      ["--model D --tables idle --rows 3", "it needs --tables with forward, context or choose"],
    ],
    context: [
      ["--context 9", `it needs ${ALL_MODELS}`],
      ["--trio D --tables end-to-end --context 9", "it needs --tables with forward, breakdown"],
    ],
    "kv-cache": [
      ["--kv-cache int8", `it needs ${ALL_MODELS}`],
      [
        "--model D --tables idle --kv-cache int8",
        "it needs --tables with forward, context or prefill",
      ],
    ],
    "prompt-tokens": [
      ["--prompt-tokens 512", `it needs ${ALL_MODELS}`],
      ["--model D --tables idle --prompt-tokens 512", "it needs --tables with prefill"],
    ],
    runs: ALWAYS,
    prompts: [
      ["--model D --prompts 3", "it needs --trio or --inflate"],
      ["--trio D --tables forward --prompts 3", "it needs --tables with end-to-end"],
    ],
    "max-tokens": [
      ["--synthetic llama-3-8b --max-tokens 3", "it needs --trio or --inflate"],
      ["--trio D --tables idle --max-tokens 3", "it needs --tables with end-to-end"],
    ],
    ...Object.fromEntries(CHOICE_OPTIONS.map(({ name, type }) => {
      const flag = `--${name} ${type === "pairs" ? "1=1" : 1}`;
      return [name, [
        [`--model D ${flag}`, "it needs --trio or --inflate"],
        [`--trio D --tables forward ${flag}`, "it needs --tables with end-to-end"],
      ]];
    })),
    json: ALWAYS,
    markdown: ALWAYS,
    compare: ALWAYS,
    backend: ALWAYS,
    threads: [["--backend cuda --threads 2", "it does nothing with --backend cuda"]],
  },
  eval: {
    trio: ALWAYS,
    target: [
      ["--bench gsm8k --trio D --target T", "it does nothing with --trio"],
      ["--bench gsm8k --targets a=T --target T", "it does nothing with --targets"],
    ],
    targets: ALWAYS,
    draft: [
      ["--bench gsm8k --trio D --draft D", "it does nothing with --trio"],
      [
        "--bench gsm8k --target T --draft D --methods ar,eagle2:depth=3",
        "it needs --methods with draft or hier",
      ],
    ],
    head: [
      ["--bench gsm8k --trio D --head H", "it does nothing with --trio"],
      [
        "--bench gsm8k --target T --head H --methods ar,suffix",
        "it needs --methods with eagle2, eagle3, dflash or dspark",
      ],
    ],
    "inner-head": [
      ["--bench gsm8k --trio D --inner-head H", "it does nothing with --trio"],
      ["--bench gsm8k --target T --inner-head H", "it needs --draft"],
      [
        "--bench gsm8k --target T --draft D --inner-head H --methods draft",
        "it needs --methods with hier",
      ],
    ],
    bench: ALWAYS,
    data: [["--bench prompts.jsonl --data D", "it does nothing with a file as --bench"]],
    methods: ALWAYS,
    limit: ALWAYS,
    "max-tokens": ALWAYS,
    context: ALWAYS,
    ...Object.fromEntries(CHOICE_OPTIONS.map(({ name }) => [name, BESIDE_TEMPERATURE])),
    sampling: ALWAYS,
    seeds: [["--bench gsm8k --seeds 2", "it needs --temperature above 0, or --sampling model"]],
    "run-code": [
      ["--bench gsm8k --run-code", "it needs --bench humaneval"],
      ["--bench prompts.jsonl --run-code", "it needs --bench humaneval"],
    ],
    out: ALWAYS,
    "kv-cache": ALWAYS,
    backend: ALWAYS,
    threads: [
      ["--bench gsm8k --backend cuda --threads 2", "it does nothing with --backend cuda"],
    ],
    json: ALWAYS,
  },
  tune: {
    target: ALWAYS,
    draft: ALWAYS,
    head: ALWAYS,
    "target-head": [["--head H --target-head G", "it needs --draft"]],
    prompts: ALWAYS,
    "max-tokens": ALWAYS,
    contexts: ALWAYS,
    rates: ALWAYS,
    plot: ALWAYS,
    "kv-cache": ALWAYS,
    backend: ALWAYS,
    threads: [["--backend cuda --threads 2", "it does nothing with --backend cuda"]],
    json: ALWAYS,
  },
  doctor: { backend: ALWAYS, json: ALWAYS },
};

/** What commands cannot do without. */
const REQUIRED: Readonly<Record<string, string>> = {
  generate: "--target T --prompt P",
  score: "--target T",
  inspect: "DIR",
  pull: "ORG/NAME",
  quantize: "--out O",
  "convert-head": "--head H --model M --out O",
  "hidden-states": "--target T --texts F --out O",
  "trim-head": "--head H --target T --texts F --keep 9 --out O",
  eval: "--out O",
  tune: "--target T",
};

function parse(name: string, args: string): unknown {
  const command = COMMANDS.find((one) => one.name === name)!;
  // One of two things is quantized.
  const model = name === "quantize" && !args.includes("--head") ? "--model M" : "";
  return parseOptions(command, `${REQUIRED[name] ?? ""} ${model} ${args}`.trim().split(/\s+/));
}

Deno.test("options: each has been thought about", () => {
  for (const { name, options } of COMMANDS) {
    assertEquals(
      Object.keys(CASES[name] ?? {}).sort(),
      options.map((option) => option.name).sort(),
      name,
    );
    for (const { name: option, needs = [] } of options) {
      assertEquals(CASES[name][option].length > 0, needs.length > 0, `${name} --${option}`);
    }
  }
});

Deno.test("options: one that would do nothing is refused, and says what it needs", () => {
  for (const [name, options] of Object.entries(CASES)) {
    for (const [option, idle] of Object.entries(options)) {
      for (const [args, words] of idle) {
        const error = assertThrows(() => parse(name, args), UsageError, words, `${name} ${args}`);
        assertEquals(error.message.startsWith(`Cannot use --${option}: it `), true, error.message);
      }
    }
  }
});

Deno.test("options: beside what they need they are taken", () => {
  const lines = [
    ["generate", "--draft D --min-draft 3"],
    ["generate", "--draft D --method draft --min-draft 3"],
    ["generate", "--head H --depth 2 --topk 3 --tree-size 9"],
    ["generate", "--draft D --head H --method hier --min-draft 3 --depth 2"],
    ["generate", "--draft D --head H --target-head G --stats --min-draft 3 --depth 2"],
    ["generate", "--method suffix --depth 2 --tree-size 9"],
    ["generate", "--draft D --inner suffix --min-draft 3 --depth 2 --tree-size 9"],
    ["generate", "--chat --system S --color always --backend cpu --threads 2"],
    [
      "generate",
      "--temperature 0.5 --top-k 4 --seed 3 --json --logprobs 0 --logprobs-of processed",
    ],
    ["generate", "--top-p 0.5 --sampling model"],
    ["chat", "--trio T --target T --min-draft 3 --temperature 0.5 --system S --colors --stats"],
    ["chat", "--target T --draft D --head H --drop-oldest --load F --json"],
    ["serve", "--trio T --min-draft 3 --depth 2 --topk 3 --tree-size 9"],
    ["serve", "--trio T --method eagle2 --depth 2"],
    ["serve", "--trio T --inner suffix --min-draft 3"],
    ["score", "--tokens 1 --threads 2"],
    ["quantize", "--scheme w4a16-g128 --damping 0.1 --order activity --zero-points gptq"],
    ["quantize", "--scheme w4a8-qqq --damping 0.1 --backend cpu --calibration-tokens 4"],
    ["quantize", "--scheme w8a8 --calibration F --rotate --seed 3"],
    ["quantize", "--scheme f16 --rotate --seed 3 --threads 2"],
    ["quantize", "--scheme w4a8-qoq --seed 3"],
    ["quantize", "--scheme w4a8-qoq-g128 --no-rotate"],
    ["quantize", "--head H --target T --scheme w4a16-g128 --method rtn --backend cpu"],
    ["quantize", "--head H --target T --scheme w4a16-g128 --lm-head f16 --damping 0.1"],
    ["bench", "--synthetic llama-3-8b --scheme w8a8,f16 --tables forward --rows 3 --context 9"],
    ["bench", "--synthetic llama-3-8b --lm-head w8a16"],
    ["bench", "--inflate 70b-8b --trio D --prompts 3 --max-tokens 4 --temperature 1 --seed 9"],
    ["bench", "--tables ceilings --runs 3"],
    [
      "eval",
      "--bench gsm8k --data D --trio T --methods ar,hier:depth=3 --sampling model --seeds 3",
    ],
    ["eval", "--bench humaneval --run-code --targets a=T,b=U --draft D --head K --inner-head H"],
    [
      "eval",
      "--bench prompts.jsonl --target T --head K --methods eagle3 --temperature 1 --seeds 2",
    ],
  ];
  for (const [name, args] of lines) parse(name, args);
});
