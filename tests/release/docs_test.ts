/**
 * What the documents promise: error codes, the least permissions, Workers.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { testIo } from "../../src/cli/fixtures_test.ts";
import { SAMPLING_OPTIONS } from "../../src/cli/options/sampling.ts";
import { runProgram } from "../../src/cli/program.ts";
import { COMMANDS } from "../../src/cli/registry.ts";
import { BYTE_LEVEL_CONFIG, byteLevelTokenizer } from "../../src/text/fixtures_test.ts";
import { TestHub } from "../hub/hub.ts";
import { tinyRepository } from "../hub/pulled.ts";
import { type RandomModel, SMALL, writeRandomHead, writeRandomModel } from "../models.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const DEMO = `${ROOT}models/demo/target`;

const root = Deno.realPathSync(Deno.makeTempDirSync());
addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));

function read(name: string): string {
  return Deno.readTextFileSync(`${ROOT}docs/${name}`);
}

/** The blocks of code of a document in a language. */
function blocks(name: string, language: string): string[] {
  return [...read(name).matchAll(new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\`$`, "gm"))]
    .map(([, code]) => code);
}

function* sources(dir: string): Generator<[path: string, text: string]> {
  for (const { name, isDirectory } of Deno.readDirSync(dir)) {
    const path = `${dir}/${name}`;
    if (isDirectory) yield* sources(path);
    else if (/(?<!_test)\.ts$/.test(name)) yield [path, Deno.readTextFileSync(path)];
  }
}

/** The codes of errors in the sources, with the classes that have them. */
function codesOfSources(): Map<string, Set<string>> {
  const codes = new Map<string, Set<string>>();
  const add = (code: string, kind: string) =>
    codes.set(code, (codes.get(code) ?? new Set()).add(kind));
  for (const [path, text] of sources(`${ROOT}src`)) {
    for (const [made, code] of text.matchAll(/new SpecMQuantError\(\s*(?:"(\w+)")?/g)) {
      assert(code !== undefined, `${path}: ${made} without its code`);
      add(code, "SpecMQuantError");
    }
    // A subclass that hands its own code on names it in its call of super.
    for (const [, kind, body] of text.matchAll(/class (\w+) extends SpecMQuantError([^]*?)^}$/gm)) {
      const code = /super\(\s*"(\w+)"/.exec(body)?.[1];
      assert(code !== undefined, `${path}: ${kind} without a code`);
      add(code, kind);
    }
    if (!path.endsWith("/failure.ts")) continue;
    for (const [, code] of text.matchAll(/failure\(\w+, "(\w+)"/g)) {
      add(code, "none: the command line's");
    }
  }
  return codes;
}

Deno.test("docs: every code of an error, and no other, is explained", () => {
  const rows = [
    ...read("errors.md").matchAll(/^\| `(\w+)` +\| ([^|]*?) +\| ([^|]+) \| ([^|]+) \|$/gm),
  ];
  const documented = rows.map(([, code, kind]) => [code, kind.replaceAll("`", "")]);
  const found = [...codesOfSources()].map(([code, kinds]) => [code, [...kinds].join(", ")]);
  assertEquals(documented, found.sort(([a], [b]) => a < b ? -1 : 1));
});

Deno.test("docs: every option of how tokens are chosen is explained", () => {
  const [, section] = /^## How tokens are chosen$([^]*?)^## /m.exec(read("cli.md"))!;
  const missing = SAMPLING_OPTIONS.filter(({ name }) => !section.includes(`--${name}`));
  assertEquals(missing.map(({ name }) => name), []);
});

/** A model whose weights are large enough for threads. */
const SHAPE: RandomModel = {
  ...SMALL,
  layers: 1,
  hidden: 512,
  intermediate: 512,
  heads: 4,
  kvHeads: 2,
  headDim: 128,
  vocab: 266,
};

/** Directories that commands need. */
async function directories(): Promise<Record<"plain" | "rotated" | "head", string>> {
  const plain = writeRandomModel(`${root}/plain`, SHAPE);
  Deno.writeTextFileSync(`${plain}/tokenizer.json`, JSON.stringify(byteLevelTokenizer()));
  Deno.writeTextFileSync(`${plain}/tokenizer_config.json`, JSON.stringify(BYTE_LEVEL_CONFIG));
  const rotated = `${root}/rotated`;
  const args = ["quantize", "--model", plain, "--out", rotated, "--scheme", "f16", "--rotate"];
  assertEquals(await runProgram(args, COMMANDS, testIo()), 0);
  return { plain, rotated, head: writeRandomHead(`${root}/head`, SHAPE) };
}

const PROGRAM = `
import { Engine } from "@specmquant/specmquant";
using engine = await Engine.load({ target: ${JSON.stringify(DEMO)} });
console.log((await engine.generate("hello", { maxTokens: 4 }).finish()).tokens.length);
`;

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function deno(args: readonly string[], env: Record<string, string> = {}): Promise<Outcome> {
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "--no-check", `--config=${ROOT}deno.json`, ...args],
    cwd: ROOT,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1", ...env },
  }).spawn();
  let out = "";
  const reading = (async () => {
    for await (const text of process.stdout.pipeThrough(new TextDecoderStream())) {
      out += text;
      // What goes on until it is told to end.
      if (out.startsWith("Serving at ")) process.kill("SIGTERM");
    }
  })();
  const err = await new Response(process.stderr).text();
  const { code } = await process.status;
  await reading;
  return { code, out, err };
}

/** A port that is free. */
function freePort(): string {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return `${(listener.addr as Deno.NetAddr).port}`;
}

/** What each line writes on standard output, and what makes it quick or gives it room; by its command. */
const LINES: Readonly<Record<string, { readonly says: RegExp; readonly more?: string }>> = {
  "program.ts": { says: /^4\n$/ },
  help: { says: /^Usage: specmquant generate/ },
  completions: { says: /^# bash completion/ },
  inspect: { says: /^kind +model$/m },
  pull: { says: /^org\/tiny at [0-9a-f]{40} is in / },
  generate: { says: /./, more: "-n 2" },
  // Nobody says anything.
  chat: { says: /^$/ },
  serve: { says: /^Serving at http:\/\/127\.0\.0\.1:\d+\/v1, / },
  score: { says: /^perplexity \d/m },
  tune: { says: /^Rounds of the target/, more: "-n 8 --contexts 32" },
  doctor: { says: /^usable +yes, on c/ },
  bench: { says: /^forward: target/m, more: "--rows 1 --runs 1 --context 8" },
  quantize: {
    says: /became/,
    more: "--calibration-texts 4 --calibration-tokens 32",
  },
  "convert-head": { says: /^The head for/ },
  eval: { says: /^benchmark +prompts\.jsonl$/m, more: "-n 2 --methods ar" },
  "hidden-states": { says: /^1 texts of \d+ tokens are in/ },
  "trim-head": { says: /^The head in .* drafts 99 of 266 tokens/ },
};

/** The flags without one path, or without one permission that has no more than one. */
function fewer(flags: readonly string[]): string[][] {
  return flags.flatMap((flag, at) => {
    const [permission, list] = flag.split("=");
    const paths = list?.split(",") ?? [];
    const others = flags.toSpliced(at, 1);
    if (paths.length < 2) return [others];
    // Without `src` quantize does all in one thread.
    return paths.filter((path) => path !== "src").map((path) => [
      ...others,
      `${permission}=${paths.filter((one) => one !== path).join(",")}`,
    ]);
  });
}

Deno.test("docs: commands and programs work with the permissions that are named, and with no fewer", async () => {
  const { plain, rotated, head } = await directories();
  await using hub = new TestHub({ "org/tiny": tinyRepository() });
  Deno.writeTextFileSync(`${root}/program.ts`, PROGRAM);
  const lines = blocks("permissions.md", "sh").flatMap((block) => block.trim().split("\n"));
  const seen: string[] = [];
  const checked = new Set<string>();
  await Promise.all(lines.map(async (line) => {
    const words = line.split(" ").slice(2);
    const program = words.findIndex((word) => word.endsWith(".ts"));
    const name = words[program] === "program.ts" ? "program.ts" : words[program + 1];
    seen.push(name);
    const { says, more = "" } = LINES[name];
    const model = { quantize: plain, "convert-head": rotated, "trim-head": plain }[name] ?? DEMO;
    let count = 0;
    const run = (flags: readonly string[]) => {
      const parent = `${root}/${name}-${count++}`;
      Deno.mkdirSync(parent);
      Deno.writeTextFileSync(`${parent}/texts.jsonl`, '{"text": "hello"}');
      Deno.writeTextFileSync(`${parent}/prompts.jsonl`, '{"prompt": "hello"}');
      const places: Record<string, string> = { MODEL: model, HEAD: head, PARENT: parent };
      const hosts = { HUB: hub.hosts.hub, CDN: hub.hosts.cdn, "ORG/NAME": "org/tiny" };
      const port = { PORT: freePort() };
      const paths: Record<string, string> = { ...places, ...hosts, ...port };
      const command = [...flags, ...words.slice(program)].map((word) =>
        word.replaceAll(/MODEL|HEAD|PARENT|PORT|HUB|CDN|ORG\/NAME/g, (place) => paths[place])
          .replace(/^program\.ts$/, `${root}/program.ts`)
      );
      const extra = more.split(" ").filter((word) => word !== "");
      return deno([...command, ...extra], { HF_ENDPOINT: hub.endpoint });
    };
    const flags = words.slice(0, program);
    // What other commands have been found to need with the same flags need not be found again.
    const isNew = !checked.has(flags.join());
    checked.add(flags.join());
    const { code, out, err } = await run(flags);
    assertEquals(code, 0, `${line}: ${err}`);
    assertMatch(out, says, line);
    assertEquals(/requires|permission/i.test(err), false, `${line}: ${err}`);
    for (const less of isNew ? fewer(flags) : []) {
      const outcome = await run(less);
      assertEquals(outcome.code, 1, `${line} with ${less.join(" ")}`);
      assertMatch(outcome.err, /requires|permitted/i, `${line} with ${less.join(" ")}`);
      assertEquals(outcome.err.includes("internal error"), false, outcome.err);
    }
  }));
  assertEquals(seen.sort(), Object.keys(LINES).sort());
});

Deno.test("docs: every command has its permissions named", () => {
  const named = COMMANDS.map(({ name }) => name).filter((name) => LINES[name] === undefined);
  assertEquals(named, []);
});

Deno.test("docs: variables that are named are those that are read, and the other way round", () => {
  const names = new Set<string>();
  for (const [path, text] of sources(`${ROOT}src`)) {
    if (!path.endsWith("base/environment.ts")) {
      assertEquals(
        text.includes("Deno.env"),
        false,
        `${path} reads a variable in a way of its own`,
      );
    }
    for (
      const [, literal, constant] of text.matchAll(/environmentVariable\((?:"(\w+)"|(\w+))\)/g)
    ) {
      const value = literal ?? new RegExp(`const ${constant} = "(\\w+)"`).exec(text)?.[1];
      if (value !== undefined) names.add(value);
    }
  }
  const [env] = read("permissions.md").match(/- \*\*env\*\*[^]*?(?=^- )/m)!;
  const documented = [...env.matchAll(/`([A-Z_]+)`/g)].map(([, name]) => name);
  assertEquals(documented.filter((name) => name !== "NO_COLOR").sort(), [...names].sort());
});

Deno.test("docs: engines in Workers, and a Worker with fewer permissions", async () => {
  const [worker, main] = blocks("workers.md", "ts ignore");
  const dir = `${root}/workers`;
  Deno.mkdirSync(dir);
  Deno.writeTextFileSync(`${dir}/worker.ts`, worker);
  Deno.writeTextFileSync(`${dir}/main.ts`, main);
  const permissions = /\{ type: "module", deno:[^`]*\}/.exec(read("workers.md"))![0];
  Deno.writeTextFileSync(
    `${dir}/fewer.ts`,
    main.replace(/\{ type: "module" \}/, permissions),
  );
  // Those of a program, and the modules of the worker.
  const [program] = blocks("permissions.md", "sh");
  const flags = program.trim().split(" ").filter((word) => word.startsWith("--"))
    .map((flag) => flag.replace("MODEL", `models,${dir},${ROOT}src,${ROOT}mod.ts`));
  const [all, fewer] = await Promise.all([
    deno([...flags, `${dir}/main.ts`]),
    deno(["-A", "--unstable-worker-options", `${dir}/fewer.ts`]),
  ]);
  assertEquals([all.code, all.err], [0, ""]);
  const texts = JSON.parse(all.out) as string[];
  assertEquals(texts.length, 2);
  for (const [at, question] of ["2 + 3", "4 + 4"].entries()) {
    const prompt = `Question: What is ${question}?\nAnswer:`;
    const io = testIo();
    await runProgram(["generate", "-t", DEMO, "-p", prompt, "-n40"], COMMANDS, io);
    assertEquals(texts[at], io.stdout.text);
  }
  assertEquals(fewer, all);
});
