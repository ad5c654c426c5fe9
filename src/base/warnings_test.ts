import { assertEquals } from "@std/assert";
import { onWarning, warn } from "./warnings.ts";

Deno.test("warnings: a listener hears each once, standard error where there is none", () => {
  const { warn: print } = console;
  const [printed, heard]: string[][] = [[], []];
  console.warn = (text: string) => printed.push(text);
  try {
    onWarning((message) => heard.push(message));
    for (const message of ["a", "b", "a"]) warn(message);
    onWarning();
    for (const message of ["a", "a"]) warn(message);
  } finally {
    console.warn = print;
    onWarning();
  }
  assertEquals([heard, printed], [["a", "b"], ["warning: a"]]);
});
