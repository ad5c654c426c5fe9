import { assertEquals } from "@std/assert";
import { command } from "./command.ts";
import { commandLine } from "./command_line.ts";
import { parseOptions } from "./parse.ts";
import { COMMANDS } from "../registry.ts";

const COOK = command({
  name: "cook",
  summary: "",
  example: "",
  positional: { name: "dish", value: "DISH", summary: "" },
  options: [
    { name: "salt", type: "boolean", summary: "" },
    { name: "heat", type: "integer", value: "N", default: 180, summary: "" },
    { name: "shift", type: "number", value: "X", summary: "" },
    { name: "note", type: "string", value: "TEXT", summary: "" },
    { name: "herb", type: "list", value: "NAME", summary: "" },
    { name: "eggs", type: "integers", value: "1,2", summary: "" },
    { name: "weigh", type: "pairs", value: "ID=X,...", summary: "" },
  ],
  run: () => Promise.resolve(0),
});

/** What a shell makes of a line. */
async function shell(line: string): Promise<string[]> {
  const script = `for word in ${line}; do printf '%s\\0' "$word"; done`;
  const { stdout } = await new Deno.Command("sh", { args: ["-c", script] }).output();
  return new TextDecoder().decode(stdout).split("\0").slice(0, -1);
}

Deno.test("commandLine: a shell and the parser make the same values of it", async () => {
  const cases = [
    ["soup"],
    "soup --salt --heat 3 --shift=-1.5 --herb a --herb b --eggs 1,2 --weigh 5=-1.5,7=2".split(" "),
    ["a dish", "--note", `it's $HOME; "x" \\ * \n`, "--herb=--salt"],
  ];
  for (const args of cases) {
    const values = parseOptions(COOK, args)!;
    const [program, name, ...words] = await shell(commandLine(COOK, values));
    assertEquals([program, name], ["specmquant", "cook"]);
    assertEquals(parseOptions(COOK, words), values);
  }
});

Deno.test("commandLine: what is as without it is left out", () => {
  const quantize = COMMANDS.find(({ name }) => name === "quantize")!;
  const args = ["--model", "a", "--out", "b c", "--scheme", "w8a8", "--backend", "auto"];
  assertEquals(
    commandLine(quantize, parseOptions(quantize, args)!),
    "specmquant quantize --model a --out 'b c' --scheme w8a8",
  );
});
