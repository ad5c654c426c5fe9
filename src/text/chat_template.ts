/**
 * Conversations to prompts, by the Jinja template that comes with a model.
 *
 * @module
 */

import { Template } from "@huggingface/jinja";
import { CheckpointError, SpecMQuantError } from "../base/errors.ts";
import { inDirectory, type JsonObject, readJsonObject, readText } from "./files.ts";
import { type SpecialTokens, specialTokens } from "./special_tokens.ts";

/** One message of a conversation. */
export interface ChatMessage {
  /** Who speaks, e.g. `"system"`, `"user"` or `"assistant"`. */
  readonly role: string;
  /** What is said. */
  readonly content: string;
}

/** How {@linkcode ChatTemplate.render} renders. */
export interface RenderOptions {
  /** Whether to end with what begins the model's answer; `true` by default. */
  readonly addGenerationPrompt?: boolean;
}

/** A model's chat template. */
export class ChatTemplate {
  readonly #file: string;
  readonly #template: Template;
  readonly #special: SpecialTokens;

  private constructor(file: string, source: string, special: SpecialTokens) {
    this.#file = file;
    this.#special = special;
    try {
      this.#template = new Template(source);
    } catch (error) {
      throw new CheckpointError(
        file,
        `its chat template is malformed: ${(error as Error).message}`,
        undefined,
        { cause: error },
      );
    }
  }

  /**
   * Reads the chat template of the model directory `dir`: `chat_template.jinja`, else
   * `chat_template` in `tokenizer_config.json`, of several the one named `default`; `undefined`
   * where the model has none.
   *
   * @throws {CheckpointError} a file or the template is malformed
   */
  static load(dir: string): ChatTemplate | undefined {
    const configFile = inDirectory(dir, "tokenizer_config.json");
    const config = readJsonObject(configFile) ?? {};
    const special = specialTokens(config);
    const ownFile = inDirectory(dir, "chat_template.jinja");
    const own = readText(ownFile);
    if (own !== undefined) return new ChatTemplate(ownFile, own, special);
    const source = templateOf(configFile, config.chat_template);
    return source === undefined ? undefined : new ChatTemplate(configFile, source, special);
  }

  /**
   * The prompt for a conversation. It has the special tokens that the model wants, so encode it
   * with `addSpecialTokens: false`.
   *
   * @throws {SpecMQuantError} with code `"chat_template"`: the template refuses the conversation
   */
  render(messages: readonly ChatMessage[], options: RenderOptions = {}): string {
    try {
      return this.#template.render({
        ...this.#special,
        messages: messages.map(({ role, content }) => ({ role, content })),
        add_generation_prompt: options.addGenerationPrompt ?? true,
        // Templates ask whether these are none, as they are where nothing is given.
        tools: null,
        documents: null,
      });
    } catch (error) {
      throw new SpecMQuantError(
        "chat_template",
        `Cannot render the chat template of ${this.#file}: ${(error as Error).message}`,
        { cause: error },
      );
    }
  }
}

/** The template's source in the value of `chat_template`: text, or a list of named ones. */
function templateOf(file: string, value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "string") return value;
  if (!Array.isArray(value)) {
    throw new CheckpointError(
      file,
      `its chat_template is of type ${typeof value}, expected text or a list`,
    );
  }
  const named = value.filter((entry): entry is JsonObject => typeof entry === "object" && !!entry);
  const chosen = named.find((entry) => entry.name === "default")?.template;
  if (typeof chosen !== "string") {
    const names = named.map((entry) => String(entry.name)).join(", ");
    throw new CheckpointError(
      file,
      `its chat_template has the names [${names}], expected one named "default" with a template`,
    );
  }
  return chosen;
}
