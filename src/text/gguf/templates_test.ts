import { assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { CheckpointError } from "../../base/errors.ts";
import { metadataOf } from "./metadata_fixtures_test.ts";
import { ggufTemplates } from "./templates.ts";

Deno.test("chat templates of a GGUF file have the names of their keys", () => {
  const sources = ggufTemplates(metadataOf({
    "tokenizer.chat_template": "A",
    "tokenizer.chat_template.tool_use": "B",
    "tokenizer.chat_template.rag": "C",
    "tokenizer.chat_templates": ["rag", "tool_use"],
  }));
  const texts = [...sources].map(([name, source]) => [name, "text" in source ? source.text : ""]);
  assertEquals(texts, [["default", "A"], ["rag", "C"], ["tool_use", "B"]]);
  assertEquals(ggufTemplates(metadataOf({})).size, 0);
});

Deno.test("a chat template that is none stops only who uses it", () => {
  const sources = ggufTemplates(metadataOf({
    "tokenizer.chat_template": 3,
    "tokenizer.chat_templates": ["rag"],
  }));
  assertEquals([...sources.keys()], ["default", "rag"]);
  for (const source of sources.values()) {
    if (!("fault" in source)) throw new Error("expected a fault");
    assertInstanceOf(source.fault, CheckpointError);
  }
  assertThrows(
    () => ggufTemplates(metadataOf({ "tokenizer.chat_templates": "rag" })),
    CheckpointError,
    '"tokenizer.chat_templates" is "rag"',
  );
});
