/**
 * What a chat can be told beside what is asked: one entry for each command.
 *
 * @module
 */
import { suggestion } from "../../../base/nearest.ts";
import { UsageError } from "../../options/usage_error.ts";
import { wordList } from "../../options/word_list.ts";
import { table } from "../../terminal/table.ts";
import { statisticsLine, statisticsTables } from "../generate_output.ts";
import { type Chat, turns } from "./chat.ts";
import { SETTINGS } from "./settings.ts";
import { loadChat, saveChat } from "./stored.ts";

/** What follows a command: an answer to what was asked last, the end, or nothing. */
export type Next = "answer" | "exit" | undefined;

/** A command of a chat. */
export interface SlashCommand {
  /** Its name, behind the slash. */
  readonly name: string;
  /** What stands for its argument, in brackets where it may be absent; undefined where it takes none. */
  readonly value?: string;
  /** What it does, in a few words. */
  readonly summary: string;
  /** Runs it; the argument is empty where there is none. */
  run(chat: Chat, argument: string): Promise<Next | void> | Next;
}

const SAMPLINGS = ["greedy", "model"] as const;

/** All commands, in the order of the help. */
export const SLASH_COMMANDS: readonly SlashCommand[] = [
  {
    name: "help",
    summary: "List these",
    run: (chat) => chat.say(helpText(chat.columns)),
  },
  { name: "exit", summary: "End the chat, as Ctrl-D does", run: () => "exit" },
  {
    name: "retry",
    summary: "Answer again what was asked last, with another seed where tokens are sampled",
    run: () => "answer",
  },
  {
    name: "system",
    value: "[TEXT]",
    summary: "Set the system's message, - for none; show it",
    run(chat, text) {
      const { conversation } = chat;
      if (text !== "") conversation.system = text === "-" ? undefined : text;
      return chat.say(conversation.system ?? "There is no system's message");
    },
  },
  {
    name: "method",
    value: "[NAME]",
    summary: "Change who proposes tokens, which changes no text; list what there is",
    run(chat, name) {
      const { engine } = chat;
      if (name !== "") engine.use(name);
      return chat.say(`method ${engine.method} of ${engine.methods.join(", ")}`);
    },
  },
  {
    name: "stats",
    value: "[on|off]",
    summary: "Figures of the last answer; a line of them behind each",
    run(chat, word) {
      if (word === "") return chat.say(statsText(chat));
      chat.stats = onOrOff("stats", word);
      return undefined;
    },
  },
  {
    name: "colors",
    value: "[on|off]",
    summary: "Colour text by who proposed it and how deep in a round",
    run(chat, word) {
      const on = word === "" ? !chat.colors : onOrOff("colors", word);
      chat.colors = on;
      if (!on) return undefined;
      return chat.say(
        chat.colors
          ? chat.legend
          : "There are no colours: NO_COLOR is set, or this is no terminal that has them",
      );
    },
  },
  {
    name: "save",
    value: "FILE",
    summary: "Write what was said to a file, as JSON",
    run(chat, file) {
      saveChat(file, chat.conversation);
      return chat.say(`${file} is written`);
    },
  },
  {
    name: "load",
    value: "FILE",
    summary: "Go on where a file ends",
    run(chat, file) {
      loadChat(file, chat.conversation);
      return chat.say(`${chat.conversation.turns.length} turns are loaded`);
    },
  },
  {
    name: "drop",
    value: "[N]",
    summary: "Forget the oldest turn, or N of them",
    run(chat, text) {
      const count = text === "" ? 1 : Number(text);
      if (!Number.isSafeInteger(count) || count < 1) {
        throw new UsageError(`Cannot use /drop ${text}: expected a whole number from 1`);
      }
      const dropped = chat.conversation.dropOldest(count);
      return chat.say(
        dropped === 0 ? "There is no turn" : `The oldest ${turns(dropped)} forgotten`,
      );
    },
  },
  {
    name: "clear",
    summary: "Forget all turns",
    run(chat) {
      chat.conversation.clear();
      return undefined;
    },
  },
  {
    name: "sampling",
    value: "[WHOSE]",
    summary: "What holds for settings that are not given: greedy, or what the model asks for",
    run(chat, word) {
      if (word === "") return chat.say(`sampling ${chat.sampling}`);
      const whose = SAMPLINGS.find((one) => one === word);
      if (whose === undefined) {
        throw new UsageError(
          `Cannot use /sampling ${word}: expected ${wordList(SAMPLINGS)}${
            suggestion(word, SAMPLINGS)
          }`,
        );
      }
      // Throws where the model does not say.
      if (whose === "model") void chat.engine.samplingDefaults;
      chat.sampling = whose;
      return undefined;
    },
  },
  ...SETTINGS.map(({ name, value, summary }): SlashCommand => ({
    name,
    value: `[${value}]`,
    summary,
    run(chat, text) {
      if (text !== "") chat.settings.set(name, text);
      return chat.say(`${name} ${chat.settings.show(name) ?? "is not set"}`);
    },
  })),
];

/** Whether a line is a command, and not something to ask; that begins with two slashes where it begins with one. */
export function isCommand(line: string): boolean {
  return /^\/(?!\/)/.test(line);
}

/** What a line that is no command asks. */
export function askedBy(line: string): string {
  return line.replace(/^\/\//, "/");
}

/** Runs a line that is a command. A `UsageError` where there is none of its name, or its argument is not one it takes. */
export async function runCommand(chat: Chat, line: string): Promise<Next> {
  const [, name, argument] = /^\/(\S*)\s*([^]*?)\s*$/.exec(line)!;
  const command = SLASH_COMMANDS.find((one) => one.name === name);
  if (command === undefined) {
    const names = SLASH_COMMANDS.map((one) => one.name);
    throw new UsageError(
      `Cannot run /${name}: there is no such command, /help lists them; what begins with a slash is ` +
        `asked with two${suggestion(name, names, "/")}`,
    );
  }
  const { value } = command;
  if (value === undefined && argument !== "") {
    throw new UsageError(`Cannot use "${argument}": /${name} takes nothing`);
  }
  if (value !== undefined && !value.startsWith("[") && argument === "") {
    throw new UsageError(`Cannot run /${name}: ${value} is missing`);
  }
  return await command.run(chat, argument) ?? undefined;
}

/** The names that a line may become. */
export function completions(line: string): string[] {
  if (!isCommand(line)) return [];
  return SLASH_COMMANDS.map(({ name }) => `/${name}`).filter((name) => name.startsWith(line));
}

function helpText(columns: number): string {
  const rows = SLASH_COMMANDS.map(({ name, value, summary }) => [
    [`/${name}`, ...(value === undefined ? [] : [value])].join(" "),
    summary,
  ]);
  return table(rows, ["left", "left"], undefined, columns) +
    "\nA line that ends with \\ goes on in the next; Ctrl-C stops an answer, or empties the line.";
}

function statsText({ last, engine, columns }: Chat): string {
  if (last === undefined) {
    throw new UsageError("Cannot show figures: there is no answer, expected one");
  }
  const used = last.promptTokens + last.tokens.length;
  return [
    statisticsLine(last),
    `${last.cachedTokens} of ${last.promptTokens} tokens of the prompt were in the caches; ` +
    `${used} of ${engine.context} tokens of the context are used`,
    statisticsTables(last.stats, columns),
  ].join("\n").trimEnd();
}

function onOrOff(name: string, word: string): boolean {
  if (word === "on" || word === "off") return word === "on";
  throw new UsageError(`Cannot use /${name} ${word}: expected on or off`);
}
