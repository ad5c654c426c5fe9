import { assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { ArgumentError, CheckpointError, SpecMQuantError } from "../base/errors.ts";
import { type ChatMessage, ChatTemplate, Float, type RenderOptions } from "./chat_template.ts";
import { withDirectory } from "./fixtures_test.ts";

const CHATML = `{%- for message in messages %}
    {%- if message.role not in ['system', 'user', 'assistant'] %}
        {{- raise_exception('Unknown role: ' + message.role) }}
    {%- endif %}
    {{- '<|im_start|>' + message['role'] + '\\n' + message.content | trim + '<|im_end|>' + '\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}`;

const MESSAGES = [{ role: "system", content: " Be brief. " }, { role: "user", content: "Hi" }];
const RENDERED = "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n";

function load(files: Readonly<Record<string, unknown>>): ChatTemplate | undefined {
  return withDirectory(files, ChatTemplate.load);
}

/** What a source makes of messages. */
function render(
  source: string,
  options?: RenderOptions,
  messages: readonly ChatMessage[] = MESSAGES,
): string {
  return load({ "chat_template.jinja": source })!.render(messages, options);
}

Deno.test("ChatTemplate: from each place where models keep it", () => {
  const config = (chat_template: unknown) => ({ "tokenizer_config.json": { chat_template } });
  const places = [
    { "chat_template.jinja": CHATML },
    { "chat_template.jinja": CHATML, ...config("another") },
    config(CHATML),
    config([{ name: "tool_use", template: "x" }, { name: "default", template: CHATML }]),
    { "chat_template.json": { chat_template: CHATML } },
  ];
  for (const files of places) {
    const template = load(files)!;
    assertEquals(template.render(MESSAGES), RENDERED + "<|im_start|>assistant\n");
    assertEquals(template.render(MESSAGES, { addGenerationPrompt: false }), RENDERED);
  }
});

Deno.test("ChatTemplate: undefined where the model has none", () => {
  assertEquals(load({}), undefined);
  assertEquals(load({ "tokenizer_config.json": { eos_token: "x" } }), undefined);
  assertEquals(load({ "tokenizer_config.json": { chat_template: null } }), undefined);
  assertEquals(load({ "tokenizer_config.json": { chat_template: [] } }), undefined);
});

Deno.test("ChatTemplate: special tokens, absent ones, tools and the date", () => {
  const template = load({
    "chat_template.jinja":
      "{{ bos_token }}[{{ eos_token }}]{% if pad_token is defined %}pad{% endif %}" +
      "{% if tools is not none %}tools{% endif %} {{ strftime_now('%Y') }}",
    "tokenizer_config.json": { bos_token: { content: "<s>" }, eos_token: "</s>" },
  })!;
  assertMatch(template.render(MESSAGES), /^<s>\[<\/s>\] \d{4}$/);
});

Deno.test("ChatTemplate: all that a message has reaches the template, and reasoning under each name", () => {
  const source = "{% for m in messages %}{{ m }}\n{% endfor %}";
  const messages: ChatMessage[] = [
    { role: "assistant", content: null, name: undefined, weight: new Float(1), n: 2, big: 3n },
    { role: "assistant", thinking: "hm", content: [{ type: "text", text: "x" }] },
    { role: "assistant", reasoning: "so", reasoning_content: "why" },
  ];
  assertEquals(
    render(source, {}, messages),
    "{'role': 'assistant', 'weight': 1.0, 'n': 2, 'big': 3}\n" +
      "{'thinking': 'hm', 'role': 'assistant', 'content': [{'type': 'text', 'text': 'x'}], 'reasoning_content': 'hm'}\n" +
      "{'thinking': 'why', 'role': 'assistant', 'reasoning': 'so', 'reasoning_content': 'why'}\n",
  );
});

Deno.test("ChatTemplate: tools, documents, variables, and one of several templates", () => {
  const template = load({
    "tokenizer_config.json": {
      bos_token: "<s>",
      chat_template: [
        { name: "default", template: "{{ bos_token }} {{ thinks }} {{ documents }}" },
        { name: "tool_use", template: "{{ tools | map(attribute='name') | list }}" },
      ],
    },
  })!;
  assertEquals(template.names, ["default", "tool_use"]);
  const tools = [{ name: "f" }];
  assertEquals(template.render(MESSAGES, { tools }), "['f']");
  assertEquals(template.render(MESSAGES, { tools, template: "default" }), "<s>  None");
  const variables = { bos_token: "<b>", thinks: false };
  assertEquals(
    template.render(MESSAGES, { variables, documents: [{ title: "t" }] }),
    "<b> False [{'title': 't'}]",
  );
});

Deno.test("ChatTemplate: wrong arguments are errors that name them", () => {
  const cases: ReadonlyArray<[unknown, unknown, argument: string]> = [
    [[], {}, "messages"],
    ["Hi", {}, "messages"],
    [[1], {}, "messages"],
    [[{ role: "user", content: () => 1 }], {}, "messages"],
    [MESSAGES, { tools: "f" }, "tools"],
    [MESSAGES, { tools: ["f"] }, "tools"],
    [MESSAGES, { documents: {} }, "documents"],
    [MESSAGES, { variables: { messages: [] } }, "variables"],
    [MESSAGES, { variables: { f: Symbol("s") } }, "variables"],
    [MESSAGES, { template: "rag" }, "template"],
  ];
  for (const [messages, options, argument] of cases) {
    const error = assertThrows(
      () => render("x", options as RenderOptions, messages as ChatMessage[]),
      ArgumentError,
    );
    assertEquals(error.argument, argument);
  }
});

Deno.test("ChatTemplate: block lines leave no space behind", () => {
  const source =
    "{% for m in messages %}\n  {% if true %}\n{{ m.content }}\n  {% endif %}\n{% endfor %}\n";
  assertEquals(
    render(source, {}, [{ role: "user", content: "a" }, { role: "user", content: "b" }]),
    "a\nb\n",
  );
});

Deno.test("ChatTemplate: what the template refuses is an error with its words", () => {
  const error = assertThrows(
    () => render(CHATML, {}, [{ role: "robot", content: "x" }]),
    SpecMQuantError,
    "Unknown role: robot",
  );
  assertEquals(error.code, "chat_template");
  assertStringIncludes(error.message, "chat_template.jinja");
});

Deno.test("ChatTemplate: a malformed template stops who uses it, with an error that names the file", () => {
  const cases: ReadonlyArray<[Record<string, unknown>, file: string, words: string]> = [
    [{ "chat_template.jinja": "\n{% for x in %}" }, "chat_template.jinja", "line 2"],
    [{ "chat_template.jinja": new Uint8Array([0xff]) }, "chat_template.jinja", "UTF-8"],
    [{ "tokenizer_config.json": { chat_template: 3 } }, "tokenizer_config.json", "type number"],
    [
      { "tokenizer_config.json": { chat_template: [{ name: "default", template: 3 }] } },
      "tokenizer_config.json",
      "type number",
    ],
    [
      {
        "tokenizer_config.json": { chat_template: [{ name: "rag", template: "x" }] },
      },
      "",
      "[rag]",
    ],
  ];
  for (const [files, file, words] of cases) {
    const template = load(files)!;
    const error = assertThrows(() => template.render(MESSAGES), CheckpointError, words);
    assertStringIncludes(error.file, file);
  }
  assertThrows(() => load({ "tokenizer_config.json": "[" }), CheckpointError, "JSON");
});

Deno.test("ChatTemplate: of several templates a malformed one stops no other", () => {
  const template = load({
    "tokenizer_config.json": {
      chat_template: [{ name: "default", template: "{%" }, { name: "rag", template: "fine" }],
    },
  })!;
  assertEquals(template.render(MESSAGES, { template: "rag" }), "fine");
  assertThrows(() => template.render(MESSAGES), CheckpointError, "cannot be parsed");
});
