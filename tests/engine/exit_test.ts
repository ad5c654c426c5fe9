/**
 * Programs that end in the midst of their work: in whatever way they do, they end as they were told to, and not with a
 * segmentation fault. Threads of the library may be at work then, and texts under way.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { assertEquals } from "@std/assert";

const ROOT = new URL("../../", import.meta.url);
const CONFIG = fileURLToPath(new URL("deno.json", ROOT));

const folder = Deno.makeTempDirSync();
addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

/** A module that has texts under way, in as many slots as there are. */
const TEXTS = `
  import { Engine } from "${new URL("mod.ts", ROOT)}";
  const target = new URL("models/demo/target", "${ROOT}");
  const options = { target, backend: "cpu", context: 256, slots: 3, threads: 4 };
  const engine = await Engine.load(options);
  const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const run = async (prompt) => {
    for (;;) await engine.generate(prompt, { ignoreEos: true }).finish();
  };
  const start = () => {
    for (let i = 0; i < 3; i++) run("Question " + i).catch(() => {});
    return sleep(50);
  };
`;

interface Ending {
  readonly name: string;
  readonly program: string;
  readonly args?: readonly string[];
  readonly out?: string;
  readonly code?: number;
  readonly signal?: Deno.Signal;
}

const ENDINGS: readonly Ending[] = [
  { name: "it exits", program: `${TEXTS} await start(); Deno.exit(3);`, code: 3 },
  { name: "it fails", program: `${TEXTS} await start(); throw new Error("failed");`, code: 1 },
  {
    name: "it is told to",
    program: `${TEXTS} await start(); Deno.kill(Deno.pid, "SIGTERM"); await sleep(5000);`,
    signal: "SIGTERM",
  },
  {
    name: "a test of it ends",
    program: `${TEXTS} Deno.test("ends", start);`,
    args: ["test"],
    code: 0,
  },
  {
    name: "a test of it fails",
    program: `${TEXTS} Deno.test("fails", async () => { await start(); throw new Error("x"); });`,
    args: ["test"],
    code: 1,
  },
  {
    // A timer may come behind the event "unload".
    name: "a tokenizer is in use",
    program: `
      import { Tokenizer } from "${new URL("mod.ts", ROOT)}";
      const tokenizer = Tokenizer.load(new URL("models/demo/target", "${ROOT}"));
      const run = async () => {
        for (;;) {
          tokenizer.decode(tokenizer.encode("1 + 1"));
          await new Promise((resolve) => setTimeout(resolve, 0));
        }
      };
      Deno.test("ends", () => {
        run().catch(() => {});
        return new Promise((resolve) => setTimeout(resolve, 50));
      });`,
    args: ["test"],
    code: 0,
  },
  {
    // The library must not leave with the thread: those of its own are still there.
    name: "a Worker of it is ended",
    program: `
      const worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
      await new Promise((resolve) => worker.onmessage = resolve);
      worker.terminate();
      for (let i = 0; i < 10; i++) await new Promise((resolve) => setTimeout(resolve, 10));
      console.log(Deno.readTextFileSync("/proc/self/maps").includes("/libspecmquant_cpu.so"));`,
    out: "true\n",
    code: 0,
  },
];

Deno.writeTextFileSync(`${folder}/worker.js`, `${TEXTS} await start(); postMessage("at work");`);

// 6 s: seven processes.
for (const [i, { name, program, args = ["run"], out, ...ending }] of ENDINGS.entries()) {
  Deno.test(`a program ends as it should with texts under way: ${name}`, async () => {
    const file = `${folder}/program${i}.js`;
    Deno.writeTextFileSync(file, program);
    const child = new Deno.Command(Deno.execPath(), {
      args: [...args, "-A", "--no-check", "--config", CONFIG, file],
      env: { NO_COLOR: "1" },
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    // Those that hung did so for good.
    const timer = setTimeout(() => child.kill("SIGKILL"), 60_000);
    const { code, signal, stdout, stderr } = await child.output();
    clearTimeout(timer);
    const [said, wrong] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
    const found = signal === null ? { code } : { signal };
    assertEquals<unknown>(found, { ...ending }, said + wrong);
    if (out !== undefined) assertEquals(said, out);
  });
}
