import { assertEquals, assertThrows } from "@std/assert";
import type { Option } from "./option.ts";
import { parseOptions } from "./parse.ts";
import { COMMANDS } from "../registry.ts";
import { expandShort } from "./short_flags.ts";
import { UsageError } from "./usage_error.ts";

const OPTIONS: readonly Option[] = [
  { name: "target", short: "t", type: "string", value: "DIR", summary: "" },
  { name: "prompt", short: "p", type: "string", value: "TEXT", summary: "" },
  { name: "max-tokens", short: "n", type: "integer", value: "N", summary: "" },
  { name: "loud", short: "l", type: "boolean", summary: "" },
];

Deno.test("expandShort: a value behind a space, an equals sign, or digits at once", () => {
  const cases: [string[], string[]][] = [
    [["-n", "5"], ["--max-tokens", "5"]],
    [["-n=5"], ["--max-tokens=5"]],
    [["-n5"], ["--max-tokens=5"]],
    [["-n1e3"], ["--max-tokens=1e3"]],
    [["-p", "a b", "-t=x=y", "-l"], ["--prompt", "a b", "--target=x=y", "--loud"]],
    [["-p=two\nlines"], ["--prompt=two\nlines"]],
    [["-x", "-5", "-", "--", "-n5"], ["-x", "-5", "-", "--", "-n5"]],
  ];
  for (const [args, long] of cases) assertEquals(expandShort(args, OPTIONS), long);
});

Deno.test("expandShort: no long name behind one dash, no words behind a letter", () => {
  const cases: [string, string][] = [
    ["-prompt", "Cannot use -prompt: expected -p TEXT; did you mean --prompt?"],
    ["-target", "Cannot use -target: expected -t DIR; did you mean --target?"],
    ["-phello", "Cannot use -phello: expected -p TEXT"],
    ["-nx", "Cannot use -nx: expected -n N"],
    ["-lx", "Cannot use -lx: expected -l"],
  ];
  for (const [arg, words] of cases) {
    const error = assertThrows(() => expandShort([arg], OPTIONS), UsageError);
    assertEquals(error.message, words);
  }
});

Deno.test("short flags: -t, -p and -n, of the same option in every command", () => {
  const generate = COMMANDS.find(({ name }) => name === "generate")!;
  const values = parseOptions(generate, ["-t", "dir", "-p", "hello", "-n5"])!;
  assertEquals([values.target, values.prompt, values["max-tokens"]], ["dir", "hello", 5]);
  const letters = new Map<string, string>([["h", "help"], ["V", "version"], ["v", "version"]]);
  const names = new Map<string, string | undefined>();
  for (const { name, options } of COMMANDS) {
    for (const { name: option, short } of options) {
      if (short !== undefined) {
        assertEquals(letters.get(short) ?? option, option, `${name} -${short}`);
        letters.set(short, option);
      }
      if (names.has(option)) assertEquals(names.get(option), short, `${name} --${option}`);
      names.set(option, short);
    }
  }
  assertEquals([letters.get("t"), letters.get("p"), letters.get("n")], [
    "target",
    "prompt",
    "max-tokens",
  ]);
});
