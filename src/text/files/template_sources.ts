/**
 * Where a model keeps its chat templates.
 *
 * @module
 */

import { CheckpointError } from "../../base/errors.ts";
import { inDirectory, type JsonObject, readJsonObject, readText } from "./files.ts";

/** The folder of templates beside the default one. */
const FOLDER = "additional_chat_templates";

/** The source of one template: its text, or why there is none. */
export type TemplateSource =
  & {
    /** The file that it is in. */
    readonly file: string;
  }
  & ({ readonly text: string } | { readonly fault: CheckpointError });

/** The templates of a model by name; one without a name is the `default`. */
export type TemplateSources = ReadonlyMap<string, TemplateSource>;

/** Reads a template's file; `undefined` where there is none. What stops that stops only who uses the template. */
function fileSource(file: string): TemplateSource | undefined {
  try {
    const text = readText(file, { keepMark: true });
    return text === undefined ? undefined : { file, text };
  } catch (error) {
    if (error instanceof CheckpointError) return { file, fault: error };
    throw error;
  }
}

function textSource(file: string, text: unknown): TemplateSource {
  if (typeof text === "string") return { file, text };
  const found = text === null ? "null" : typeof text;
  return {
    file,
    fault: new CheckpointError(file, `its chat_template is of type ${found}, expected text`),
  };
}

/** Names of the files of a folder; none where there is no such folder. */
function namesIn(folder: string): string[] {
  try {
    return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return [];
    }
    throw new CheckpointError(folder, (error as Error).message, undefined, { cause: error });
  }
}

/** Templates in files of their own. */
function ownFiles(dir: string): Map<string, TemplateSource> {
  const sources = new Map<string, TemplateSource>();
  const add = (name: string, file: string) => {
    const source = fileSource(inDirectory(dir, file));
    if (source) sources.set(name, source);
  };
  add("default", "chat_template.jinja");
  for (const file of namesIn(inDirectory(dir, FOLDER))) {
    if (file.endsWith(".jinja")) add(file.slice(0, -".jinja".length), `${FOLDER}/${file}`);
  }
  return sources;
}

/** Templates in the value of a key: text, a list of `{ name, template }`, or an object of texts. */
function inValue(file: string, value: unknown): Map<string, TemplateSource> {
  if (value === undefined || value === null) return new Map();
  if (Array.isArray(value)) {
    return new Map(value.map((entry: unknown) => {
      const { name, template } = Object(entry) as JsonObject;
      return [typeof name === "string" ? name : "default", textSource(file, template)];
    }));
  }
  if (typeof value !== "object") return new Map([["default", textSource(file, value)]]);
  return new Map(Object.entries(value).map(([name, text]) => [name, textSource(file, text)]));
}

/**
 * The chat templates of the model directory `dir`, as transformers finds them: files of their own come before
 * `tokenizer_config.json`, given as `config`; `chat_template.json` is for models that have nothing else.
 *
 * @throws {CheckpointError} a folder or a JSON file cannot be read
 */
export function templateSources(dir: string, config: JsonObject): TemplateSources {
  const own = ownFiles(dir);
  if (own.size > 0) return own;
  const configured = inValue(inDirectory(dir, "tokenizer_config.json"), config.chat_template);
  if (configured.size > 0) return configured;
  const file = inDirectory(dir, "chat_template.json");
  return inValue(file, readJsonObject(file)?.chat_template);
}
