import { assertEquals } from "@std/assert";
import { nearest, suggestion } from "./nearest.ts";

const NAMES = ["target", "draft", "head", "prompt", "prompt-file", "max-tokens", "stop"];

Deno.test("nearest: one letter wrong, missing, too many, swapped; the beginning of a name", () => {
  for (const word of ["tarket", "targt", "tarrget", "tagret"]) {
    assertEquals(nearest(word, NAMES), "target", word);
  }
  assertEquals(nearest("max", NAMES), "max-tokens");
  assertEquals(nearest("promptfile", NAMES), "prompt-file");
  assertEquals(nearest("promt", NAMES), "prompt");
});

Deno.test("nearest: nothing where nothing is near", () => {
  for (const word of ["", "x", "abc", "temperature", "st"]) {
    assertEquals(nearest(word, NAMES), undefined, word);
  }
  assertEquals(suggestion("xyz", NAMES), "");
  assertEquals(suggestion("haed", NAMES, "--"), "; did you mean --head?");
});
