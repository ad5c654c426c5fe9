/**
 * The grammar of a call that has to be made.
 *
 * @module
 */
import type { CallFormat } from "./call_format.ts";

/** A tool, as a request gives it. */
export interface Tool {
  /** Its name. */
  readonly name: string;
  /** The JSON schema of its arguments; any object where absent. */
  readonly parameters?: Readonly<Record<string, unknown>>;
}

/** The JSON schema of a call of one of `tools`, as a model with `format` writes it. */
export function callSchema(tools: readonly Tool[], format: CallFormat): unknown {
  const { isList, argumentsKey } = format;
  const at = (i: number) =>
    (isList ? "/prefixItems/0" : "") + (tools.length > 1 ? `/anyOf/${i}` : "") +
    `/properties/${argumentsKey}`;
  const calls = tools.map(({ name, parameters = { type: "object" } }, i) => ({
    type: "object",
    properties: { name: { const: name }, [argumentsKey]: moved(parameters, at(i)) },
    required: ["name", argumentsKey],
    additionalProperties: false,
  }));
  const call = calls.length > 1 ? { anyOf: calls } : calls[0];
  return isList ? { type: "array", prefixItems: [call], items: false, minItems: 1 } : call;
}

/** A schema whose references are from the top of another one, in which it lies at `place`. */
function moved(schema: unknown, place: string): unknown {
  if (Array.isArray(schema)) return schema.map((one) => moved(one, place));
  if (typeof schema !== "object" || schema === null) return schema;
  return Object.fromEntries(
    Object.entries(schema).map(([key, value]) =>
      key === "$ref" && typeof value === "string" && value.startsWith("#")
        ? [key, `#${place}${value.slice(1)}`]
        : [key, moved(value, place)]
    ),
  );
}
