import { assert, assertEquals } from "@std/assert";
import { BYTE_LEVEL_CONFIG, byteLevelTokenizer, numbers } from "../text/fixtures_test.ts";
import { Tokenizer } from "../text/tokenizer.ts";
import { Output, type OutputLimits } from "./output.ts";

const dir = Deno.makeTempDirSync();
Deno.writeTextFileSync(`${dir}/tokenizer.json`, JSON.stringify(byteLevelTokenizer()));
Deno.writeTextFileSync(`${dir}/tokenizer_config.json`, JSON.stringify(BYTE_LEVEL_CONFIG));
const tokenizer = Tokenizer.load(dir);
Deno.removeSync(dir, { recursive: true });

const EOS = 264;
const USER = 265;

const idsOf = (text: string) => tokenizer.encode(text, { addSpecialTokens: false });

/** Pushes `ids` until the output ends; the output, and the pieces together. */
function run(ids: readonly number[], limits: Partial<OutputLimits> = {}): [Output, string] {
  const output = new Output(tokenizer, {
    after: [],
    stopTokens: new Set([EOS]),
    stop: [],
    tokens: Infinity,
    reason: "length",
    ...limits,
  });
  let pieces = "";
  for (const id of ids) if (output.reason === undefined) pieces += output.push(id);
  return [output, pieces];
}

Deno.test("output: a stop token is a token without text, and ends it", () => {
  const ids = [...idsOf("hello world"), EOS, ...idsOf("more")];
  const [output, pieces] = run(ids);
  assertEquals([output.text, pieces, output.reason], ["hello world", "hello world", "stop"]);
  assertEquals(output.tokens(), ids.slice(0, ids.indexOf(EOS) + 1));
});

Deno.test("output: the last token allowed ends it for the reason given", () => {
  for (const reason of ["length", "context"] as const) {
    const [output, pieces] = run(idsOf("abcdef"), { tokens: 4, reason });
    assertEquals([output.text, pieces, output.reason, output.count], ["abcd", "abcd", reason, 4]);
    assertEquals(output.tokens(), idsOf("abcd"));
  }
  // A stop string in the last token allowed counts first.
  assertEquals(run(idsOf("abcd"), { tokens: 4, stop: ["d"] })[0].reason, "stop");
});

Deno.test("output: after a stop string the tokens end where the text ends", () => {
  const cases: [text: string, stop: string, kept: string, tokens: string][] = [
    // Each letter is a token.
    ["abcEND", "END", "abc", "abc"],
    ["abcENDxyz", "cEND", "ab", "ab"],
    ["END", "END", "", ""],
    // "hello" is one token: the one that the text ends in is the last.
    ["ahello", "llo", "ahe", "ahello"],
    ["ahello", "hello", "a", "a"],
    ["ahellob", "ob", "ahell", "ahello"],
    // The four bytes of an emoji are three tokens, and all of them are its text.
    ["a👍b", "b", "a👍", "a👍"],
    ["a👍b", "👍", "a", "a"],
  ];
  for (const [text, stop, kept, tokens] of cases) {
    const [output, pieces] = run(idsOf(text), { stop: [stop] });
    assertEquals([output.text, pieces, output.reason], [kept, kept, "stop"], text);
    assertEquals(output.tokens(), idsOf(tokens), text);
  }
  // A special token in between has no text, and is left out where it is behind the text.
  const [h, i] = idsOf("hi");
  const [output] = run([h, USER, i, USER, ...idsOf("END")], { stop: ["END"] });
  assertEquals([output.text, output.count], ["hi", 7]);
  assertEquals(output.tokens(), [h, USER, i]);
});

Deno.test("output: the tokens are the fewest that have all of the text, wherever a stop string is", () => {
  const random = numbers(7);
  const words = ["hello", " wo", "a", "b", "é", "👍", "END", " "];
  for (let round = 0; round < 400; round++) {
    const text = Array.from({ length: 1 + random(9) }, () => words[random(words.length)]).join("");
    const letters = [...text];
    const from = random(letters.length);
    const stop = letters.slice(from, from + 1 + random(3)).join("");
    const ids = idsOf(text);
    const [output, pieces] = run(ids, { stop: [stop] });
    const note = JSON.stringify({ text, stop });
    assertEquals(output.text, text.slice(0, text.indexOf(stop)), note);
    assertEquals(pieces, output.text, note);
    const tokens = output.tokens();
    assertEquals(tokens, ids.slice(0, tokens.length), note);
    assert(tokenizer.decode(tokens).startsWith(output.text), note);
    // With one token less some of the text is missing, perhaps a part of a character.
    const less = tokenizer.decode(tokens.slice(0, -1));
    assert(tokens.length === 0 || !less.startsWith(output.text), note);
  }
});

Deno.test("output: what is held back is text when no more tokens come", () => {
  const [held, pieces] = run(idsOf("abcEN"), { stop: ["END"] });
  assertEquals([held.text, pieces], ["abc", "abc"]);
  assertEquals([held.end(), held.text, held.reason], ["EN", "abcEN", undefined]);
  assertEquals(held.tokens(), idsOf("abcEN"));
  // Half a character, as decoding all tokens shows it.
  const half = idsOf("a👍").slice(0, -1);
  const [output] = run(half);
  assertEquals(output.text, "a");
  output.end();
  assertEquals(output.text, tokenizer.decode(half));
});
