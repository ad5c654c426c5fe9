import { assertEquals } from "@std/assert";
import { LINE_END, Pasted } from "./pasted.ts";

const [BEGIN, END] = ["\x1b[200~", "\x1b[201~"];

Deno.test("pasted: ends of lines between marks, whatever the pieces are", () => {
  const typed = `a\r${BEGIN}b\rc\r\nd\ne${END}f\r\x1b[A${BEGIN}${END}g`;
  const expected = `a\rb${LINE_END}c${LINE_END}d${LINE_END}ef\r\x1b[Ag`;
  for (let size = 2; size <= typed.length; size++) {
    const pasted = new Pasted();
    let out = "";
    for (let at = 0; at < typed.length; at += size) out += pasted.take(typed.slice(at, at + size));
    // A pair of \r and \n that two pieces have is two ends.
    assertEquals(out.replaceAll(LINE_END + LINE_END, LINE_END), expected, `pieces of ${size}`);
  }
});

Deno.test("pasted: keys come through at once", () => {
  const pasted = new Pasted();
  for (const key of ["\x1b", "x", "\x1b[A", "\x1b[3~", "\x03", "\x1bOP"]) {
    assertEquals(pasted.take(key), key);
  }
});
