import { assert, assertEquals, assertThrows } from "@std/assert";
import { ArgumentError, CheckpointError } from "../../base/errors.ts";
import { BYTE_LEVEL_CONFIG, byteLevelTokenizer } from "../../text/fixtures_test.ts";
import { Tokenizer } from "../../text/tokenizer.ts";
import { calibrationTexts } from "./calibration.ts";

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

Deno.test("calibration: the sample holds problems and prose, within the limits", () =>
  withModel((dir) => {
    const all = calibrationTexts(dir, undefined, { texts: 1000, tokens: 1000 });
    assert(all.length >= 100);
    const few = calibrationTexts(dir, undefined, LIMITS);
    assertEquals(few, all.slice(0, 4).map((ids) => ids.slice(0, 12)));
    const tokenizer = Tokenizer.load(dir);
    const starts = all.slice(0, 2).map((ids) => tokenizer.decode(ids).slice(0, 9));
    assertEquals(starts.map((text) => text === "Question:"), [true, false]);
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
    assertThrows(() => calibrationTexts(dir, `${dir}/no.txt`, LIMITS), CheckpointError, "no.txt");
    const empty = write("c.jsonl", "\n");
    assertThrows(() => calibrationTexts(dir, empty, LIMITS), ArgumentError, "it has no text");
  }));
