import { assertEquals } from "@std/assert";
import { ChatTemplate } from "../../text/chat_template.ts";
import { callFormat } from "./call_format.ts";

const TEMPLATES = new URL("../../../tests/data/templates/", import.meta.url);

const HERMES = {
  marker: "<tool_call>",
  opening: "<tool_call>\n",
  closing: "</tool_call>",
  isList: false,
  argumentsKey: "arguments",
} as const;

/** The published templates, and how their models write calls. */
const FORMATS: Readonly<Record<string, ReturnType<typeof callFormat>>> = {
  "hermes-tools": HERMES,
  "qwen-2.5": HERMES,
  "qwen-3": HERMES,
  "llama-3.1-tools": {
    marker: "",
    opening: "",
    closing: "",
    isList: false,
    argumentsKey: "parameters",
  },
  "mistral-tools": {
    marker: "[TOOL_CALLS]",
    opening: "[TOOL_CALLS]",
    closing: "",
    isList: true,
    argumentsKey: "arguments",
  },
  granite: {
    marker: "<|tool_call|>",
    opening: "<|tool_call|>",
    closing: "",
    isList: true,
    argumentsKey: "arguments",
  },
  // None, or in another way.
  smollm: undefined,
  "llama-3": undefined,
  gemma: undefined,
  glm: undefined,
  "deepseek-r1": undefined,
};

Deno.test("call format: what each published template writes", () => {
  for (const [name, format] of Object.entries(FORMATS)) {
    const dir = Deno.makeTempDirSync();
    try {
      Deno.copyFileSync(new URL(`${name}.jinja`, TEMPLATES), `${dir}/chat_template.jinja`);
      const config = { bos_token: "<s>", eos_token: "</s>" };
      Deno.writeTextFileSync(`${dir}/tokenizer_config.json`, JSON.stringify(config));
      assertEquals(callFormat(ChatTemplate.load(dir)!), format, name);
    } finally {
      Deno.removeSync(dir, { recursive: true });
    }
  }
});

Deno.test("call format: what a model has to begin with may begin as a call does", () => {
  // As those of models that think write it.
  const render: ChatTemplate["render"] = (messages, { tools, addGenerationPrompt = true } = {}) =>
    messages.map((message) => {
      if (!("tool_calls" in message)) return `${tools ? "probe_name " : ""}${message.content}\n`;
      const call = '{"name": "probe_name", "arguments": {"probe_key": "probe_value"}}';
      return `<tool_call>\n${call}\n</tool_call>\n`;
    }).join("") + (addGenerationPrompt ? "<think>\n" : "");
  assertEquals(callFormat({ render } as ChatTemplate), HERMES);
});
