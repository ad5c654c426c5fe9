/**
 * Chat templates against Python's Jinja2 in the environment of transformers; see `scripts/templates`.
 *
 * @module
 */
import { assertEquals, assertStrictEquals } from "@std/assert";
import { SpecMQuantError } from "../../src/base/errors.ts";
import {
  type ChatMessage,
  ChatTemplate,
  parseJson,
  type TemplateValue,
} from "../../src/text/chat_template.ts";
import { strftime } from "../../src/text/template/library/strftime.ts";

const DATA = new URL("../data/templates/", import.meta.url);
/** The clock of the reference, which stands still. */
const NOW = new Date(2024, 2, 5, 7, 8, 9, 12);

type Json = ReadonlyMap<string, TemplateValue>;

/** What the reference did: a text, or at which stage it refused. */
interface Expected {
  readonly text?: string;
  readonly refused?: string;
  readonly message?: string;
}

function read(name: string): Json {
  // Not by JSON.parse, which takes 1.0 for 1.
  return parseJson(Deno.readTextFileSync(new URL(name, DATA))) as Json;
}

const list = (json: Json, key: string) => json.get(key) as readonly Json[];

function writeFiles(dir: string, files: Iterable<readonly [string, string]>): void {
  for (const [path, text] of files) {
    if (path.includes("/")) Deno.mkdirSync(`${dir}/${path.split("/")[0]}`, { recursive: true });
    Deno.writeTextFileSync(`${dir}/${path}`, text);
  }
}

/** JSON for a value of the golden data; its files hold no numbers. */
function stringify(value: TemplateValue): string {
  return JSON.stringify(value, (_, item) => item instanceof Map ? Object.fromEntries(item) : item);
}

/** Runs `render` on the templates of a directory with these files. */
function inDirectory<T>(files: Iterable<readonly [string, string]>, render: (dir: string) => T): T {
  const dir = Deno.makeTempDirSync();
  try {
    writeFiles(dir, files);
    return render(dir);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

/** What `render` gives, in the reference's words. Any other error is a crash, and is thrown. */
function outcome(render: () => string): Expected {
  try {
    return { text: render() };
  } catch (error) {
    if (!(error instanceof SpecMQuantError)) throw error;
    if (error.code === "checkpoint") return { refused: "parse" };
    assertEquals(error.code, "chat_template", error.message);
    return { refused: "render", message: (error.cause as Error).message };
  }
}

function check(name: string, expected: Json, actual: Expected): void {
  assertStrictEquals(actual.text, expected.get("text"), name);
  assertStrictEquals(actual.refused, expected.get("refused"), name);
  // Words of the template's own are the reference's, other reasons are ours.
  if (expected.has("message")) assertStrictEquals(actual.message, expected.get("message"), name);
}

Deno.test("chat templates: snippets give the text of Python's Jinja2, or are refused as it refuses them", () => {
  const golden = read("snippets.json");
  const { messages, ...variables } = Object.fromEntries(golden.get("variables") as Json);
  const given = { ...variables, nan: NaN, inf: Infinity };
  for (const expected of list(golden, "cases")) {
    const source = expected.get("source") as string;
    const actual = inDirectory([["chat_template.jinja", source]], (dir) => {
      const template = ChatTemplate.load(dir)!;
      const { tools, ...others } = given as Record<string, TemplateValue>;
      return outcome(() =>
        template.render(messages as readonly ChatMessage[], {
          tools: tools as readonly TemplateValue[],
          variables: others,
          addGenerationPrompt: false,
          now: NOW,
        })
      );
    });
    check(source, expected, actual);
  }
});

Deno.test("chat templates: whole templates give the reference's prompts", () => {
  const golden = read("conversations.json");
  const tokens = stringify(golden.get("tokens"));
  const conversations = golden.get("conversations") as ReadonlyMap<string, Json>;
  const templates = new Map<string, ChatTemplate>();
  for (const expected of list(golden, "cases")) {
    const [file, name] = ["template", "conversation"].map((key) => expected.get(key) as string);
    const chat = conversations.get(name)!;
    let template = templates.get(file);
    const actual = inDirectory([
      ["chat_template.jinja", Deno.readTextFileSync(new URL(file, DATA))],
      ["tokenizer_config.json", tokens],
    ], (dir) => {
      template ??= ChatTemplate.load(dir)!;
      templates.set(file, template);
      return outcome(() =>
        template!.render(chat.get("messages") as readonly ChatMessage[], {
          tools: chat.get("tools") as readonly TemplateValue[],
          documents: chat.get("documents") as readonly TemplateValue[],
          variables: Object.fromEntries((chat.get("variables") ?? new Map()) as Json),
          addGenerationPrompt: chat.get("add_generation_prompt") as boolean,
          now: NOW,
        })
      );
    });
    check(`${file}, ${name}`, expected, actual);
  }
  assertEquals([templates.size, conversations.size], [15, 12]);
});

Deno.test("chat templates: the template that transformers takes, from where it takes it", () => {
  for (const expected of list(read("places.json"), "cases")) {
    const files = [...expected.get("files") as Json].map(([path, content]) =>
      [path, typeof content === "string" ? content : stringify(content)] as const
    );
    const [template, tools] = ["template", "tools"].map((key) => expected.get(key));
    const name = `${stringify(expected.get("files"))} ${template} ${tools !== null}`;
    const text = inDirectory(files, (dir) => {
      const found = ChatTemplate.load(dir);
      // Where there is none, the reference says so once it is asked.
      return found && outcome(() =>
        found.render([{ role: "user", content: "x" }], {
          template: (template ?? undefined) as string | undefined,
          tools: (tools ?? undefined) as readonly TemplateValue[] | undefined,
        })
      ).text;
    });
    assertStrictEquals(text, expected.get("text"), name);
  }
});

Deno.test("chat templates: dates are written as C writes them", () => {
  const golden = read("dates.json");
  const formats = golden.get("formats") as readonly string[];
  for (const expected of list(golden, "cases")) {
    const date = expected.get("date") as string;
    const texts = formats.map((format) => strftime(format, new Date(date)));
    assertEquals(texts, expected.get("texts"), date);
  }
});
