import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { ArgumentError, CheckpointError, FileError } from "../../base/errors.ts";
import { BYTE_LEVEL_CONFIG, byteLevelTokenizer } from "../../text/fixtures_test.ts";
import { Tokenizer } from "../../text/tokenizer.ts";
import { calibrationTexts, checkAmount } from "./calibration.ts";

const LIMITS = { texts: 4, tokens: 12 };

function withModel(use: (dir: string, write: (name: string, text: string) => string) => void) {
  const dir = Deno.makeTempDirSync();
  const write = (name: string, text: string) => {
    Deno.writeTextFileSync(`${dir}/${name}`, text);
    return `${dir}/${name}`;
  };
  try {
    write("tokenizer.json", JSON.stringify(byteLevelTokenizer()));
    const chat_template =
      "{% for m in messages %}{{ m.role[0] + ':' + m.content + ';' }}{% endfor %}";
    write("tokenizer_config.json", JSON.stringify({ ...BYTE_LEVEL_CONFIG, chat_template }));
    use(dir, write);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

Deno.test("calibration: the sample holds problems, prose and articles, within the limits", () =>
  withModel((dir) => {
    const all = calibrationTexts(dir, undefined, { texts: 1000, tokens: 100_000 });
    assert(all.length >= 40);
    const few = calibrationTexts(dir, undefined, LIMITS);
    assertEquals(few, all.slice(0, 4).map((ids) => ids.slice(0, 12)));
    const tokenizer = Tokenizer.load(dir);
    const [problem, prose, articles] = all.slice(0, 3).map((ids) => tokenizer.decode(ids));
    assert(!prose.startsWith("u:") && !articles.startsWith("u:"));
    // Several pieces a text.
    assert(prose.split("\n\n").length >= 8);
    assert(articles.split("\n\n").length >= 3);
    // Neither problems nor prose are all that a model is calibrated for.
    const texts = all.map((ids) => tokenizer.decode(ids));
    const size = (of: string[]) => of.reduce((sum, text) => sum + text.length, 0);
    const conversations = texts.filter((text) => text.startsWith("u:"));
    const share = size(conversations) / size(texts);
    assert(share > 0.2 && share < 0.5, `problems are ${share} of the sample`);
    // A problem is what the model's template makes of a question and its answer.
    const [, question, answer] = /^u:(.*?);a:(.*);$/s.exec(problem)!;
    assert(question.endsWith("?") && answer.length > 20, problem);
    assert(!problem.includes("Question:") && !problem.includes("Answer:"), problem);
    assertEquals(all[0], tokenizer.encode(problem, { addSpecialTokens: false }));
  }));

Deno.test("calibration: without a template the problems of the sample are plain text", () =>
  withModel((dir, write) => {
    write("tokenizer_config.json", JSON.stringify(BYTE_LEVEL_CONFIG));
    const [problem] = calibrationTexts(dir, undefined, { texts: 1, tokens: 1000 });
    const text = Tokenizer.load(dir).decode(problem);
    assert(/Question: .*\nAnswer: /s.test(text), text);
  }));

Deno.test("calibration: lines of text, of questions, and plain files", () =>
  withModel((dir, write) => {
    const tokenizer = Tokenizer.load(dir);
    const long = { texts: 4, tokens: 100 };
    const lines = write("a.jsonl", `{"text":"abc"}\n\n{"question":"1+1?","answer":"2"}\n`);
    assertEquals(calibrationTexts(dir, lines, long), [
      tokenizer.encode("abc"),
      tokenizer.encode("u:1+1?;a:2;", { addSpecialTokens: false }),
    ]);
    const ids = tokenizer.encode("words and words ".repeat(9));
    const plain = write("b.txt", "words and words ".repeat(9));
    const pieces = calibrationTexts(dir, plain, LIMITS);
    assertEquals(pieces.flat(), ids.slice(0, 48));
    assert(pieces.every((piece) => piece.length === 12));
  }));

Deno.test("calibration: what is malformed is named", () =>
  withModel((dir, write) => {
    const bad = (name: string, text: string, message: string) =>
      assertThrows(
        () => calibrationTexts(dir, write(name, text), LIMITS),
        CheckpointError,
        message,
      );
    bad("a.jsonl", `{"text":"x"}\n{`, "line 2 is no JSON");
    bad("b.jsonl", `{"texts":"x"}`, 'line 1 has neither "text" nor "question"');
    assertThrows(() => calibrationTexts(dir, `${dir}/no.txt`, LIMITS), FileError, "no such file");
    assertThrows(() => calibrationTexts(dir, dir, LIMITS), FileError, "it is a directory");
  }));

Deno.test("calibration: what holds no text, or hardly any, is refused", () =>
  withModel((dir, write) => {
    const limits = { texts: 128, tokens: 64 };
    const read = (file: string) => checkAmount(calibrationTexts(dir, file, limits), file, limits);
    const words = (count: number) => "sun and rain ".repeat(count);
    const refused = (name: string, content: string | Uint8Array<ArrayBuffer>, message: string) => {
      const file = `${dir}/${name}`;
      if (typeof content === "string") write(name, content);
      else Deno.writeFileSync(file, content);
      const error = assertThrows(() => read(file), ArgumentError, message);
      assertEquals(error.argument, "calibration");
    };
    refused("empty.txt", "", "it has no text, expected at least 128 tokens");
    refused("spaces.txt", " \n\t\r\n", "it has no text");
    refused("empty.jsonl", "", "it has no text");
    refused("blank.jsonl", `{"text":""}\n{"text":" "}\n{"question":" "}\n`.repeat(99), "no text");
    refused("short.txt", "one sentence.", "tokens of text, expected at least 128");
    refused("short.jsonl", `{"text":"a b"}\n`.repeat(3), "tokens of text, expected at least 128");
    refused("binary.txt", new Uint8Array(9999).fill(7).fill(0, 12), "byte 12 is 0, as in no text");
    refused("latin.txt", new Uint8Array(9999).fill(0xe9), "its bytes are not UTF-8");
    refused("wide.txt", new Uint8Array(9999).fill(0xff, 0, 1).fill(0x20, 1), "not UTF-8");

    const few = write("few.txt", words(100));
    assertStringIncludes(read(few)!, `${few} has`);
    assertStringIncludes(read(few)!, "expected 2048 or more");
    assertEquals(read(write("enough.txt", words(2000))), undefined);
    // Who asks for less than there is knows it, but has to ask for enough to be of use.
    const asked = (texts: number, tokens: number) =>
      checkAmount(calibrationTexts(dir, few, { texts, tokens }), few, { texts, tokens });
    assertEquals(asked(4, 32), undefined);
    const error = assertThrows(
      () => asked(4, 31),
      ArgumentError,
      "124 in all, expected at least 128",
    );
    assertEquals(error.argument, "calibration-tokens");
  }));
