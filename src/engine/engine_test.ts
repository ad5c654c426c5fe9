import {
  assert,
  assertEquals,
  assertGreater,
  assertGreaterOrEqual,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  ArgumentError,
  CheckpointError,
  OutOfDeviceMemoryError,
  SpecMQuantError,
} from "../base/errors.ts";
import { SMALL, writeRandomHead, writeRandomModel } from "../../tests/models.ts";
import { resizeRows, rewrite } from "../../tests/rewrite.ts";
import { DEMO_DIR, Trio } from "../../scripts/trio.ts";
import { Device } from "../device/mod.ts";
import { choiceBytes, stateBytes } from "../model/mod.ts";
import { MAX_HEAD_ROWS, MAX_TREE_ROWS } from "../ops/mod.ts";
import { type DrafterPlan, draftModel, eagle2 } from "../speculation/mod.ts";
import { Engine } from "./engine.ts";
import type { EngineOptions } from "./options.ts";
import { checkMemory, largestContext, planMemory } from "./plan.ts";
import { Session } from "./session.ts";
import { parseModelConfig } from "../checkpoint/config/config.ts";

const TARGET = `${DEMO_DIR}/target`;
const DRAFT = `${DEMO_DIR}/draft`;
const TARGET_HEAD = `${DEMO_DIR}/target-eagle2`;
const DRAFT_HEAD = `${DEMO_DIR}/draft-eagle2`;

async function withDir(body: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await body(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** Loads, expects a refusal, and returns it. */
async function refusal(options: EngineOptions): Promise<SpecMQuantError> {
  const error = await assertRejects(() => Engine.load({ backend: "cpu", ...options }));
  assertInstanceOf(error, SpecMQuantError);
  return error;
}

Deno.test("an engine takes the most that its directories allow", async () => {
  const texts = new Set<string>();
  for (
    const [method, options] of [
      ["ar", {}],
      ["auto", { draft: DRAFT }],
      ["auto", { head: TARGET_HEAD }],
      ["auto", { draft: DRAFT, head: DRAFT_HEAD }],
      ["auto", { draft: DRAFT, head: DRAFT_HEAD, targetHead: TARGET_HEAD }],
      ["auto", { method: "auto" }],
      ["draft", { draft: DRAFT, method: "draft" }],
      ["eagle2", { head: TARGET_HEAD, method: "eagle2" }],
      ["hier", { draft: DRAFT, head: DRAFT_HEAD, method: "hier" }],
      ["suffix", { method: "suffix" }],
      ["hier", { draft: DRAFT, inner: "suffix" }],
    ] as const
  ) {
    using engine = await Engine.load({ target: TARGET, context: 256, backend: "cpu", ...options });
    assertEquals(engine.method, method);
    assertEquals(engine.context, 256);
    const { text, stats } = await engine.generate("Question: 2 + 2?\nAnswer:", { maxTokens: 24 })
      .finish();
    assertEquals(stats.method, method);
    texts.add(text);
  }
  assertEquals(texts.size, 1);
});

Deno.test("an engine changes its method among what its models allow, and says the same", async () => {
  const options = { target: TARGET, backend: "cpu", context: 256, promptRows: 64 } as const;
  using engine = await Engine.load({
    ...options,
    draft: DRAFT,
    head: DRAFT_HEAD,
    targetHead: TARGET_HEAD,
    method: "auto",
  });
  const names = ["ar", "draft", "suffix", "eagle2", "hier(suffix)", "hier", "auto"];
  assertEquals(engine.methods, names);
  using plain = await Engine.load(options);
  assertEquals(plain.methods, ["ar", "suffix"]);
  const say = async (one: Engine) => {
    const prompt = "Question: 2 + 2?\nAnswer:";
    return (await one.generate(prompt, { maxTokens: 24, ignoreEos: true }).finish());
  };
  const expected = (await say(plain)).tokens;
  for (const name of names.toReversed()) {
    engine.use(name);
    const { tokens, cachedTokens, stats } = await say(engine);
    assertEquals(tokens, expected, name);
    assertEquals([cachedTokens, stats.method], [0, name.replace(/\(.*/, "")], name);
    assertEquals(engine.method, stats.method);
  }
  engine.use("draft");
  assertThrows(
    () => engine.use("hier(eagle3)"),
    ArgumentError,
    "Cannot change the method to hier(eagle3): an EAGLE-3 head of the draft model is missing, expected ar, draft",
  );
  // What was refused has changed nothing.
  assertEquals([engine.method, (await say(engine)).tokens], ["draft", expected]);
  assertThrows(
    () => plain.use("hier"),
    ArgumentError,
    "a draft model is missing, expected ar, suffix",
  );
  const running = engine.generate("Question: 2 + 2?");
  const pieces = running[Symbol.asyncIterator]();
  await pieces.next();
  engine.use("ar");
  const error = await assertRejects(() => pieces.next(), SpecMQuantError);
  assertEquals(error.code, "disposed");
  assertEquals((await say(engine)).tokens, expected);
  engine[Symbol.dispose]();
  const ended = assertThrows(() => engine.use("ar"), SpecMQuantError);
  assertEquals(ended.code, "disposed");
});

Deno.test("a chat is a prompt, and its tokens are those of its template", async () => {
  using engine = await Engine.load({ target: TARGET, backend: "cpu" });
  assertEquals(
    engine.encode([{ role: "user", content: "How many?" }]),
    engine.encode("Question: How many?\nAnswer:"),
  );
  const { logprobs, perplexity } = engine.score("Question: How many?");
  assertEquals(logprobs[0], null);
  assert(perplexity! > 1);
});

Deno.test("a chat that its template refuses, or that is none, leaves an engine free", async () => {
  using engine = await Engine.load({ target: TARGET, backend: "cpu", context: 128 });
  const options = { maxTokens: 2 };
  for (
    const [chat, words] of [
      [[{ role: "user" }], "content of message 0 is undefined, expected text"],
      [[{ role: "user", content: "a" }, null], "role of message 1 is undefined"],
      [[{ role: "user", content: "a" }, { role: 5, content: "b" }], "role of message 1 is 5"],
      [[], "the prompt has no tokens"],
    ] as const
  ) {
    assertThrows(() => engine.generate(chat as never, options), ArgumentError, words);
    assertEquals((await engine.generate("a", options).finish()).tokens.length, 2);
  }
});

Deno.test("a generation ends with the disposed error when its engine is disposed", async () => {
  const engine = await Engine.load({ target: TARGET, draft: DRAFT, backend: "cpu", context: 128 });
  const error = await assertRejects(async () => {
    for await (const _ of engine.generate("Question: 1 + 1?")) engine[Symbol.dispose]();
  }, SpecMQuantError);
  assertEquals(error.code, "disposed");
  engine[Symbol.dispose]();
});

Deno.test("a chat template that cannot be read stops chats, and not plain prompts", () =>
  withDir(async (dir) => {
    for (const { name } of Deno.readDirSync(TARGET)) {
      Deno.symlinkSync(`${Deno.realPathSync(TARGET)}/${name}`, `${dir}/${name}`);
    }
    Deno.writeTextFileSync(`${dir}/chat_template.jinja`, "{% for m in messages %}");
    using engine = await Engine.load({ target: dir, context: 64, backend: "cpu" });
    const { tokens } = await engine.generate("Question: 2 + 2?", { maxTokens: 2 }).finish();
    assertEquals(tokens.length, 2);
    const chat = () => engine.encode([{ role: "user", content: "2 + 2?" }]);
    assertEquals(assertThrows(chat, CheckpointError).file, `${dir}/chat_template.jinja`);
  }));

Deno.test("what a chat is given reaches the model's template", () =>
  withDir(async (dir) => {
    for (const { name } of Deno.readDirSync(TARGET)) {
      Deno.symlinkSync(`${Deno.realPathSync(TARGET)}/${name}`, `${dir}/${name}`);
    }
    Deno.writeTextFileSync(
      `${dir}/chat_template.jinja`,
      "{{ tools[0].name }} {{ messages[0].tool_calls[0].id }} {{ effort }}",
    );
    using engine = await Engine.load({ target: dir, context: 64, backend: "cpu" });
    const chat = [{ role: "assistant", tool_calls: [{ id: "c1" }] }];
    assertEquals(
      engine.encode(chat, { tools: [{ name: "f" }], variables: { effort: "high" } }),
      engine.tokenizer.encode("f c1 high", { addSpecialTokens: false }),
    );
  }));

Deno.test("an engine refuses models that do not fit together, and names them", () =>
  withDir(async (dir) => {
    const draft = writeRandomModel(`${dir}/draft`, SMALL);
    assertStringIncludes(
      (await refusal({ target: TARGET, draft })).message,
      "its vocabulary has 160 entries, expected 3072",
    );
    const wide = await refusal({ target: TARGET, head: DRAFT_HEAD });
    assertInstanceOf(wide, CheckpointError);
    assertStringIncludes(wide.message, "its hidden size is 256, expected 384");
    const head = writeRandomHead(`${dir}/head`, { ...SMALL, hidden: 384 });
    assertStringIncludes((await refusal({ target: TARGET, head })).message, "160 entries");
    assertStringIncludes((await refusal({ target: draft })).message, "tokenizer.json");
    assertStringIncludes((await refusal({ target: `${dir}/none` })).message, `${dir}/none`);
  }));

Deno.test("an engine says which of its directories is wrong, and where it belongs", () =>
  withDir(async (dir) => {
    const refused = async (options: EngineOptions, role: string, message: string) => {
      const error = await refusal(options);
      assertEquals(error.role, role);
      assert(error.message.startsWith(`${role}: Cannot `), error.message);
      assertStringIncludes(error.message, message);
    };
    const none = `${dir}/none`;
    await refused({ target: none }, "target", "it does not exist");
    await refused({ target: TARGET, draft: none }, "draft", "it does not exist");
    await refused({ target: TARGET, head: none }, "head", "it does not exist");
    await refused(
      { target: TARGET, draft: "org/name" },
      "draft",
      "name of a model on Hugging Face",
    );
    const isHead = "it holds a draft head";
    await refused({ target: DRAFT_HEAD }, "target", isHead);
    await refused({ target: TARGET, draft: TARGET_HEAD }, "draft", isHead);
    await refused({ target: TARGET, head: DRAFT }, "head", "it holds a complete model");
    await refused({ target: TARGET, draft: DRAFT, head: TARGET_HEAD }, "head", "hidden size");
    const draft = writeRandomModel(`${dir}/draft`, { ...SMALL, vocab: 3072 });
    const json = JSON.parse(Deno.readTextFileSync(`${TARGET}/tokenizer.json`));
    const [a, b] = Object.keys(json.model.vocab).slice(-2);
    const { [a]: x, [b]: y } = json.model.vocab;
    Object.assign(json.model.vocab, { [a]: y, [b]: x });
    Deno.writeTextFileSync(`${draft}/tokenizer.json`, JSON.stringify(json));
    await refused({ target: TARGET, draft }, "draft", "needs the tokenizer of its target");
  }));

Deno.test("an engine takes a draft model that is padded differently", () =>
  withDir(async (dir) => {
    const prompt = "Question: Tom has 3 apples and buys 5 more. How many?\nAnswer:";
    const run = async (draft: string, head?: string) => {
      using engine = await Engine.load({
        target: TARGET,
        draft,
        head,
        method: head ? "hier" : "draft",
        context: 256,
        backend: "cpu",
      });
      const { tokens, stats } = await engine.generate(prompt, { maxTokens: 40 }).finish();
      return [tokens, stats.tau];
    };
    for (const rows of [3072 + 128, 3072 - 128]) {
      const padded = rewrite(DRAFT, `${dir}/${rows}`, (tensors) => {
        resizeRows(tensors, ["model.embed_tokens.weight"], rows);
      }, { vocab_size: rows });
      // No token beyond 2944 is said here, so that its acceptance is that of the whole one.
      assertEquals(await run(padded), await run(DRAFT));
      assertEquals(await run(padded, DRAFT_HEAD), await run(DRAFT, DRAFT_HEAD));
    }
  }));

Deno.test("an engine refuses options out of range, and names them", async () => {
  const all = { target: TARGET, draft: DRAFT, head: DRAFT_HEAD, method: "hier" } as const;
  const refused = async (options: EngineOptions, argument: string, message: string) => {
    const error = await refusal(options);
    assertInstanceOf(error, ArgumentError);
    assertEquals(
      [error.argument, error.message.includes(message)],
      [argument, true],
      error.message,
    );
  };
  await refused({ target: TARGET, method: "hier" }, "draft", "no draft is given");
  await refused({ target: TARGET, draft: DRAFT, method: "hier" }, "head", "path of a head of the");
  await refused({ target: TARGET, inner: "suffix" }, "draft", "no draft is given");
  const both = { target: TARGET, draft: DRAFT, inner: "suffix" } as const;
  await refused({ ...both, method: "draft" }, "inner", "method is draft, expected hier");
  await refused({ ...both, head: DRAFT_HEAD }, "head", "inner is suffix, which has none");
  await refused({ target: TARGET, draft: DRAFT, inner: "eagle2" }, "head", "no head is given");
  await refused({ target: TARGET, method: "suffix", treeSize: 65 }, "treeSize", "1 to 64");
  await refused({ ...all, treeSize: 65 }, "treeSize", "treeSize is 65, expected at most 64");
  await refused({ ...all, depth: 1, topk: 4, treeSize: 9 }, "treeSize", "at most 5");
  await refused({ ...all, depth: 9, topk: 40 }, "depth", "at most 256");
  await refused({ ...all, topk: 0 }, "topk", "topk is 0");
  await refused({ ...all, minDraft: 0 }, "minDraft", "minDraft is 0");
  await refused({ ...all, minDraft: 62 }, "minDraft", "at most 64");
  await refused({ ...all, siblings: 55 }, "siblings", "siblings is 55, expected at most 50");
  await refused({ ...all, targetHead: TARGET_HEAD }, "targetHead", "expected a draft model and");
  const head = { target: TARGET, head: TARGET_HEAD };
  await refused({ ...head, targetHead: TARGET_HEAD }, "targetHead", "no draft is given");
  const auto = { ...all, method: "auto" } as const;
  await refused({ ...auto, treeSize: 65 }, "treeSize", "treeSize is 65, expected at most 64");
  await refused({ ...auto, minDraft: 62 }, "minDraft", "at most 64");
  await refused({ ...all, context: 1 }, "context", "context of 1");
  await refused({ ...all, context: 2049 }, "context", "expected 2 to 2048");
});

Deno.test("a memory plan has room for the largest proposals of all", () => {
  using trio = new Trio();
  const { device, target, draft, draftHead } = trio;
  // A chain as deep as a head's masks allow, in a proposal of 64 rows.
  const tree = { depth: MAX_HEAD_ROWS + 1, topk: 1, treeSize: 8 };
  const plan = (siblings: number) =>
    draftModel(draft, { minDraft: 6, siblings }, eagle2(draftHead, tree));
  const { rows, slack } = plan(50);
  assertEquals([rows, slack], [64, 64 + 2 * MAX_HEAD_ROWS + 3]);
  const context = 1000;
  const options = { context, slots: context + 1 + slack, rows: 1024, logitsRows: MAX_TREE_ROWS };
  const { config, summary: { needs } } = target;
  const needed = stateBytes(config, options, needs) + choiceBytes(config, MAX_TREE_ROWS);
  assertGreaterOrEqual(
    planMemory([{ role: "target", config, weightBytes: 0, needs }], context).total,
    needed,
  );
  const taken = (drafter: DrafterPlan) => {
    const { used } = device.memory();
    using _ = new Session(target, trio.tokenizer, { context: 128, drafter });
    return device.memory().used - used;
  };
  // What the two differ in: siblings, and the rows that a proposal has for them.
  const more = taken(plan(50)) - taken(plan(0));
  const logits = 50 * config.vocabSize * 2 * 4;
  // As many more slots, each with its angles in three tables.
  const angles = 50 * 3 * config.headDim * 4;
  const buffers = planMemory([{ role: "draft", config, weightBytes: 0, needs }], context).total -
    planMemory([{ role: "target", config, weightBytes: 0, needs }], context).total;
  assertGreater(more, 0);
  assertGreaterOrEqual(buffers + logits + angles, more);
});

Deno.test("a memory plan names the largest context that fits", () => {
  const config = parseModelConfig("config.json", {
    architectures: ["LlamaForCausalLM"],
    model_type: "llama",
    vocab_size: 128256,
    hidden_size: 8192,
    intermediate_size: 28672,
    num_hidden_layers: 80,
    num_attention_heads: 64,
    num_key_value_heads: 8,
    hidden_act: "silu",
    rms_norm_eps: 1e-5,
    rope_theta: 500000,
    max_position_embeddings: 131072,
  });
  const needs = {
    normedQuantized: false,
    activatedRows: true,
    activatedQuantized: false,
    scratch: 0,
    logitsScratch: 0,
  };
  const models = [{ role: "target", config, weightBytes: 39e9, needs }];
  const free = 48e9;
  const largest = largestContext(models, free);
  assert(planMemory(models, largest).total <= free);
  assert(planMemory(models, largest + 64).total > free);

  using device = Device.open({ backend: "cpu" });
  const { free: left } = device.memory();
  const small = [{ ...models[0], weightBytes: left / 2 }];
  const fits = largestContext(small, left, device);
  assert(fits > 1000);
  checkMemory(small, Math.floor(fits / 2), device);
  const error = assertThrows(
    () => checkMemory(small, 2 * fits, device),
    OutOfDeviceMemoryError,
    "the largest context that fits is",
  );
  assert(error.requested > error.free);
});

Deno.test("an engine tunes what auto chooses among, and goes on by it", async () => {
  using engine = await Engine.load({
    target: TARGET,
    draft: DRAFT,
    head: DRAFT_HEAD,
    targetHead: TARGET_HEAD,
    backend: "cpu",
    context: 128,
  });
  const prompt = "Question: 2 + 2?\nAnswer:";
  const options = {
    prompts: [[...engine.encode(prompt)]],
    maxTokens: 8,
    contexts: [16],
    realised: 1,
  };
  const before = await engine.generate(prompt, { maxTokens: 16 }).finish();
  const tuned = engine.tune(options);
  assertEquals(tuned.settings.filter(({ realised }) => realised !== undefined).length, 1);
  assertEquals(tuned.costs.contexts, [16]);
  const after = await engine.generate(prompt, { maxTokens: 16 }).finish();
  assertEquals(after.tokens, before.tokens);
  assertGreater(after.stats.choices!.length, 0);
  for (
    const [wrong, name] of [
      [{ prompts: [] }, "prompts"],
      [{ prompts: [["a"]] }, "prompts"],
      [{ contexts: [0] }, "contexts"],
      [{ maxTokens: 0 }, "maxTokens"],
      [{ rates: { "0 tree": 1 } }, "rates"],
      [{ realized: 3 }, "realized"],
    ] as const
  ) {
    const given = { ...options, ...wrong } as unknown as typeof options;
    const error = assertThrows(() => engine.tune(given), ArgumentError);
    assertEquals(error.argument, name);
  }
  using plain = await Engine.load({ target: TARGET, backend: "cpu", context: 128 });
  assertThrows(() => plain.tune(options), ArgumentError, "the method is ar");
});
