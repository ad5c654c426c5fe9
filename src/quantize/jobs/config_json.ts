/**
 * The files beside the weights: the `config.json` of a quantized copy, and those that are copied as they are.
 *
 * @module
 */
import { onFile } from "../../base/system_error.ts";
import type { Checkpoint } from "../../checkpoint/checkpoint.ts";
import { writeWhole } from "../../checkpoint/containers/whole_file.ts";
import { infoOf } from "./out_place.ts";
import { ROTATION_FILE } from "./rotate_model.ts";

/** Files that belong to the model but not to its weights. */
const COMPANION = /\.(json|jinja|txt|model|tiktoken)$|^(LICENSE|NOTICE|USE_POLICY)/i;

/** Files that describe the weights, and so are written anew or left out. */
const DESCRIPTION =
  /^(config|quantize_config)\.json$|\.index\.json$|^(adapter|quant)_config\.json$/;

/** The folder of a model's further chat templates, whose files belong to it too. */
const TEMPLATES = "additional_chat_templates";

/** Files of `dir` by name, those of the templates' folder with it; a link to nothing is none. */
function filesOf(dir: string): [name: string, info: Deno.FileInfo][] {
  const namesIn = (folder: string) =>
    onFile("read", folder, () => [...Deno.readDirSync(folder)].map(({ name }) => name));
  const templates = infoOf(`${dir}/${TEMPLATES}`)?.isDirectory
    ? namesIn(`${dir}/${TEMPLATES}`).map((name) => `${TEMPLATES}/${name}`)
    : [];
  const names = [...namesIn(dir), ...templates];
  return names.sort().flatMap((name) => {
    // A downloaded snapshot is a directory of links: what counts is what a link names.
    const info = infoOf(`${dir}/${name}`);
    return info?.isFile ? [[name, info] as [string, Deno.FileInfo]] : [];
  });
}

/** What tells the files of a model from others: names, sizes and times, as reading 140 GB takes minutes. */
export function modelFiles(dir: string): string[] {
  return filesOf(dir).map(([name, { size, mtime }]) => `${name} ${size} ${mtime?.getTime()}`);
}

/** The same of a checkpoint, whatever it was opened from. */
export function checkpointFiles({ dir, gguf }: Checkpoint): string[] {
  if (gguf === undefined) return modelFiles(dir);
  return gguf.files.map((file) => {
    const { size, mtime } = infoOf(file)!;
    return `${file} ${size} ${mtime?.getTime()}`;
  });
}

/** Files to copy: tokenizer, generation configuration, chat template, licence, an earlier rotation and the like. */
function companions(dir: string): [name: string, info: Deno.FileInfo][] {
  return filesOf(dir).filter(([name]) =>
    name === ROTATION_FILE || (COMPANION.test(name) && !DESCRIPTION.test(name))
  );
}

/** Bytes of what {@link copyCompanions} copies. */
export function companionBytes(dir: string): number {
  return companions(dir).reduce((sum, [, { size }]) => sum + size, 0);
}

/** Copies to `to` the files of the model in `dir` that are neither its weights nor describe them. */
export function copyCompanions(dir: string, to: string): void {
  for (const [name] of companions(dir)) {
    const file = `${dir}/${name}`;
    if (name.includes("/")) {
      onFile(
        "write",
        `${to}/${TEMPLATES}`,
        () => Deno.mkdirSync(`${to}/${TEMPLATES}`, { recursive: true }),
      );
    }
    writeWhole(`${to}/${name}`, onFile("read", file, () => Deno.readFileSync(file)));
  }
}

/** The text of the `config.json` of `dir` with `changes`; keys that are undefined there are left out. */
export function changedConfig(dir: string, changes: Readonly<Record<string, unknown>>): string {
  const config = { ...readExactly(`${dir}/config.json`), ...changes };
  return `${JSON.stringify(config, null, 2)}\n`;
}

/** V8's JSON with the texts of numbers, which the types of TypeScript do not know yet. */
const ExactJson = JSON as unknown as {
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { source: string }) => unknown,
  ): Record<string, unknown>;
  rawJSON(text: string): unknown;
};

/** JSON whose numbers are written again as they stood: Python tells 1.0 from 1 and is strict about it. */
function readExactly(file: string): Record<string, unknown> {
  return ExactJson.parse(
    Deno.readTextFileSync(file),
    (_, value, { source }) => typeof value === "number" ? ExactJson.rawJSON(source) : value,
  );
}
