/**
 * `chat`: turns over a pipe and at a terminal say what fresh sessions say, whatever is done between them.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertStringIncludes,
} from "@std/assert";
import { testIo } from "../../src/cli/fixtures_test.ts";
import { Chat } from "../../src/cli/commands/chat/chat.ts";
import { Settings } from "../../src/cli/commands/chat/settings.ts";
import { SLASH_COMMANDS } from "../../src/cli/commands/chat/slash_commands.ts";
import { runProgram } from "../../src/cli/program.ts";
import { COMMANDS } from "../../src/cli/registry.ts";
import { Engine, type GenerateOptions, type Message } from "../../src/engine/mod.ts";
import { ESCAPE, noTerminal, Terminal } from "../terminal.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const DEMO = `${ROOT}models/demo`;

const root = Deno.makeTempDirSync();
addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));

/** What is said: five turns, one of two lines, one that begins with a slash. */
const ASKED = [
  "Tom has 3 apples and buys 5 more. How many apples does he have?",
  "And if he eats 2?",
  "Ann sells 12 eggs.\nShe gets 2 dollars for each. How many dollars?",
  "/2 of that?",
  "Why?",
];

/** The same as lines of a pipe. */
const LINES = ASKED.map((text) => text.replaceAll("\n", "\\\n").replace(/^\//, "//"));

const LENGTH = 24;
const SHORT = ["-n", `${LENGTH}`];
const SAMPLED = { temperature: 0.8, topP: 0.95, seed: 7 };

/** The target alone, which forgets everything before each text. */
async function withPlain<T>(
  work: (
    say: (messages: Message[], options?: GenerateOptions) => Promise<string>,
    engine: Engine,
  ) =>
    | Promise<T>
    | T,
  context?: number,
): Promise<T> {
  const backend = "cpu";
  using engine = await Engine.load({ target: `${DEMO}/target`, promptRows: 64, backend, context });
  const say = async (messages: Message[], options?: GenerateOptions) => {
    engine.forget();
    return (await engine.generate(messages, { maxTokens: LENGTH, ...options }).finish()).text;
  };
  return await work(say, engine);
}

/** A chat of all turns by fresh sessions. */
function freshChat(options?: GenerateOptions): Promise<string[]> {
  return withPlain(async (say) => {
    const messages: Message[] = [];
    const answers: string[] = [];
    for (const content of ASKED) {
      messages.push({ role: "user", content });
      const answer = await say(messages, options);
      messages.push({ role: "assistant", content: answer });
      answers.push(answer);
    }
    return answers;
  });
}

async function chat(lines: readonly string[], ...args: string[]) {
  const io = testIo({ stdin: lines.map((line) => `${line}\n`).join("") });
  // To choose a method is measured for a moment.
  const method = args.includes("--method") ? [] : ["--method", "ar"];
  const all = ["chat", "--backend", "cpu", "--trio", DEMO, ...method, ...args];
  const code = await runProgram(all, COMMANDS, io);
  return { code, out: io.stdout.text, err: io.stderr.text };
}

interface TurnJson {
  readonly turn: number;
  readonly asked: string;
  readonly text: string;
  readonly sampling: { readonly seed: number | null };
  readonly prompt_tokens: number;
  readonly cached_tokens: number;
  readonly dropped: number;
  readonly stats: { readonly method: string };
}

async function turns(lines: readonly string[], ...args: string[]): Promise<TurnJson[]> {
  const { code, out, err } = await chat(lines, "--json", ...SHORT, ...args);
  assertEquals(code, 0, err);
  return out.trim().split("\n").map((line) => JSON.parse(line));
}

const greedy = await freshChat();

Deno.test("chat: five turns over a pipe are those of fresh sessions", async () => {
  const { code, out, err } = await chat(LINES, ...SHORT, "--method", "auto");
  assertEquals([code, err], [0, ""]);
  assertEquals(out, greedy.map((text) => text.endsWith("\n") ? text : `${text}\n`).join(""));
  const told = await turns(LINES, "--method", "hier");
  assertEquals(told.map(({ text }) => text), greedy);
  assertEquals(told.map(({ asked }) => asked), ASKED);
  assertEquals(told.map(({ turn }) => turn), [1, 2, 3, 4, 5]);
  // Only what is new is read.
  for (const one of told.slice(1)) assert(one.cached_tokens > one.prompt_tokens / 2, `${one.turn}`);
});

Deno.test("chat: sampled turns, and those of changed settings, are those of fresh sessions", async () => {
  const flags = ["--temperature", "0.8", "--top-p", "0.95", "--seed", "7", "--method", "eagle2"];
  const sampled = await freshChat(SAMPLED);
  assertNotEquals(sampled, greedy);
  assertEquals((await turns(LINES, ...flags)).map(({ text }) => text), sampled);
  const set = ["/temperature 0.8", "/top-p 0.95", "/seed 7"];
  const later = await turns([...set, ...LINES, "/temperature off", LINES[0]], "--method", "draft");
  assertEquals(later.slice(0, 5).map(({ text }) => text), sampled);
  assertEquals(later[5].sampling.seed, null);
});

Deno.test("chat: another method in the middle leaves the text the same", async () => {
  const names = ["hier", "eagle2", "suffix", "ar", "draft"];
  const lines = LINES.flatMap((line, at) => [`/method ${names[at]}`, line]);
  const told = await turns(lines, "--method", "auto");
  assertEquals(told.map(({ text }) => text), greedy);
  assertEquals(told.map(({ stats }) => stats.method), names);
  const { code, err } = await chat(["/method eagle3"]);
  assertEquals(code, 1);
  assertStringIncludes(err, "an EAGLE-3 head of the target is missing, expected ar, suffix");
});

Deno.test("chat: /retry gives the same greedy answer, and another seed's where tokens are sampled", async () => {
  const told = await turns(
    [LINES[0], "/retry", LINES[1], "/temperature 1", "/retry", "/retry", "/seed 5", "/retry"],
  );
  const texts = told.map(({ text }) => text);
  assertEquals(texts.slice(0, 3), [greedy[0], greedy[0], greedy[1]]);
  const seeds = told.slice(3).map(({ sampling }) => sampling.seed!);
  assertEquals(new Set(seeds).size, 3);
  await withPlain(async (say) => {
    const messages = [
      { role: "user", content: ASKED[0] },
      { role: "assistant", content: greedy[0] },
      { role: "user", content: ASKED[1] },
    ];
    for (const [at, seed] of seeds.entries()) {
      assertEquals(texts[3 + at], await say(messages, { temperature: 1, seed }), `seed ${seed}`);
    }
  });
});

Deno.test("chat: what was stopped before it had an answer waits for /retry", async () => {
  const io = testIo();
  const options = {
    settings: new Settings({ "max-tokens": LENGTH }),
    sampling: "greedy",
    json: false,
    interactive: true,
    dropOldest: false,
    colors: false,
    stats: false,
  } as const;
  using engine = await Engine.load({ target: `${DEMO}/target`, backend: "cpu", promptRows: 64 });
  const talk = new Chat(engine, options, io);
  const [now, never] = [AbortSignal.abort(), new AbortController().signal];
  await talk.answer(ASKED[0], now);
  assertEquals([talk.conversation.turns.length, talk.conversation.unanswered], [0, ASKED[0]]);
  await talk.retry(never);
  const first = { user: ASKED[0], assistant: greedy[0] };
  assertEquals([talk.conversation.turns, talk.conversation.unanswered], [[first], undefined]);
  // A turn that is not answered anew keeps its answer.
  await talk.retry(now);
  assertEquals(talk.conversation.turns, [first]);
  await talk.answer(ASKED[1], never);
  assertEquals(talk.conversation.turns[1], { user: ASKED[1], assistant: greedy[1] });
  assertEquals(io.stdout.text, `\n${greedy[0]}\n\n${greedy[1]}\n`);
});

Deno.test("chat: a full context is said, and whole turns are forgotten only where that was asked for", async () => {
  const small = ["--context", "112"];
  const full = await chat(LINES, ...SHORT, ...small);
  assertEquals(full.code, 2);
  assertMatch(full.err, /--context: Cannot answer: the chat has \d+ tokens, expected at most 111/);
  const whole = greedy.map((text) => `${text}\n`).join("");
  assert(full.out.length > 50 && whole.startsWith(full.out.trimEnd()), full.out);

  const told = await turns(LINES, ...small, "--drop-oldest");
  assertEquals(told.length, 5);
  const dropped = told.reduce((sum, one) => sum + one.dropped, 0);
  assert(dropped > 0);
  // What is left is whole turns: the answer is that of a fresh session on them.
  await withPlain(async (say, engine) => {
    let kept: Message[] = [];
    for (const one of told) {
      kept = kept.slice(2 * one.dropped);
      const messages = [...kept, { role: "user", content: one.asked }];
      assertEquals(engine.encode(messages).length, one.prompt_tokens);
      assertEquals(one.text, await say(messages), `turn ${one.turn}`);
      kept = [...messages, { role: "assistant", content: one.text }];
    }
  }, 112);
  const { err } = await chat(LINES, ...SHORT, ...small, "--drop-oldest");
  assertMatch(err, /^The context was full: the oldest (turn is|\d turns are) forgotten$/m);

  // By hand, turns are whole, too; an answer that the context cuts says so.
  const lines = [LINES[0], LINES[1], "/drop", LINES[4]];
  const byHand = await turns(lines);
  await withPlain(async (say) => {
    const messages = [
      { role: "user", content: ASKED[1] },
      { role: "assistant", content: greedy[1] },
      { role: "user", content: ASKED[4] },
    ];
    assertEquals(byHand[2].text, await say(messages));
  });
  const bias = await withPlain((_, engine) =>
    engine.target.config.eosTokenIds.map((id) => `${id}=-100`).join()
  );
  const cut = await chat([LINES[0]], "--context", "64", "--logit-bias", bias);
  assertEquals(cut.code, 0);
  assertStringIncludes(cut.err, "The context of 64 tokens is full, and the answer is cut: /drop");
});

Deno.test("chat: what was said is saved and loaded", async () => {
  const file = `${root}/chat.json`;
  await chat([...LINES.slice(0, 2), `/save ${file}`], ...SHORT, "--system", "Be brief.");
  const saved = JSON.parse(Deno.readTextFileSync(file));
  assertEquals(saved.schema, "specmquant-chat/1");
  assertEquals(
    saved.messages.map(({ role }: Message) => role).join(),
    "system,user,assistant,user,assistant",
  );
  assertEquals(saved.messages[0].content, "Be brief.");
  const asked = { role: "user", content: ASKED[4] };
  const expected = await withPlain((say) => say([...saved.messages, asked]));
  assertEquals((await turns([`/load ${file}`, LINES[4]]))[0].text, expected);
  assertEquals((await turns([LINES[4]], "--load", file))[0].text, expected);
  const without = await withPlain((say) => say([...saved.messages.slice(1), asked]));
  assertEquals((await turns([`/load ${file}`, "/system -", LINES[4]]))[0].text, without);

  const other = `${root}/other.json`;
  const refused: [content: string, words: string][] = [
    ["no JSON", "is no JSON"],
    ["{}", 'is no chat, expected "schema": "specmquant-chat/1"'],
  ];
  for (const [content, words] of refused) {
    Deno.writeTextFileSync(other, content);
    for (const verb of ["load", "save"]) {
      const { code, err } = await chat([LINES[0], `/${verb} ${other}`], ...SHORT);
      assertEquals(code, 1);
      assertStringIncludes(err, `Cannot ${verb === "load" ? "read" : "write"} ${other}: `);
      assertStringIncludes(err, words);
    }
    assertEquals(Deno.readTextFileSync(other), content);
  }
  const messages: [unknown[], string][] = [
    [[{ role: "assistant", content: "a" }], "message 0 has role assistant, expected user"],
    [[{ role: "user", content: "a" }, { role: "user", content: "a" }], "message 1 has role user"],
    [[{ role: "user" }], "message 0 has no text as its content"],
    [[5], "message 0 has no role"],
  ];
  for (const [list, words] of messages) {
    Deno.writeTextFileSync(other, JSON.stringify({ schema: "specmquant-chat/1", messages: list }));
    const { code, err } = await chat([], "--load", other);
    assertEquals(code, 1);
    assertStringIncludes(err, `Cannot read ${other}: `);
    assertStringIncludes(err, words);
  }
});

Deno.test("chat: commands that cannot be say what can", async () => {
  const cases: [line: string, words: string, code?: number][] = [
    ["/nope", "Cannot run /nope: there is no such command, /help lists them"],
    ["/retyr", "did you mean /retry?"],
    ["/exit now", 'Cannot use "now": /exit takes nothing'],
    ["/save", "Cannot run /save: FILE is missing"],
    ["/stats", "Cannot show figures: there is no answer, expected one"],
    ["/retry", "Cannot retry: nothing was asked, expected a turn"],
    ["/stats maybe", "Cannot use /stats maybe: expected on or off"],
    ["/temperature hot", "Cannot use /temperature hot: expected a number from 0"],
    ["/temperature 0.001", "temperature is 0.001, expected 0 or", 2],
    ["/top-k -1", "Cannot use /top-k -1: expected a whole number from 0"],
    [
      "/sampling modle",
      "Cannot use /sampling modle: expected greedy or model; did you mean model?",
    ],
    ["/drop 0", "Cannot use /drop 0: expected a whole number from 1"],
    ["/method nope", 'name is "nope", expected ar', 1],
  ];
  for (const [line, words, code = 2] of cases) {
    const outcome = await chat([line]);
    assertStringIncludes(outcome.err, words);
    assertEquals([outcome.code, outcome.out], [code, ""], line);
  }
  const { code, err, out } = await chat(["/help", "/exit", LINES[0]]);
  assertEquals([code, out], [0, ""]);
  for (const { name, summary } of SLASH_COMMANDS) {
    assertMatch(err, new RegExp(`^/${name} `, "m"));
    assertStringIncludes(err, summary);
  }
});

Deno.test("chat: a model without a chat template, and a trio with a target of its own", async () => {
  const io = testIo({ stdin: "a\n" });
  const dir = `${root}/bare`;
  Deno.mkdirSync(dir);
  for (const { name } of Deno.readDirSync(`${DEMO}/target`)) {
    if (!name.includes("chat_template")) {
      Deno.copyFileSync(`${DEMO}/target/${name}`, `${dir}/${name}`);
    }
  }
  const config = JSON.parse(Deno.readTextFileSync(`${dir}/tokenizer_config.json`));
  delete config.chat_template;
  Deno.writeTextFileSync(`${dir}/tokenizer_config.json`, JSON.stringify(config));
  const code = await runProgram(["chat", "--backend", "cpu", "-t", dir], COMMANDS, io);
  assertEquals([code, io.stdout.text], [1, ""]);
  assertStringIncludes(io.stderr.text, "has no chat template");
  const told = await turns([LINES[0]], "--target", `${DEMO}/target`, "--method", "draft");
  assertEquals(told.map(({ text }) => text), [greedy[0]]);
});

Deno.test("chat: docs/cli.md has every command of a chat", () => {
  const [, section] = /^## Chat$([^]*?)^## /m.exec(Deno.readTextFileSync(`${ROOT}docs/cli.md`))!;
  const named = [...section.matchAll(/`\/([a-z-]+)/g)].map(([, name]) => name);
  assertEquals([...new Set(named)].sort(), SLASH_COMMANDS.map(({ name }) => name).sort());
});

const MISSING = noTerminal();
const atTerminal = (name: string, fn: () => Promise<void>) =>
  Deno.test({
    name: MISSING === null ? name : `${name} (${MISSING})`,
    ignore: MISSING !== null,
    fn,
  });

/** A chat at a terminal, from its first prompt on. */
async function started(args: readonly string[], env?: Record<string, string>): Promise<Terminal> {
  const words = [Deno.execPath(), "run", "-A", "--no-check", `${ROOT}src/cli/main.ts`];
  const terminal = new Terminal(
    [...words, "chat", "--backend", "cpu", "--trio", DEMO, "--method", "draft", ...args],
    env,
  );
  await terminal.until(/\/help lists commands\n.*> $/);
  return terminal;
}

/** What is at the end of what was written once there is a prompt again. */
const PROMPT = /\n> $/;

atTerminal("chat: at a terminal Ctrl-C stops an answer, and the next turn is right", async () => {
  const bias = await withPlain((_, engine) =>
    Object.fromEntries(engine.target.config.eosTokenIds.map((id) => [id, -100]))
  );
  const pairs = Object.entries(bias).map((pair) => pair.join("=")).join();
  await using terminal = await started(["--logit-bias", pairs]);
  await terminal.type(`${ASKED[0]}\r`);
  // Behind the bar of reading.
  await terminal.until(/have\?[^]*Tom has \d/);
  await terminal.type("\x03");
  await terminal.until(PROMPT);
  await terminal.type(`/max-tokens ${LENGTH}\r`);
  await terminal.until(/max-tokens \d+\n> $/);
  await terminal.type(`${ASKED[1]}\r`);
  await terminal.until(PROMPT);
  const file = `${root}/stopped.json`;
  await terminal.type(`/save ${file}\r`);
  await terminal.until(/is written/);
  // Twice at an empty prompt it ends the chat.
  await terminal.type("\x03");
  await terminal.until(/Ctrl-C once more/);
  await terminal.type("\x03");
  assertEquals(await terminal.end(), 0);
  const { messages } = JSON.parse(Deno.readTextFileSync(file));
  assertEquals(messages.length, 4);
  await withPlain(async (say) => {
    const stopped = messages[1].content;
    assert(stopped.length > 0);
    // A token has a character at least.
    const maxTokens = stopped.length + 1;
    const whole = await say(messages.slice(0, 1), { maxTokens, logitBias: bias });
    assert(whole.startsWith(stopped), whole);
    assertEquals(messages[3].content, await say(messages.slice(0, 3), { logitBias: bias }));
  });
});

atTerminal("chat: at a terminal lines are edited, pasted, called again and continued", async () => {
  await using terminal = await started(["-n", "2"]);
  // Two letters before the last two; two lines that are pasted; the first again; one that goes on.
  await terminal.type("Wy?\x1b[D\x1b[Dh\r");
  await terminal.until(PROMPT);
  await terminal.type("\x1b[200~one\rtwo\x1b[201~");
  await terminal.until(/one\u21b5two$/);
  await terminal.type("\r");
  await terminal.until(PROMPT);
  await terminal.type("\x1b[A\x1b[A\r");
  await terminal.until(PROMPT);
  await terminal.type("three\\\r");
  await terminal.until(/\. $/);
  await terminal.type("four\r");
  await terminal.until(PROMPT);
  // What is typed is thrown away by Ctrl-C, what is begun, too, and the chat goes on.
  await terminal.type("nothing\x03");
  await terminal.until(PROMPT);
  await terminal.type("begun\\\r");
  await terminal.until(/\. $/);
  await terminal.type("\x03");
  await terminal.until(PROMPT);
  // Mistakes are said, and end nothing.
  await terminal.type("/nope\r");
  await terminal.until(/error: Cannot run \/nope[^]*\n> $/);
  const file = `${root}/edited.json`;
  await terminal.type(`/save ${file}\r`);
  await terminal.until(/is written/);
  await terminal.type("\x04");
  assertEquals(await terminal.end(), 0);
  const { messages } = JSON.parse(Deno.readTextFileSync(file));
  assertEquals(
    messages.filter(({ role }: Message) => role === "user").map(({ content }: Message) => content),
    ["Why?", "one\ntwo", "Why?", "three\nfour"],
  );
});

atTerminal("chat: at a terminal colours come when asked for, and never with NO_COLOR", async () => {
  await using terminal = await started(["-n", "20"]);
  await terminal.type(`${ASKED[0]}\r`);
  await terminal.until(PROMPT);
  const colors = new RegExp(String.raw`${ESCAPE}\[(38;5;\d+|3\d)m`);
  assertEquals(colors.test(terminal.raw.slice(terminal.raw.indexOf("/help"))), false);
  await terminal.type("/colors\r");
  await terminal.until(/proposed by target, draft 1 4 7[^]*\n> $/);
  const before = terminal.raw.length;
  await terminal.type("/retry\r");
  await terminal.until(PROMPT);
  const text = terminal.raw.slice(before);
  // The target's own tokens, and those of the draft model by their depth.
  for (const code of ["\u001b[33m", "\u001b[38;5;123m", "\u001b[38;5;80m"]) {
    assert(text.includes(code), JSON.stringify(text));
  }
  await terminal.type("/exit\r");
  assertEquals(await terminal.end(), 0);
  await using plain = await started(["-n", "5", "--colors"], { NO_COLOR: "1" });
  await plain.type("/colors on\r");
  await plain.until(/There are no colours: NO_COLOR is set/);
  await plain.type(`${ASKED[0]}\r`);
  await plain.until(PROMPT);
  assertEquals(colors.test(plain.raw), false);
  await plain.type("\x04");
  assertEquals(await plain.end(), 0);
});
