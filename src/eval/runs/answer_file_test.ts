import { assertEquals, assertThrows } from "@std/assert";
import { FileError, SpecMQuantError } from "../../base/errors.ts";
import { answer } from "../fixtures_test.ts";
import { AnswerFile } from "./answer_file.ts";

const root = Deno.makeTempDirSync();
addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));

const ONE = answer({ problem: "1" });
const TWO = answer({ problem: "2", text: "two\nlines \u{1f600}".repeat(20) });

Deno.test("AnswerFile: what was appended is there again, by its job", () => {
  const path = `${root}/whole.jsonl`;
  {
    using file = new AnswerFile(path);
    assertEquals(file.all, []);
    file.append(ONE);
    file.append(TWO);
    assertEquals(file.get(TWO), TWO);
  }
  using file = new AnswerFile(path);
  assertEquals(file.all, [ONE, TWO]);
  for (const other of [{ problem: "3" }, { method: "eagle2" }, { target: "w8" }, { seed: 1 }]) {
    assertEquals(file.get({ ...ONE, ...other }), undefined);
  }
});

Deno.test("AnswerFile: a line that was cut off anywhere is left out, and none before it", () => {
  const path = `${root}/cut.jsonl`;
  {
    using file = new AnswerFile(path);
    file.append(ONE);
    file.append(TWO);
  }
  const bytes = Deno.readFileSync(path);
  const first = bytes.indexOf(10) + 1;
  const three = answer({ problem: "3" });
  for (let end = first; end < bytes.length; end += 7) {
    Deno.writeFileSync(path, bytes.subarray(0, end));
    {
      using file = new AnswerFile(path);
      assertEquals(file.all, [ONE]);
      // Shorter than what may be left of the second.
      file.append(three);
    }
    const lines = Deno.readTextFileSync(path).split("\n");
    assertEquals([lines.length, lines[2]], [3, ""]);
    assertEquals(JSON.parse(lines[1]).problem, "3");
  }
});

Deno.test("AnswerFile: what is no answer, or one again, is refused by its line", () => {
  const path = `${root}/bad.jsonl`;
  const line = JSON.stringify(ONE);
  const cases: [text: string, words: string][] = [
    [`${line}\n{"turns":\n`, "line 2 is not JSON"],
    [`${line}\n\n`, "line 2 is not JSON"],
    ['{"turns": []}\n', "line 1 is no answer"],
    ["null\n", "line 1 is no answer"],
    [`${line}\n${line}\n`, "line 2 answers"],
  ];
  for (const [text, words] of cases) {
    Deno.writeTextFileSync(path, text);
    const error = assertThrows(() => new AnswerFile(path), SpecMQuantError, words);
    assertEquals(error.code, "eval_run");
    assertEquals(Deno.readTextFileSync(path), text);
  }
  assertThrows(() => new AnswerFile(`${root}/none/x`), FileError, "its directory does not exist");
});

Deno.test("AnswerFile: a second one of the same file is refused while the first is open", () => {
  const path = `${root}/shared.jsonl`;
  {
    using _ = new AnswerFile(path);
    assertThrows(() => new AnswerFile(path), SpecMQuantError, "another process writes to it");
  }
  new AnswerFile(path)[Symbol.dispose]();
});
