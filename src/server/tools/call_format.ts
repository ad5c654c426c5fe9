/**
 * How a model writes calls of tools: found out by letting its chat template write one.
 *
 * @module
 */
import type { ChatTemplate } from "../../text/chat_template.ts";
import { SpecMQuantError } from "../../base/errors.ts";

/** How calls are written: JSON objects with a name and arguments, behind something that announces them. */
export interface CallFormat {
  /** What announces a call, without spaces around it, e.g. `<tool_call>`; empty where an answer just begins with the object. */
  readonly marker: string;
  /** The same with the spaces behind it. */
  readonly opening: string;
  /** What ends a call, without spaces around it; empty where nothing does. */
  readonly closing: string;
  /** Whether the objects lie in a list. */
  readonly isList: boolean;
  /** The key of the arguments. */
  readonly argumentsKey: "arguments" | "parameters";
}

/** Names that no conversation has. */
const [NAME, KEY, VALUE] = ["probe_name", "probe_key", "probe_value"];

const USER = { role: "user", content: "probe" };
const CALL = {
  // Mistral's templates want 9 letters and digits.
  id: "probecall",
  type: "function",
  function: { name: NAME, arguments: { [KEY]: VALUE } },
};
const TOOL = {
  type: "function",
  function: {
    name: NAME,
    description: "A probe.",
    parameters: { type: "object", properties: { [KEY]: { type: "string" } } },
  },
};

/** An object of a call; Mistral's have an id behind the arguments. */
const OBJECT = new RegExp(
  `(\\[\\s*)?\\{\\s*"name":\\s*"${NAME}",\\s*"(arguments|parameters)":\\s*` +
    `\\{\\s*"${KEY}":\\s*"${VALUE}"\\s*\\}[^{}]*\\}(\\s*\\])?`,
);

/** Thoughts, which some templates write before a call where there are none. */
const THOUGHTS = /<think>[^]*?<\/think>\s*/g;

/** How the model of `template` writes calls; undefined where it does not, or not as JSON of a name and arguments. */
export function callFormat(template: ChatTemplate): CallFormat | undefined {
  let begin: string;
  let text: string;
  try {
    const tools = [TOOL];
    begin = template.render([USER], { tools });
    if (!begin.includes(NAME)) return undefined;
    const answer = { role: "assistant", content: "", tool_calls: [CALL] };
    text = template.render([USER, answer], { tools, addGenerationPrompt: false });
  } catch (error) {
    if (error instanceof SpecMQuantError && error.code === "chat_template") return undefined;
    throw error;
  }
  const said = text.slice(sameUntil(begin, text)).replace(THOUGHTS, "");
  const found = OBJECT.exec(said);
  if (found === null) return undefined;
  const [object, bracket, key] = found;
  const opening = said.slice(0, found.index).trimStart();
  const after = said.slice(found.index + object.length).trimStart();
  const marker = opening.trim();
  return {
    marker,
    opening: bracket === undefined ? opening : marker,
    // Of what is behind it only what mirrors the marker belongs to the call; else the turn has ended.
    closing: marker.startsWith("<") ? closingOf(marker, after) : "",
    isList: bracket !== undefined,
    argumentsKey: key as CallFormat["argumentsKey"],
  };
}

/** How far two texts are the same; what is in angle brackets only as a whole: `<think>` and `<tool_call>` begin alike. */
function sameUntil(one: string, other: string): number {
  let at = 0;
  while (at < one.length && one[at] === other[at]) at++;
  const open = other.lastIndexOf("<", at - 1);
  return open >= 0 && !other.slice(open, at).includes(">") ? open : at;
}

function closingOf(marker: string, after: string): string {
  const closing = marker.replace("<", "</");
  return after.startsWith(closing) ? closing : "";
}
