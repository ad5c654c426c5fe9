/**
 * Conversations to prompts, by the template that comes with a model.
 *
 * @module
 */

import { ArgumentError, CheckpointError, SpecMQuantError } from "../base/errors.ts";
import {
  BOOLEAN,
  checkOptions,
  type Kind,
  type Kinds,
  object,
  pathOf,
  TEXT,
} from "../base/options.ts";
import {
  type ChatMessage,
  templateArgument,
  templateMessages,
  templateObjects,
} from "./chat_messages.ts";
import { inDirectory, readJsonObject } from "./files/files.ts";
import { RenderError, SyntaxFault } from "./template/values/errors.ts";
import type { TemplateValue } from "./template/values/import_value.ts";
import { Template } from "./template/template.ts";
import type { Value } from "./template/values/value.ts";
import { type TemplateSources, templateSources } from "./files/template_sources.ts";
import { namedTokens, templateTokens } from "./files/template_tokens.ts";
import { ggufMetadata } from "./gguf/open.ts";
import { ggufRoles } from "./gguf/roles.ts";
import { ggufTemplates } from "./gguf/templates.ts";

export type { ChatMessage } from "./chat_messages.ts";
export { Float, type TemplateValue } from "./template/values/import_value.ts";
export { parseJson } from "./template/values/parse_json.ts";

/** How {@linkcode ChatTemplate.render} renders. */
export interface RenderOptions {
  /** Whether to end with what begins the model's answer; `true` by default. */
  readonly addGenerationPrompt?: boolean;
  /** Functions that the model may call, each as a JSON schema: `{ type: "function", function: { name, ... } }`. */
  readonly tools?: readonly TemplateValue[];
  /** Texts to answer from, each as `{ title, text }`. */
  readonly documents?: readonly TemplateValue[];
  /** What else the template knows, by name, e.g. `{ enable_thinking: false }`. */
  readonly variables?: Readonly<Record<string, TemplateValue>>;
  /** Which of several templates to take; by default `tool_use` where there are tools, else `default`. */
  readonly template?: string;
  /** The local time for templates that write it; now by default. */
  readonly now?: Date;
}

/** A list, whose items are looked at where they are used, or none. */
const LIST: Kind = {
  expected: "a list of objects",
  fits: (value) => value === null || Array.isArray(value),
};

const KINDS: Kinds<RenderOptions> = {
  addGenerationPrompt: BOOLEAN,
  tools: LIST,
  documents: LIST,
  variables: object("an object", () => true),
  template: TEXT,
  now: { expected: "a Date", fits: (value) => value instanceof Date && !Number.isNaN(+value) },
};

/** What a template is always given, so that `variables` cannot be. */
const RESERVED = ["messages", "tools", "documents", "add_generation_prompt"];

/** A model's chat templates. */
export class ChatTemplate {
  readonly #dir: string;
  readonly #sources: TemplateSources;
  readonly #tokens: ReadonlyMap<string, string>;
  readonly #compiled = new Map<string, Template>();

  private constructor(dir: string, sources: TemplateSources, tokens: ReadonlyMap<string, string>) {
    this.#dir = dir;
    this.#sources = sources;
    this.#tokens = tokens;
  }

  /**
   * Finds the chat templates of the model directory `from`, a path or a `file:` URL: `chat_template.jinja` and the files of
   * `additional_chat_templates`, else `chat_template` in `tokenizer_config.json`, else `chat_template.json`; or of
   * a GGUF file, in its metadata. `undefined` where the model has none. One that is malformed is an error once it
   * is used, as it stops nothing else.
   *
   * @throws {CheckpointError} a JSON file, or a GGUF file's vocabulary, is malformed
   */
  static load(from: string | URL): ChatTemplate | undefined {
    const dir = pathOf("load chat templates", "from", from);
    const metadata = ggufMetadata(dir);
    if (metadata !== undefined) {
      const sources = ggufTemplates(metadata);
      if (sources.size === 0) return undefined;
      return new ChatTemplate(dir, sources, namedTokens(ggufRoles(metadata)));
    }
    const config = readJsonObject(inDirectory(dir, "tokenizer_config.json")) ?? {};
    const sources = templateSources(dir, config);
    return sources.size === 0
      ? undefined
      : new ChatTemplate(dir, sources, templateTokens(dir, config));
  }

  /** The names of the templates; a single one is `default`. */
  get names(): readonly string[] {
    return [...this.#sources.keys()];
  }

  /**
   * The prompt for a conversation. It has the special tokens that the model wants, so encode it
   * with `addSpecialTokens: false`.
   *
   * @throws {CheckpointError} the template is malformed, or none can be chosen
   * @throws {ArgumentError} an argument is of a wrong type, or names a template that is not there
   * @throws {SpecMQuantError} with code `"chat_template"`: the template refuses the conversation
   */
  render(messages: readonly ChatMessage[], options: RenderOptions = {}): string {
    checkOptions("render a chat", options, KINDS);
    const name = this.#choose(options);
    const template = this.#compile(name);
    const variables = new Map<string, Value>(this.#tokens);
    for (const [key, value] of Object.entries(options.variables ?? {})) {
      if (RESERVED.includes(key)) {
        throw new ArgumentError(
          "variables",
          `Cannot render a chat: variables has "${key}", expected it as an argument of its own`,
        );
      }
      if (value !== undefined) variables.set(key, templateArgument("variables", value));
    }
    variables.set("messages", templateMessages(messages));
    for (const key of ["tools", "documents"] as const) {
      // Templates ask whether these are none, as they are where nothing is given.
      variables.set(key, options[key] ? templateObjects(key, options[key]) : null);
    }
    variables.set("add_generation_prompt", options.addGenerationPrompt ?? true);
    try {
      return template.render(variables, { now: () => options.now ?? new Date() });
    } catch (error) {
      if (!(error instanceof RenderError)) throw error;
      const what = error.kind === "Unsupported"
        ? `${error.message} is not supported`
        : error.message;
      throw new SpecMQuantError(
        "chat_template",
        `Cannot render the chat template of ${this.#sources.get(name)!.file}: ${what}`,
        { cause: error },
      );
    }
  }

  /** The name of the template to take. */
  #choose({ template, tools }: RenderOptions): string {
    const names = `[${this.names.join(", ")}]`;
    if (template !== undefined) {
      if (this.#sources.has(template)) return template;
      throw new ArgumentError(
        "template",
        `Cannot render a chat: template is "${template}", expected one of ${names}`,
      );
    }
    if (tools && this.#sources.has("tool_use")) return "tool_use";
    if (this.#sources.has("default")) return "default";
    throw new CheckpointError(
      this.#dir,
      `its chat templates have the names ${names}, expected one named "default", or the option ` +
        '"template" to name one',
    );
  }

  #compile(name: string): Template {
    const known = this.#compiled.get(name);
    if (known) return known;
    const source = this.#sources.get(name)!;
    if ("fault" in source) throw source.fault;
    const { file, text } = source;
    try {
      const template = new Template(text);
      this.#compiled.set(name, template);
      return template;
    } catch (error) {
      if (!(error instanceof SyntaxFault)) throw error;
      throw new CheckpointError(
        file,
        `its chat template cannot be parsed: ${error.message}`,
        undefined,
        { cause: error },
      );
    }
  }
}
