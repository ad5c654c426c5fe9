import { assert, assertEquals, assertGreater, assertRejects, assertThrows } from "@std/assert";
import { ArgumentError, CheckpointError, SpecMQuantError } from "../base/errors.ts";
import { resizeRows, rewrite } from "../../tests/rewrite.ts";
import { DRAFT, DRAFT_HEAD, TARGET, TARGET_HEAD, withDir } from "./fixtures_test.ts";
import { Engine } from "./engine.ts";

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
