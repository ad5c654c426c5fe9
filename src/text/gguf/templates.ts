/**
 * The chat templates in the metadata of a GGUF file.
 *
 * @module
 */
import { CheckpointError } from "../../base/errors.ts";
import type { Metadata } from "../../gguf/mod.ts";
import type { TemplateSource, TemplateSources } from "../files/template_sources.ts";

const DEFAULT = "tokenizer.chat_template";

/**
 * The templates by name: `tokenizer.chat_template` is the default, `tokenizer.chat_template.NAME` another one. Those that
 * `tokenizer.chat_templates` lists and the file lacks are an error once they are used.
 *
 * @throws {CheckpointError} the list of names is none
 */
export function ggufTemplates(metadata: Metadata): TemplateSources {
  const { file } = metadata;
  const sources = new Map<string, TemplateSource>();
  const add = (name: string, key: string) => {
    const text = metadata.raw(key);
    if (typeof text === "string") return sources.set(name, { file, text });
    const found = text === undefined ? "missing" : `of type ${typeof text}`;
    const fault = new CheckpointError(file, `key "${key}" is ${found}, expected text`);
    return sources.set(name, { file, fault });
  };
  if (metadata.has(DEFAULT)) add("default", DEFAULT);
  const prefix = `${DEFAULT}.`;
  const keys = [...metadata.values.keys()].filter((key) => key.startsWith(prefix));
  const names = [...metadata.strings("tokenizer.chat_templates") ?? []];
  for (const name of new Set([...names, ...keys.map((key) => key.slice(prefix.length))])) {
    if (name !== "default" || !sources.has(name)) add(name, prefix + name);
  }
  return sources;
}
