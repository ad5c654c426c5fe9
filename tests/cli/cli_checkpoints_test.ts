/**
 * What the command line says of checkpoints that are not as they should be.
 */
import { fileURLToPath } from "node:url";
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { testIo } from "../../src/cli/fixtures_test.ts";
import { runProgram } from "../../src/cli/program.ts";
import { COMMANDS } from "../../src/cli/registry.ts";
import { DEMO_DIR } from "../../scripts/models/trio.ts";
import { rewrite } from "../rewrite.ts";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

const [TARGET, DRAFT, HEAD] = ["target", "draft", "target-eagle2"].map((one) =>
  `${DEMO_DIR}/${one}`
);

async function run(...args: string[]) {
  const io = testIo();
  const code = await runProgram(args, COMMANDS, io);
  return { code, out: io.stdout.text, err: io.stderr.text };
}

async function withDir(body: (dir: string) => Promise<void>): Promise<void> {
  const dir = Deno.makeTempDirSync();
  try {
    await body(dir);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

/** The demo target with a tensor and a key that nothing knows. */
function odd(dir: string): string {
  return rewrite(TARGET, `${dir}/odd`, (tensors) => {
    for (const i of [0, 1]) {
      const name = `model.layers.${i}.self_attn.sinks`;
      tensors.set(name, { name, dtype: "f16", shape: [2], data: () => new Uint8Array(4) });
    }
    const name = "model.layers.0.self_attn.rotary_emb.inv_freq";
    tensors.set(name, { name, dtype: "f32", shape: [1], data: () => new Uint8Array(4) });
  }, { gate_scale: 2, transformers_version: "5.0.0" });
}

Deno.test("generate: the option whose directory is wrong is named", async () => {
  const generate = (...args: string[]) => run("generate", "--prompt", "a", ...args);
  const cases: [string[], string][] = [
    [["--target", "/none"], "error: --target: Cannot read /none: it does not exist"],
    [
      ["--target", "org/model"],
      "error: --target: Cannot read org/model: it does not exist; it looks",
    ],
    [["--target", HEAD], `error: --target: Cannot read ${HEAD}: it holds a draft head`],
    [
      ["--target", TARGET, "--draft", HEAD],
      `error: --draft: Cannot read ${HEAD}: it holds a draft`,
    ],
    [["--target", TARGET, "--head", DRAFT], `error: --head: Cannot read ${DRAFT}: it holds a comp`],
  ];
  for (const [args, message] of cases) {
    const { code, err } = await generate(...args);
    assertEquals(code, 1);
    assertStringIncludes(err, message);
  }
});

Deno.test("generate: a tokenizer or a chat template that is a Git LFS pointer is called one", () =>
  withDir(async (dir) => {
    const target = rewrite(TARGET, `${dir}/target`);
    const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9085657\n";
    // What stops a chat template stops only chats.
    const files = [
      ["chat_template.jinja", "", "--chat"],
      ["tokenizer_config.json", "--target: "],
      ["tokenizer.json", "--target: "],
    ];
    for (const [name, role, ...more] of files) {
      Deno.writeTextFileSync(`${target}/${name}`, pointer);
      const { code, err } = await run("generate", "--prompt", "a", "--target", target, ...more);
      const message = `error: ${role}Cannot read ${target}/${name}: it is a Git LFS pointer`;
      assertEquals(code, 1);
      assertStringIncludes(err, message);
    }
  }));

Deno.test("inspect: what is not used is listed", () =>
  withDir(async (dir) => {
    const path = odd(dir);
    const { out, err } = await run("inspect", path);
    for (
      const row of [
        "  key     gate_scale                                    config.json        may change the output",
        "  key     transformers_version                          config.json",
        "  tensor  model.layers.*.self_attn.sinks \\(2\\)            model.safetensors  may change the",
        "  tensor  model.layers.0.self_attn.rotary_emb.inv_freq  model.safetensors",
      ]
    ) assertMatch(out, new RegExp(row.trim().replace(/ +/g, " +")));
    assertEquals(err.trimEnd().split("\n"), [
      `warning: ${path}: what it says may not be what it should, as these keys are not used: ` +
      `"gate_scale" (config.json)`,
      `warning: ${path}: what it says may not be what it should, as these tensors are not used: ` +
      "model.layers.*.self_attn.sinks (2)",
    ]);
    const json = JSON.parse((await run("inspect", path, "--json")).out);
    const file = "model.safetensors";
    const sinks = (i: number) => `model.layers.${i}.self_attn.sinks`;
    assertEquals(json.unused.filter(({ matters }: { matters: boolean }) => matters), [
      { kind: "key", name: "gate_scale", file: "config.json", matters: true },
      { kind: "tensor", name: sinks(0), file, matters: true },
      { kind: "tensor", name: sinks(1), file, matters: true },
    ]);
    assertStringIncludes((await run("inspect", HEAD)).out, "use_cache");
  }));

Deno.test("generate: what may change the output is warned of on standard error, once", () =>
  withDir(async (dir) => {
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", MAIN, "generate", "--prompt", "a", "--max-tokens", "2"]
        .concat("--target", odd(dir), "--draft", DRAFT, "--backend", "cpu"),
    }).output();
    const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
    assertEquals(out.includes("gate_scale"), false);
    assertEquals(err.match(/^warning: .*"gate_scale" \(config\.json\)$/gm)?.length, 1);
    assertEquals(err.match(/^warning: .*sinks \(2\)$/gm)?.length, 1);
  }));
