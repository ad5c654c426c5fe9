/**
 * Where the lines of a chat come from: a person, or a pipe.
 *
 * @module
 */
import { SpecMQuantError } from "../../../base/errors.ts";
import { INTERRUPTED, interruptible } from "../../terminal/interrupt.ts";
import type { Input } from "../../terminal/io.ts";
import { LineEditor } from "../../terminal/line_editor.ts";
import type { Chat } from "./chat.ts";
import { askedBy, completions, isCommand, runCommand } from "./slash_commands.ts";

/** What stands before a line, and before one that goes on. */
const [PROMPT, MORE] = ["> ", ". "];

/** What runs an answer with a signal that ends it. */
type During = (work: (signal: AbortSignal) => Promise<unknown>) => Promise<unknown>;

/** Does what a whole line says; gives whether the chat goes on. */
async function take(chat: Chat, line: string, during: During): Promise<boolean> {
  if (line.trim() === "") return true;
  if (!isCommand(line)) {
    await during((signal) => chat.answer(askedBy(line), signal));
    return true;
  }
  const next = await runCommand(chat, line);
  if (next === "answer") await during((signal) => chat.retry(signal));
  return next !== "exit";
}

/** A line without the backslash that says that it goes on; undefined where it does not. */
function goesOn(line: string): string | undefined {
  return line.endsWith("\\") ? `${line.slice(0, -1)}\n` : undefined;
}

/** Chats with a person at the terminal until they end it; what goes wrong is said, and the chat goes on. */
export async function chatAtTerminal(chat: Chat): Promise<number> {
  using editor = await LineEditor.open(completions);
  const during: During = (work) => editor.during(work);
  let begun = "";
  let warned = false;
  for (;;) {
    const entry = await editor.next(begun === "" ? PROMPT : MORE);
    if (entry.kind === "end") {
      await chat.say("");
      return 0;
    }
    if (entry.kind === "interrupt") {
      if (warned && entry.empty && begun === "") {
        await chat.say("");
        return 0;
      }
      warned = entry.empty && begun === "";
      editor.discard();
      if (warned) await chat.say("Ctrl-C once more, Ctrl-D or /exit ends the chat");
      begun = "";
      continue;
    }
    warned = false;
    const more = goesOn(entry.text);
    if (more !== undefined) {
      begun += more;
      continue;
    }
    const line = begun + entry.text;
    begun = "";
    try {
      if (!await take(chat, line, during)) return 0;
    } catch (error) {
      if (!(error instanceof SpecMQuantError)) throw error;
      await chat.say(`error: ${error.message}`);
    }
  }
}

/** Takes turns from the lines of `input` until they end, or something goes wrong. Ctrl-C ends it behind what is said by then. */
export async function chatOverPipe(chat: Chat, input: Input): Promise<number> {
  return await interruptible(async (signal) => {
    const aborted = new Promise<{ done: true; value?: undefined }>((resolve) =>
      signal.addEventListener("abort", () => resolve({ done: true }))
    );
    const lines = input.lines()[Symbol.asyncIterator]();
    let begun = "";
    for (;;) {
      // A pipe that is quiet must not keep Ctrl-C waiting.
      const { done, value } = await Promise.race([lines.next(), aborted]);
      const line = begun + (value ?? "");
      const more = done ? undefined : goesOn(line);
      if (more !== undefined) {
        begun = more;
        continue;
      }
      begun = "";
      const goes = await take(chat, line, (work) => work(signal));
      if (signal.aborted) return INTERRUPTED;
      if (done || !goes) return 0;
    }
  });
}
