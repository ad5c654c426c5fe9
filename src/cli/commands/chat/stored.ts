/**
 * Chats in files.
 *
 * @module
 */
import { SpecMQuantError } from "../../../base/errors.ts";
import { exists } from "../../../checkpoint/containers/json.ts";
import { writeWhole } from "../../../checkpoint/containers/whole_file.ts";
import { readTextFile } from "../input.ts";
import type { Conversation } from "./conversation.ts";

const SCHEMA = "specmquant-chat/1";

/** Writes what was said to `file`, as JSON. Code `"file"` where it cannot, or where `file` is there and is no chat. */
export function saveChat(file: string, conversation: Conversation): void {
  // Only a chat may be replaced.
  if (exists(file)) messagesIn(file, "write");
  const messages = conversation.messages(conversation.unanswered);
  writeWhole(file, `${JSON.stringify({ schema: SCHEMA, messages }, null, 2)}\n`);
}

/** Makes `conversation` what `file` says. Code `"file"` where it is no chat; nothing has changed then. */
export function loadChat(file: string, conversation: Conversation): void {
  const messages = messagesIn(file, "read");
  try {
    conversation.become(messages);
  } catch (error) {
    if (!(error instanceof SpecMQuantError)) throw error;
    throw refused(file, "read", error.message);
  }
}

function messagesIn(file: string, verb: "read" | "write"): readonly unknown[] {
  let value;
  try {
    value = JSON.parse(readTextFile(file));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw refused(file, verb, `it is there and is no JSON: ${error.message}`);
  }
  if (value?.schema !== SCHEMA || !Array.isArray(value.messages)) {
    throw refused(file, verb, `it is there and is no chat, expected "schema": "${SCHEMA}"`);
  }
  return value.messages;
}

function refused(file: string, verb: "read" | "write", reason: string): SpecMQuantError {
  return new SpecMQuantError("file", `Cannot ${verb} ${file}: ${reason}`);
}
