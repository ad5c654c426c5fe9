/**
 * `chat`: a chat in a terminal.
 *
 * @module
 */
import { type Command, command } from "../options/command.ts";
import { loadEngine, MODEL_OPTIONS, SPECULATION_OPTIONS } from "../options/engine.ts";
import { idleBeside } from "../options/needs.ts";
import { CHOICE_OPTIONS, SAMPLING_OPTION } from "../options/sampling.ts";
import { JSON_OPTION } from "../options/shared.ts";
import { TRIO_OPTION, TRIO_OR_TARGET, trioModels } from "../options/trio.ts";
import { Chat } from "./chat/chat.ts";
import { chatAtTerminal, chatOverPipe } from "./chat/loops.ts";
import { MAX_TOKENS_OPTION, Settings } from "./chat/settings.ts";
import { loadChat } from "./chat/stored.ts";
import { costsOf } from "./tune/cache.ts";

const [TARGET, ...OTHERS] = MODEL_OPTIONS;

/**
 * Most tokens of a prompt that are read at once: so few that an answer is the same, bit for bit, whether what was said before
 * is in the caches or is read again.
 */
const PROMPT_ROWS = 64;

/** The `chat` command. */
export const chat: Command = command({
  name: "chat",
  summary: "Chat with a model in the terminal.",
  notes: [
    "/help lists what a chat can be told: another method, other sampling, a system's message, to save",
    "what was said. A line that ends with \\ goes on in the next. Ctrl-C stops an answer, twice at an",
    "empty line it ends the chat, as Ctrl-D does. Without a terminal each line of standard input is a",
    "turn, and the answers, or a line of JSON for each, go to standard output. Nothing of what was said",
    "is forgotten by itself: a full context is an error, unless --drop-oldest says otherwise.",
  ],
  options: [
    { ...TARGET, required: false },
    TRIO_OPTION,
    ...OTHERS,
    ...SPECULATION_OPTIONS,
    { name: "system", type: "string", value: "TEXT", summary: "The system's message" },
    { name: "load", type: "string", value: "FILE", summary: "Go on where a chat of /save ends" },
    {
      name: "drop-oldest",
      type: "boolean",
      summary: "Where the context is full, forget as many of the oldest turns as it takes",
    },
    MAX_TOKENS_OPTION,
    ...CHOICE_OPTIONS,
    SAMPLING_OPTION,
    {
      name: "colors",
      type: "boolean",
      needs: [idleBeside("json")],
      summary: "Colour text by who proposed it and how deep in a round, unless NO_COLOR is set",
    },
    {
      name: "stats",
      type: "boolean",
      needs: [idleBeside("json")],
      summary: "A line of figures behind each answer",
    },
    JSON_OPTION,
  ],
  alternatives: [TRIO_OR_TARGET],
  example: "chat --trio models/demo",

  async run(values, io) {
    const { trio, system, load, json, stats, colors, sampling } = values;
    // Before the models are read.
    const settings = new Settings(values);
    const models = trio === undefined
      ? { ...values, target: values.target! }
      : { ...values, ...trioModels(trio, values) };
    using engine = await loadEngine(models, io, costsOf(models), { promptRows: PROMPT_ROWS });
    const interactive = io.stdin.isTerminal && io.stdout.isTerminal && !json;
    const dropOldest = values["drop-oldest"];
    const options = { settings, sampling, json, interactive, dropOldest, colors, stats };
    const talk = new Chat(engine, options, io);
    if (load !== undefined) loadChat(load, talk.conversation);
    if (system !== undefined) talk.conversation.system = system;
    if (!interactive) return await chatOverPipe(talk, io.stdin);
    const { name, why } = engine.device;
    await talk.say(`method ${engine.method} on ${name} (${why}); /help lists commands`);
    if (talk.colors) await talk.say(talk.legend);
    return await chatAtTerminal(talk);
  },
});
