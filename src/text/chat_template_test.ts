import { assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { CheckpointError, SpecMQuantError } from "../base/errors.ts";
import { ChatTemplate } from "./chat_template.ts";
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

Deno.test("ChatTemplate: from each place where models keep it", () => {
  const config = (chat_template: unknown) => ({ "tokenizer_config.json": { chat_template } });
  const places = [
    { "chat_template.jinja": CHATML },
    { "chat_template.jinja": CHATML, ...config("another") },
    config(CHATML),
    config([{ name: "tool_use", template: "x" }, { name: "default", template: CHATML }]),
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
});

Deno.test("ChatTemplate: special tokens, absent ones, tools and the date", () => {
  const template = load({
    "chat_template.jinja":
      "{{ bos_token }}[{{ eos_token }}]{% if pad_token is defined %}pad{% endif %}" +
      "{% if tools is not none %}tools{% endif %} {{ strftime_now('%Y') }}",
    "tokenizer_config.json": { bos_token: { content: "<s>" }, eos_token: "</s>" },
  })!;
  assertMatch(template.render([]), /^<s>\[<\/s>\] \d{4}$/);
});

Deno.test("ChatTemplate: block lines leave no space behind", () => {
  const template = load({
    "chat_template.jinja":
      "{% for m in messages %}\n  {% if true %}\n{{ m.content }}\n  {% endif %}\n{% endfor %}\n",
  })!;
  assertEquals(
    template.render([{ role: "user", content: "a" }, { role: "user", content: "b" }]),
    "a\nb\n",
  );
});

Deno.test("ChatTemplate: what the template refuses is an error with its words", () => {
  const error = assertThrows(
    () => load({ "chat_template.jinja": CHATML })!.render([{ role: "robot", content: "x" }]),
    SpecMQuantError,
    "Unknown role: robot",
  );
  assertEquals(error.code, "chat_template");
  assertStringIncludes(error.message, "chat_template.jinja");
});

Deno.test("ChatTemplate: malformed templates are errors that name the file", () => {
  const cases: ReadonlyArray<[Record<string, unknown>, file: string, words: string]> = [
    [{ "chat_template.jinja": "{% for x in %}" }, "chat_template.jinja", "malformed"],
    [{ "chat_template.jinja": new Uint8Array([0xff]) }, "chat_template.jinja", "UTF-8"],
    [{ "tokenizer_config.json": { chat_template: 3 } }, "tokenizer_config.json", "type number"],
    [
      { "tokenizer_config.json": { chat_template: [{ name: "rag", template: "x" }, 5] } },
      "tokenizer_config.json",
      "[rag]",
    ],
    [{ "tokenizer_config.json": "[" }, "tokenizer_config.json", "JSON"],
  ];
  for (const [files, file, words] of cases) {
    const error = assertThrows(() => load(files), CheckpointError, words);
    assertStringIncludes(error.file, file);
  }
});
