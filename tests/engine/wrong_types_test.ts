/**
 * Wrong types at run time: for every option and argument of the public API, what is no value of it is an
 * `ArgumentError` that names it, says what it is and what was expected. Nothing runs on it.
 */
import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import * as api from "../../mod.ts";
import {
  ArgumentError,
  convertHead,
  Device,
  type DeviceOptions,
  dflash,
  draftModel,
  dspark,
  eagle2,
  eagle3,
  Engine,
  type EngineOptions,
  type GenerateOptions,
  HeadModel,
  Model,
  pull,
  type PullOptions,
  quantizeCheckpoint,
  quantizeHead,
  type QuantizeHeadOptions,
  type QuantizeOptions,
  type ScoreOptions,
  scoreTokens,
  Session,
  type SessionOptions,
  speculationOf,
  type SpeculationOptions,
  suffix,
  type Tokenizer,
  trimHead,
  type TrimHeadOptions,
  writeStates,
  type WriteStatesOptions,
} from "../../mod.ts";
import { show } from "../../src/base/options.ts";
import { findLibrary } from "../../src/ffi/library.ts";
import { DEMO_DIR } from "../../scripts/models/trio.ts";
import { TestHub } from "../hub/hub.ts";
import { writeBlockOf, writeEagle3Of } from "../models.ts";
import { place, tinyRepository } from "../hub/pulled.ts";

/** What no number, no text, no path and so on can be. */
const NO_INTEGER = ["5", NaN, Infinity, 1.5, null, true, [5], {}, 5n];
const NO_COUNT = [...NO_INTEGER, 0, -1];
const NO_TEXT = [5, null, true, ["a"], {}];
const NO_PATH = [5, null, "", [], {}, new URL("https://localhost/models")];
const NO_FUNCTION = [5, "f", null, {}];
const NO_SIGNAL = [5, "s", null, {}, new AbortController()];
const NO_FLAG = [0, 1, "yes", null];
const NO_WORD = [5, null, "HIER", "", ["ar"]];
const NO_PLAN = [5, null, "eagle2", {}, () => {}];
const NO_OBJECT = [null, 5, "dir", [], true];

/** Wrong values of each option: an option without any does not compile. */
type Wrong<T> = { readonly [K in keyof T]-?: readonly unknown[] };

const SHAPE: Wrong<SpeculationOptions> = {
  minDraft: NO_COUNT,
  siblings: [...NO_INTEGER, -1],
  depth: NO_COUNT,
  topk: NO_COUNT,
  treeSize: NO_COUNT,
  leastConfidence: ["0.5", null, NaN, Infinity, [0.5], {}, -0.1, 1.1],
};
const DEVICE: Wrong<DeviceOptions> = {
  backend: NO_WORD,
  threads: [...NO_INTEGER, -1, 2 ** 31],
  index: [...NO_INTEGER, -1, 2 ** 32],
  library: NO_PATH,
};
const { index: _, ...deviceOfEngine } = DEVICE;
const ENGINE: Wrong<EngineOptions> = {
  ...SHAPE,
  ...deviceOfEngine,
  target: [...NO_PATH, undefined],
  draft: NO_PATH,
  head: NO_PATH,
  targetHead: NO_PATH,
  inner: [...NO_WORD, "hier", "draft"],
  method: NO_WORD,
  context: [...NO_COUNT, 1],
  promptRows: NO_COUNT,
  kvCache: [...NO_WORD, "i8", "bf16"],
  slots: [...NO_COUNT, 65],
  costs: NO_FUNCTION,
  progress: NO_FUNCTION,
};
const NO_NUMBER = ["1", null, NaN, Infinity, [1], {}];
const GENERATE: Wrong<GenerateOptions> = {
  maxTokens: NO_COUNT,
  stop: [5, null, "", ["a", ""], [5], { 0: "a" }, new Set(["a"])],
  ignoreEos: NO_FLAG,
  grammar: [5, null, "a", ["a"], {}, { regexp: "a" }, { regex: "a", ebnf: "a" }],
  logprobs: [...NO_INTEGER, -1, 21],
  logprobsOf: NO_WORD,
  method: NO_WORD,
  rounds: NO_FLAG,
  signal: NO_SIGNAL,
  progress: NO_FUNCTION,
  logitBias: [5, null, "5: 1", [1], { a: 1 }, { "-1": 1 }, { 5: NaN }, { 5: "1" }],
  repetitionPenalty: [...NO_NUMBER, 0, -1, 101],
  presencePenalty: [...NO_NUMBER, -101, 101],
  frequencyPenalty: [...NO_NUMBER, -101, 101],
  temperature: [...NO_NUMBER, -1, 0.001, 101],
  topK: [...NO_INTEGER, -1],
  topP: [...NO_NUMBER, -0.1, 1.1],
  minP: [...NO_NUMBER, -0.1, 1.1],
  seed: [...NO_INTEGER, -1, 2 ** 53],
};
const SCORE: Wrong<ScoreOptions> = {
  top: [...NO_INTEGER, -1, 65],
  signal: NO_SIGNAL,
  progress: NO_FUNCTION,
};
const SESSION: Wrong<SessionOptions> = {
  context: [...NO_COUNT, 1, undefined],
  drafter: NO_PLAN,
  costs: [5, null, "costs", [], {}],
  method: NO_TEXT,
  promptRows: NO_COUNT,
  kvCache: [...NO_WORD, "i8", "bf16"],
  slots: [...NO_COUNT, 65],
};

const PULL: Wrong<PullOptions> = {
  model: [...NO_TEXT, undefined, "", "llama", "org/llama@", "https://localhost/org/llama"],
  to: NO_PATH,
  include: ["*", 5, null, [5], [""]],
  quant: [...NO_TEXT, "", "Q4 0"],
  verify: NO_FLAG,
  endpoint: [...NO_TEXT, "", "localhost", "file:///models"],
  token: [...NO_TEXT, ""],
  signal: NO_SIGNAL,
  onStart: NO_FUNCTION,
  onProgress: NO_FUNCTION,
  onKept: NO_FUNCTION,
};

/** A call with options, those that it cannot do without, and wrong values of each. */
interface Case {
  readonly name: string;
  readonly call: (options: never) => unknown;
  readonly base?: object;
  readonly wrong: Readonly<Record<string, readonly unknown[]>>;
  /** Names that are options of something else, here refused too. */
  readonly misspelt: Readonly<Record<string, string>>;
}

/** An argument by its place, with wrong values. */
interface Place {
  readonly name: string;
  readonly argument: string;
  readonly call: (value: never) => unknown;
  readonly wrong: readonly unknown[];
}

const target = `${DEMO_DIR}/target`;
const draftDir = `${DEMO_DIR}/draft`;
const headDir = `${DEMO_DIR}/draft-eagle2`;

async function errorOf(call: () => unknown): Promise<unknown> {
  try {
    await call();
  } catch (error) {
    return error;
  }
  return undefined;
}

async function expectRefused(
  call: () => unknown,
  note: string,
  argument: string,
  words: readonly string[],
): Promise<void> {
  const error = await errorOf(call);
  assertInstanceOf(error, ArgumentError, `${note}: ${error}`);
  assertEquals(error.argument, argument, `${note}: ${error.message}`);
  assert(error.message.startsWith("Cannot "), `${note}: ${error.message}`);
  for (const word of words) assert(error.message.includes(word), `${note}: ${error.message}`);
}

Deno.test("every option of every export refuses what it cannot be, by name", async () => {
  using engine = await Engine.load({ target, context: 64, backend: "cpu", threads: 1 });
  const { device, target: model, tokenizer } = engine;
  using draft = Model.load(device, draftDir);
  using head = HeadModel.load(device, headDir, draft);
  const written = writeEagle3Of(Deno.makeTempDirSync(), draftDir);
  using eagle3Head = HeadModel.load(device, written, draft);
  const blocks = Deno.makeTempDirSync();
  using dflashHead = HeadModel.load(device, writeBlockOf(`${blocks}/0`, draftDir, "z-lab"), draft);
  using dsparkHead = HeadModel.load(
    device,
    writeBlockOf(`${blocks}/1`, draftDir, "DeepSpec"),
    draft,
  );
  Deno.removeSync(blocks, { recursive: true });
  Deno.removeSync(written, { recursive: true });
  using session = new Session(model, tokenizer, { context: 64 });
  await using hub = new TestHub({ "org/tiny": tinyRepository() });
  const to = place();
  const cases: Case[] = [
    {
      name: "Engine.load",
      call: (options) => Engine.load(options),
      base: { target, context: 64, backend: "cpu", threads: 1 },
      wrong: ENGINE,
      misspelt: { targt: "target", maxTokens: "", thread: "threads", topK: "topk", index: "" },
    },
    {
      name: "engine.generate",
      call: (options) => engine.generate("a", options).finish(),
      wrong: GENERATE,
      misspelt: {
        maxToken: "maxTokens",
        max_tokens: "maxTokens",
        stops: "stop",
        temperatur: "temperature",
      },
    },
    {
      name: "session.generate",
      call: (options) => session.generate([5], options).finish(),
      wrong: GENERATE,
      misspelt: { ignore_eos: "ignoreEos", onProgress: "" },
    },
    {
      name: "engine.score",
      call: (options) => engine.score("a b", options),
      wrong: SCORE,
      misspelt: { topk: "top", maxTokens: "" },
    },
    {
      name: "scoreTokens",
      call: (options) => scoreTokens(model, [5, 6], options),
      wrong: SCORE,
      misspelt: { signals: "signal" },
    },
    {
      name: "pull",
      call: (options) => pull(options),
      base: { model: "org/tiny", endpoint: hub.endpoint, to: `${to}/tiny` },
      wrong: PULL,
      misspelt: { includes: "include", verfy: "verify", revision: "" },
    },
    {
      name: "new Session",
      call: (options) => new Session(model, tokenizer, options)[Symbol.dispose](),
      base: { context: 64 },
      wrong: SESSION,
      misspelt: { contxt: "context", draft: "drafter" },
    },
    {
      name: "Device.open",
      call: (options) => Device.open(options)[Symbol.dispose](),
      base: { backend: "cpu", threads: 1 },
      wrong: DEVICE,
      misspelt: { backnd: "backend", device: "" },
    },
    {
      name: "draftModel",
      call: (options) => draftModel(draft, options),
      base: { minDraft: 4 },
      wrong: { ...SHAPE, minDraft: [...NO_COUNT, undefined], name: NO_TEXT },
      misspelt: { min_draft: "minDraft", length: "" },
    },
    ...[
      { name: "eagle2", call: (options: never) => eagle2(head, options) },
      { name: "eagle3", call: (options: never) => eagle3(eagle3Head, options) },
      { name: "dflash", call: (options: never) => dflash(dflashHead, options) },
      { name: "dspark", call: (options: never) => dspark(dsparkHead, options) },
    ].map((one) => ({
      ...one,
      base: { depth: 2, topk: 2, treeSize: 4 },
      wrong: {
        minDraft: NO_COUNT,
        siblings: [...NO_INTEGER, -1],
        depth: [...NO_COUNT, undefined],
        topk: [...NO_COUNT, undefined],
        treeSize: [...NO_COUNT, undefined],
        name: NO_TEXT,
      },
      misspelt: { treesize: "treeSize", width: "" },
    })),
    {
      name: "suffix",
      call: (options) => suffix(options),
      base: { depth: 2, treeSize: 4 },
      wrong: {
        minDraft: NO_COUNT,
        depth: [...NO_COUNT, undefined],
        topk: NO_COUNT,
        treeSize: [...NO_COUNT, 65, undefined],
        leastWorth: [...NO_NUMBER, -0.1, 1.1],
        name: NO_TEXT,
      },
      misspelt: { treesize: "treeSize", least: "" },
    },
    {
      name: "tokenizer.encode",
      call: (options) => tokenizer.encode("a", options),
      wrong: { addSpecialTokens: NO_FLAG },
      misspelt: { addSpecialToken: "addSpecialTokens", skipSpecialTokens: "" },
    },
    {
      name: "tokenizer.decode",
      call: (options) => tokenizer.decode([5], options),
      wrong: { skipSpecialTokens: NO_FLAG },
      misspelt: { skipSpecial: "skipSpecialTokens" },
    },
    {
      name: "methodOf",
      call: (options) => api.methodOf(options),
      base: { target },
      wrong: { ...ENGINE, context: NO_INTEGER },
      misspelt: { methd: "method" },
    },
  ];
  for (const { name, call, base = {}, wrong, misspelt } of cases) {
    const tryWith = (options: unknown) => () => call(options as never);
    assertEquals(await errorOf(tryWith(base)), undefined, `${name} as it should be called`);
    const absent = Object.fromEntries(
      Object.keys(wrong).filter((key) => !(key in base)).map((key) => [key, undefined]),
    );
    assertEquals(await errorOf(tryWith({ ...absent, ...base })), undefined, `${name}, undefined`);
    for (const [option, values] of Object.entries(wrong)) {
      for (const value of values) {
        const note = `${name}({ ${option}: ${show(value)} })`;
        const words = [option, show(value), "expected"];
        await expectRefused(tryWith({ ...base, [option]: value }), note, option, words);
      }
    }
    for (const [option, meant] of Object.entries(misspelt)) {
      const words = [`there is no option ${option}`, meant && `did you mean ${meant}?`];
      await expectRefused(tryWith({ ...base, [option]: 5 }), `${name}, ${option}`, option, words);
    }
    for (const value of NO_OBJECT) {
      const words = [`options is ${show(value)}, expected an object`];
      await expectRefused(tryWith(value), `${name}(${show(value)})`, "options", words);
    }
  }
});

Deno.test("every argument of every export refuses what it cannot be, by name", async () => {
  using engine = await Engine.load({ target, context: 64, backend: "cpu", threads: 1 });
  const { device, target: model, tokenizer } = engine;
  using draft = Model.load(device, draftDir);
  using session = new Session(model, tokenizer, { context: 64 });
  using other = Device.open({ backend: "cpu", threads: 1 });
  const nothing = [undefined, null, 5, {}, "a", []];
  const noPrompt = [undefined, null, 5, {}, new Float32Array(2), new ArrayBuffer(4), [], ["a"]];
  const noChat = [[{ role: "user" }], [{ role: 5, content: "a" }], [
    { role: "user", content: "a" },
    null,
  ], [{ role: "user", content: ["a"] }]];
  const noHead = {
    name: "eagle2",
    argument: "head",
    call: (it: never) => eagle2(it, { depth: 2, topk: 2, treeSize: 4 }),
  };
  const noText: readonly unknown[] = [...noPrompt, [[5]], [5, { role: "user", content: "a" }]];
  const places: Place[] = [
    {
      name: "engine.encode",
      argument: "prompt",
      call: (it) => engine.encode(it),
      wrong: [...noText, ...noChat],
    },
    {
      name: "engine.use",
      argument: "name",
      call: (it) => engine.use(it),
      wrong: [...NO_WORD, undefined],
    },
    {
      name: "engine.generate",
      argument: "prompt",
      call: (it) => engine.generate(it),
      wrong: [...noText, ...noChat],
    },
    {
      name: "session.generate",
      argument: "prompt",
      call: (it) => session.generate(it),
      wrong: [...noText, [{ role: "user", content: "a" }]],
    },
    {
      name: "engine.score",
      argument: "tokens",
      call: (it) => engine.score(it),
      wrong: noText.filter((it) => !(Array.isArray(it) && it.length === 0)),
    },
    {
      name: "scoreTokens",
      argument: "tokens",
      call: (it) => scoreTokens(model, it),
      wrong: ["text", null, ["5"], [-1], [4000]],
    },
    {
      name: "scoreTokens",
      argument: "kvCache",
      call: (it) => scoreTokens(model, [5], {}, it),
      wrong: [null, "i8", 8],
    },
    {
      name: "scoreTokens",
      argument: "model",
      call: (it) => scoreTokens(it, [5]),
      wrong: [...nothing, target, engine],
    },
    {
      name: "new Session",
      argument: "target",
      call: (it) => new Session(it, tokenizer, { context: 8 }),
      wrong: [...nothing, engine],
    },
    {
      name: "new Session",
      argument: "tokenizer",
      call: (it) => new Session(model, it, { context: 8 }),
      wrong: nothing,
    },
    {
      name: "Model.load",
      argument: "device",
      call: (it) => Model.load(it, draftDir),
      wrong: [...nothing, "cpu"],
    },
    {
      name: "Model.load",
      argument: "from",
      call: (it) => Model.load(device, it),
      wrong: [...NO_PATH, undefined],
    },
    {
      name: "Model.load",
      argument: "progress",
      call: (it) => Model.load(device, draftDir, it),
      wrong: NO_FUNCTION,
    },
    {
      name: "HeadModel.load",
      argument: "device",
      call: (it) => HeadModel.load(it, headDir, draft),
      wrong: [...nothing, other],
    },
    {
      name: "HeadModel.load",
      argument: "from",
      call: (it) => HeadModel.load(device, it, draft),
      wrong: [...NO_PATH, undefined],
    },
    {
      name: "HeadModel.load",
      argument: "verifier",
      call: (it) => HeadModel.load(device, headDir, it),
      wrong: nothing,
    },
    {
      name: "HeadModel.load",
      argument: "progress",
      call: (it) => HeadModel.load(device, headDir, draft, it),
      wrong: NO_FUNCTION,
    },
    {
      name: "draftModel",
      argument: "model",
      call: (it) => draftModel(it, { minDraft: 2 }),
      wrong: [...nothing, draftDir],
    },
    {
      name: "draftModel",
      argument: "inner",
      call: (it) => draftModel(draft, { minDraft: 2 }, it),
      wrong: NO_PLAN,
    },
    { ...noHead, wrong: [...nothing, draft] },
    ...([["eagle3", eagle3], ["dflash", dflash], ["dspark", dspark]] as const).map((
      [name, make],
    ) => ({
      name,
      argument: "head",
      call: (it: never) => make(it, { depth: 2, topk: 2, treeSize: 4 }),
      wrong: [...nothing, draft],
    })),
    {
      name: "speculationOf",
      argument: "method",
      call: (it) => speculationOf(it),
      wrong: [...NO_WORD, undefined],
    },
    {
      name: "openCheckpoint",
      argument: "from",
      call: (it) => api.openCheckpoint(it),
      wrong: [...NO_PATH, undefined],
    },
    {
      name: "openHead",
      argument: "from",
      call: (it) => api.openHead(it),
      wrong: [...NO_PATH, undefined],
    },
    {
      name: "Tokenizer.load",
      argument: "from",
      call: (it) => api.Tokenizer.load(it),
      wrong: [...NO_PATH, undefined],
    },
    {
      name: "tokenizer.encode",
      argument: "text",
      call: (it) => tokenizer.encode(it),
      wrong: [...NO_TEXT, undefined],
    },
    {
      name: "tokenizer.decode",
      argument: "ids",
      call: (it) => tokenizer.decode(it),
      wrong: [5, null, "5", undefined, ["5"], [-1], [1.5], {}],
    },
    {
      name: "ChatTemplate.load",
      argument: "from",
      call: (it) => api.ChatTemplate.load(it),
      wrong: [...NO_PATH, undefined],
    },
    { name: "Float", argument: "value", call: (it) => new api.Float(it), wrong: ["1", null, 1n] },
    {
      name: "parseJson",
      argument: "text",
      call: (it) => api.parseJson(it),
      wrong: [...NO_TEXT, undefined],
    },
    {
      name: "onWarning",
      argument: "next",
      call: (it) => api.onWarning(it),
      wrong: NO_FUNCTION,
    },
    {
      name: "planMemory",
      argument: "context",
      call: (it) => api.planMemory([], it),
      wrong: [...NO_INTEGER, -1],
    },
  ];
  for (const { name, argument, call, wrong } of places) {
    for (const value of wrong) {
      const note = `${name} with ${argument} ${show(value)}`;
      await expectRefused(() => call(value as never), note, argument, ["expected"]);
    }
  }
});

Deno.test("what renders a chat refuses options that it does not know or that are no values of theirs", async () => {
  using engine = await Engine.load({ target, context: 64, backend: "cpu", threads: 1 });
  const NO_LIST = [5, "a", {}, true];
  const wrong: Wrong<api.RenderOptions> = {
    addGenerationPrompt: NO_FLAG,
    tools: [...NO_LIST, [5], ["f"]],
    documents: [...NO_LIST, [[]]],
    variables: [5, "a", null, [], { messages: [] }, { f: () => {} }],
    template: [...NO_TEXT, "none such"],
    now: [0, "today", null, new Date(NaN)],
  };
  const chat = [{ role: "user", content: "a" }];
  for (const [option, values] of Object.entries(wrong)) {
    for (const value of values) {
      const call = () => engine.encode(chat, { [option]: value } as never);
      await expectRefused(call, `encode({ ${option}: ${show(value)} })`, option, []);
    }
  }
  const misspelt = () => engine.encode(chat, { tool: [] } as never);
  await expectRefused(misspelt, "tool", "tool", ["did you mean tools?"]);
});

Deno.test("what quantizes, converts and writes states refuses what it cannot do, and writes nothing", async () => {
  const dir = Deno.makeTempDirSync();
  const base = { model: dir, out: `${dir}/out`, scheme: "w4a16-g128" };
  const wrong: Wrong<QuantizeOptions> = {
    model: [...NO_PATH, undefined],
    out: [...NO_PATH, undefined],
    scheme: [...NO_TEXT, undefined],
    method: NO_TEXT,
    zeroPoints: NO_WORD,
    calibration: NO_PATH,
    calibrationTexts: NO_COUNT,
    calibrationTokens: NO_COUNT,
    damping: ["0.1", NaN, -1, null, Infinity],
    order: NO_WORD,
    rotate: NO_FLAG,
    seed: [...NO_INTEGER, -1],
    lmHead: NO_WORD,
    device: NO_FUNCTION,
    threads: [...NO_INTEGER, -1],
    onProgress: NO_FUNCTION,
    onKept: NO_FUNCTION,
    signal: NO_SIGNAL,
  };
  for (const [option, values] of Object.entries(wrong)) {
    for (const value of values) {
      const call = () => quantizeCheckpoint({ ...base, [option]: value } as never);
      const note = `quantizeCheckpoint({ ${option}: ${show(value)} })`;
      await expectRefused(call, note, option, [option, show(value), "expected"]);
    }
  }
  const misspelt = () => quantizeCheckpoint({ ...base, zeroPoint: "gptq" } as never);
  await expectRefused(misspelt, "zeroPoint", "zeroPoint", ["did you mean zeroPoints?"]);
  for (const option of ["head", "model", "out"]) {
    for (const value of [...NO_PATH, undefined]) {
      const options = { head: dir, model: dir, out: `${dir}/out`, [option]: value };
      const call = () => convertHead(options as never);
      await expectRefused(call, `convertHead, ${option}`, option, [show(value), "expected"]);
    }
  }
  const { model: _model, rotate: _rotate, seed: _seed, ...shared } = wrong;
  const wrongHead: Wrong<QuantizeHeadOptions> = {
    ...shared,
    head: [...NO_PATH, undefined],
    target: [...NO_PATH, undefined],
    lmHead: NO_WORD,
  };
  const wrongTrim: Wrong<TrimHeadOptions> = {
    head: [...NO_PATH, undefined],
    target: [...NO_PATH, undefined],
    texts: [...NO_PATH, undefined],
    out: [...NO_PATH, undefined],
    keep: [...NO_COUNT, undefined],
    recentTokens: [...NO_INTEGER, -1],
    device: NO_FUNCTION,
    onProgress: NO_FUNCTION,
    onKept: NO_FUNCTION,
    signal: NO_SIGNAL,
  };
  const ofHead = { head: dir, target: dir, out: `${dir}/out` };
  const trims = { ...ofHead, texts: `${dir}/texts`, keep: 9 };
  const quantizes = { ...ofHead, scheme: "w4a16-g128" };
  const calls = [
    ["quantizeHead", quantizeHead, quantizes, wrongHead],
    ["trimHead", trimHead, trims, wrongTrim],
  ] as const;
  for (const [name, run, base, wrong] of calls) {
    for (const [option, values] of Object.entries(wrong)) {
      for (const value of values) {
        const call = () => run({ ...base, [option]: value } as never);
        const note = `${name}({ ${option}: ${show(value)} })`;
        await expectRefused(call, note, option, [option, show(value), "expected"]);
      }
    }
  }
  const states = { model: dir, texts: `${dir}/texts`, out: `${dir}/out`, device: () => {} };
  const wrongStates: Wrong<WriteStatesOptions> = {
    model: [...NO_PATH, undefined],
    texts: [...NO_PATH, undefined],
    out: [...NO_PATH, undefined],
    taps: [5, null, "1", {}],
    textTokens: [...NO_COUNT, 1],
    shardTokens: NO_COUNT,
    device: [...NO_FUNCTION, undefined],
    onProgress: NO_FUNCTION,
    onKept: NO_FUNCTION,
    signal: NO_SIGNAL,
  };
  for (const [option, values] of Object.entries(wrongStates)) {
    for (const value of values) {
      const call = () => writeStates({ ...states, [option]: value } as never);
      const note = `writeStates({ ${option}: ${show(value)} })`;
      await expectRefused(call, note, option, [option, show(value), "expected"]);
    }
  }
  assertEquals([...Deno.readDirSync(dir)], []);
  Deno.removeSync(dir);
});

Deno.test("directories may be file: URLs", async () => {
  const at = (name: string) => new URL(`../../models/demo/${name}/`, import.meta.url);
  using engine = await Engine.load({
    target: at("target"),
    draft: at("draft"),
    head: at("draft-eagle2"),
    context: 64,
    backend: "cpu",
    library: new URL(`file://${findLibrary("cpu").path}`),
  });
  assertEquals([engine.method, engine.target.dir], ["auto", target]);
  using model = Model.load(engine.device, at("draft"));
  using head = HeadModel.load(engine.device, at("draft-eagle2"), model);
  assertEquals([model.dir, head.dir], [draftDir, headDir]);
});

Deno.test("models of two devices are refused together", () => {
  using one = Device.open({ backend: "cpu", threads: 1 });
  using two = Device.open({ backend: "cpu", threads: 1 });
  using model = Model.load(one, draftDir);
  using draft = Model.load(two, draftDir);
  const tokenizer = { encode: () => [], decode: () => "" } as unknown as Tokenizer;
  const drafter = draftModel(draft, { minDraft: 2 });
  const error = errorOfSync(() => new Session(model, tokenizer, { context: 32, drafter }));
  assertInstanceOf(error, ArgumentError);
  assert(error.message.includes("it is on another device"), error.message);
});

function errorOfSync(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  return undefined;
}

Deno.test("every export of the public API is checked here, or takes nothing to check", () => {
  const checked = ["Engine", "Session", "Device", "Model", "HeadModel", "scoreTokens", "draftModel"]
    .concat([
      "openCheckpoint",
      "openHead",
      "Tokenizer",
      "quantizeCheckpoint",
      "quantizeHead",
      "convertHead",
      "trimHead",
      "writeStates",
      "pull",
    ])
    .concat([
      "eagle2",
      "eagle3",
      "dflash",
      "dspark",
      "suffix",
      "methodOf",
      "speculationOf",
      "planMemory",
      "Generation",
      "onWarning",
    ]);
  checked.push("ChatTemplate", "Float", "parseJson", "Grammar");
  // They take what other exports have made, and hand it on to what is checked.
  const internal = ["contextOf", "checkMemory", "largestContext", "megabytes"];
  const known = [...checked, ...internal];
  const found = Object.entries(api).filter(([, value]) => typeof value === "function")
    .map(([name]) => name).filter((name) => !name.endsWith("Error"));
  assertEquals(found.filter((name) => !known.includes(name)), []);
  assertEquals(known.filter((name) => !found.includes(name)), []);
});
