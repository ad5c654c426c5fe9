/**
 * The `config.json` of a quantized copy, and the files that are copied as they are.
 *
 * @module
 */
import { ROTATION_FILE } from "./rotate_model.ts";

/** Files that belong to the model but not to its weights. */
const COMPANION = /\.(json|jinja|txt|model|tiktoken)$|^(LICENSE|NOTICE|USE_POLICY)/i;

/** Files that describe the weights, and so are written anew or left out. */
const DESCRIPTION =
  /^(config|quantize_config)\.json$|\.index\.json$|^(adapter|quant)_config\.json$/;

/** Copies the tokenizer, generation configuration, chat template, licence, an earlier rotation and the like. */
export function copyCompanions(from: string, to: string): void {
  for (const { name } of Deno.readDirSync(from)) {
    const wanted = COMPANION.test(name) && !DESCRIPTION.test(name);
    if (!wanted && name !== ROTATION_FILE) continue;
    // A downloaded snapshot is a directory of links: what a link names is copied, not the link.
    if (Deno.statSync(`${from}/${name}`).isFile) {
      Deno.copyFileSync(`${from}/${name}`, `${to}/${name}`);
    }
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
