import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import { command } from "./options/command.ts";
import { testIo } from "./fixtures_test.ts";
import { parseOptions } from "./options/parse.ts";
import { runProgram } from "./program.ts";
import { COMMANDS } from "./registry.ts";
import { VERSION } from "./options/version.ts";

async function run(args: string[], commands = COMMANDS) {
  const io = testIo();
  const code = await runProgram(args, commands, io);
  return { code, out: io.stdout.text, err: io.stderr.text };
}

Deno.test("runProgram: help of the program and of all commands", async () => {
  for (const args of [["--help"], ["-h"], ["help"], ["help", "help"], ["help", "--help"]]) {
    const { code, out, err } = await run(args);
    assertEquals([code, err], [0, ""]);
    for (const { name, summary } of COMMANDS) {
      assertMatch(out, new RegExp(`^  ${name} `, "m"));
      assertStringIncludes(out.replaceAll(/\s+/g, " "), summary);
    }
  }
  for (const { name, options } of COMMANDS) {
    const help = await run(["help", name]);
    for (const args of [[name, "--help"], [name, "-h"], ["--help", name], ["-h", name]]) {
      assertEquals(await run(args), help);
    }
    assertEquals([help.code, help.err], [0, ""]);
    for (const option of options) {
      assertMatch(help.out, new RegExp(`^  (-., |    )?--${option.name}( |$)`, "m"));
    }
  }
});

Deno.test("runProgram: quantize --help lists the schemes", async () => {
  assertStringIncludes((await run(["quantize", "--help"])).out, "w4a16-g128: 4-bit weights");
});

Deno.test("runProgram: the examples of the help are right", () => {
  for (const one of COMMANDS) {
    const [name, ...args] = one.example.match(/"[^"]*"|\S+/g)!.map((s) => s.replaceAll('"', ""));
    assertEquals(name, one.name);
    assert(parseOptions(one, args) !== undefined);
  }
});

Deno.test("runProgram: the version is that of deno.json", async () => {
  assertEquals(VERSION, config.version);
  for (const flag of ["--version", "-V", "-v"]) {
    assertEquals(await run([flag]), { code: 0, out: `specmquant ${VERSION}\n`, err: "" });
  }
});

Deno.test("runProgram: wrong usage exits with 2 and says so on standard error", async () => {
  const cases: [string[], string][] = [
    [[], "no command is given, expected generate, chat, serve, pull, score, inspect, quantize"],
    [["genrate"], `Cannot run "genrate": there is no such command`],
    [["genrate"], "did you mean generate?"],
    [["--json"], "Cannot use --json: the name of a command comes first, expected generate"],
    [["help", "nothing"], `Cannot run "nothing"`],
    [["help", "score", "bench"], `Cannot use "bench": help takes the name of one command`],
    [
      ["generate"],
      "Cannot generate: --target MODEL; --prompt TEXT, --prompt-file FILE or a text on standard input are missing",
    ],
    [["generate", "-t", "x"], "or a text on standard input is missing"],
    [
      ["generate", "-t", "x", "-p", "a", "--prompt-file", "b"],
      "Cannot use --prompt and --prompt-file together: expected one of them",
    ],
    [["score", "--target", "x"], "--text TEXT, --text-file FILE or --tokens 1,2,3 is missing"],
    [
      ["score", "--target", "x", "--text", "a", "--tokens", "1"],
      "Cannot use --text and --tokens together",
    ],
    [["inspect"], "MODEL (the directory of a model or a head, or a GGUF file) is missing"],
    [
      ["quantize"],
      "Cannot quantize: --out DIR; --scheme NAME; --model DIR or --head DIR are missing",
    ],
    [["quantize", "--model", "a", "--out", "b", "--scheme", "w3"], "expected w4a16-g32"],
  ];
  for (const [args, words] of cases) {
    const { code, out, err } = await run(args);
    const json = args.includes("--json");
    assertEquals([code, json || out === ""], [2, true], args.join(" "));
    assertStringIncludes(err, `error: Cannot`);
    assertStringIncludes(err, words);
  }
});

Deno.test("runProgram: with --json errors are on standard output too", async () => {
  const { code, out, err } = await run(["inspect", "nowhere", "--json"]);
  const message = "Cannot read nowhere: it does not exist";
  assertEquals(code, 1);
  assertEquals(JSON.parse(out), { error: { code: "checkpoint", message } });
  assertEquals(err, `error: ${message}\n`);
});

Deno.test("runProgram: a reader that has gone ends the program quietly", async () => {
  const broken = command({
    name: "broken",
    summary: "",
    example: "",
    options: [],
    run: () => Promise.reject(new Deno.errors.BrokenPipe("Broken pipe (os error 32)")),
  });
  assertEquals(await run(["broken"], [broken]), { code: 0, out: "", err: "" });
});
