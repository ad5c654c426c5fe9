/**
 * The benches from end to end on the CPU library, with small shapes: figures are there, and mean something.
 *
 * @module
 */
import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertGreater,
  assertLess,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { DEMO_DIR } from "../../scripts/models/trio.ts";
import { OutOfDeviceMemoryError } from "../../src/base/errors.ts";
import type { ModelConfig } from "../../src/checkpoint/config/config.ts";
import { capturePart } from "../../src/cli/commands/bench/captured_part.ts";
import { HEAD_KINDS } from "../../src/checkpoint/synthetic/head_shapes.ts";
import { type Figure, figureId } from "../../src/cli/commands/bench/figure.ts";
import { FilledState } from "../../src/cli/commands/bench/filled_state.ts";
import { TABLES } from "../../src/cli/commands/bench/registry.ts";
import type { Report } from "../../src/cli/commands/bench/report.ts";
import { runBench, type RunOptions } from "../../src/cli/commands/bench/run.ts";
import {
  checkFits,
  type InflatedShape,
  INFLATIONS,
  loadModels,
} from "../../src/cli/commands/bench/sources.ts";
import { testIo } from "../../src/cli/fixtures_test.ts";
import { runProgram } from "../../src/cli/program.ts";
import { COMMANDS } from "../../src/cli/registry.ts";
import { Device } from "../../src/device/mod.ts";

const TINY: ModelConfig = {
  architecture: "llama",
  vocabSize: 512,
  hiddenSize: 128,
  intermediateSize: 256,
  layers: 2,
  heads: 2,
  kvHeads: 1,
  headDim: 64,
  rmsNormEps: 1e-5,
  ropeTheta: 10000,
  maxPositions: 2048,
  tiedEmbeddings: false,
  qkvBias: false,
  outputBias: false,
  mlpBias: false,
  qkNorm: false,
  eosTokenIds: [],
};

const OPTIONS: Omit<RunOptions, "tables" | "sources"> = {
  backend: "cpu",
  threads: 2,
  context: 48,
  runs: 3,
  rows: [1, 5],
  promptTokens: [100, 500, 3000],
  prompts: 2,
  maxTokens: 12,
  choice: {},
  progress: () => {},
};

async function reportOf(more: Pick<RunOptions, "tables" | "sources">): Promise<Report> {
  let last: Report | undefined;
  for await (const { report } of runBench({ ...OPTIONS, ...more })) last = report;
  return last!;
}

function figuresOf(report: Report): Map<string, Figure> {
  return new Map(
    report.sections.flatMap((section) =>
      section.figures.map((figure) => [figureId(section, figure), figure] as const)
    ),
  );
}

const table = (...names: string[]) => TABLES.filter(({ name }) => names.includes(name));

Deno.test("bench: schemes follow one another, the device's own figures come once", async () => {
  const source = (scheme: "w8a8" | "w4a8-qoq") =>
    ({ kind: "synthetic", shapes: { tiny: TINY }, scheme, heads: [] }) as const;
  const report = await reportOf({
    sources: [source("w8a8"), source("w4a8-qoq")],
    tables: table("ceilings", "forward"),
  });
  assertEquals(report.sections.map(({ table, subject }) => `${table} ${subject}`), [
    "ceilings device",
    "forward tiny/w8a8",
    "forward tiny/w4a8-qoq",
  ]);
});

Deno.test("bench: all tables on two synthetic shapes; figures are finite and fit together", async () => {
  const small = { ...TINY, layers: 1 };
  const shapes = { large: TINY, small };
  const source = { kind: "synthetic", shapes, scheme: "w4a16-g128", heads: ["eagle2"] } as const;
  const report = await reportOf({ sources: [source], tables: TABLES });
  const figures = figuresOf(report);
  const w4 = (name: string) => `${name}/w4a16-g128`;
  assertEquals(report.sections.map(({ table, subject }) => `${table} ${subject}`), [
    "ceilings device",
    ...["forward", "context", "breakdown", "choose", "prefill", "drafts", "speculation", "idle"]
      .flatMap((
        name,
      ) =>
        ["large", "small"].flatMap((model) => {
          // Of each context the forwards, and attention alone.
          return Array(name === "context" ? 4 : 1).fill(`${name} ${w4(model)}`);
        })
      ),
  ]);
  // A remainder, and time that rounds to none, may be nothing or less.
  const mayVanish = /\/(rest|idle)$|commit$/;
  for (const [id, { value, p10, p90 }] of figures) {
    assert(Number.isFinite(value), id);
    if (!mayVanish.test(id)) assertGreater(value, 0, id);
    if (p10 !== undefined) assert(p10 <= value && value <= p90!, id);
  }
  const value = (id: string) => figures.get(id)!.value;
  const forward = figures.get(`forward/${w4("large")}/rows=5`)!;
  assertEquals(forward.relative, forward.value / value(`forward/${w4("large")}/rows=1`));
  assertAlmostEquals(forward.gbPerSecond!, forward.bytes! / forward.value / 1e6, 1e-9);
  // Weights in 4 bits and scales, the f16 lm_head, norms, and both caches of all layers.
  const weights = 2 * (128 * 256 + 128 * 128 + 3 * 128 * 256);
  const bytes = weights * (0.5 + 2 / 128) + 2 * 128 * 512 + 2 * 128 * 5 + 2 * 2 * 53 * 64 * 2;
  assertEquals(forward.bytes, bytes);
  const longest = TINY.maxPositions - 5;
  const cache = 2 * 2 * (longest + 5) * 64 * 2;
  const context = (name: string) =>
    figures.get(`context/${w4("large")}/context=${longest} rows=5${name}`)!;
  assertEquals(context("").bytes, bytes - 2 * 2 * 53 * 64 * 2 + cache);
  assertEquals(context(" attention").bytes, cache / TINY.layers);

  // Prompts longer than the shape's positions: only its costs count.
  for (const tokens of [100, 3000]) {
    const prefill = (name: string) =>
      figures.get(`prefill/${w4("large")}/tokens=${tokens}${name}`)!;
    const [whole, attention] = [prefill(""), prefill(" attention")];
    // Of the tiny model's long prompt it is nearly all, and a busy machine may take longer for either.
    assertLess(attention.p10!, whole.p90!, `${tokens}`);
    const operations = 2 * 2 * tokens * tokens * 2 * 64;
    const rate = operations / attention.value / 1e9;
    assertAlmostEquals(prefill(" attention rate").value, rate, 1e-9 * rate);
  }
  assert(figures.has(`prefill/${w4("large")}/tokens=500 at once`));
  assert(!figures.has(`prefill/${w4("large")}/tokens=3000 at once`));

  const speculation = `speculation/${w4("large")}`;
  for (const name of ["eagle2-3-10-24", "eagle2-6-10-60", "draft-6"]) {
    const parts = ["draft", "verify", "commit"].map((part) =>
      value(`${speculation}/${name} ${part}`)
    );
    const sum = parts.reduce((all, part) => all + part);
    assertLess(sum, value(`${speculation}/${name} round`) * 2, name);
  }
  const hier = (name: string) => value(`${speculation}/hier-6-3-10-30 ${name}`);
  const step = hier("round R=3") - hier("round R=2");
  assertAlmostEquals(step, hier("tree round"), 1e-9);
  assert(!figures.has(`speculation/${w4("small")}/draft-6 round`), "a model drafts for itself");
});

Deno.test("bench: drafts of every family, with what they read", async () => {
  const shapes = { tiny: { ...TINY, layers: 6, hiddenSize: 256, intermediateSize: 512, heads: 4 } };
  const vocabulary = 128;
  const report = await reportOf({
    sources: [
      { kind: "synthetic", shapes, scheme: "w4a16-g128", heads: HEAD_KINDS },
      {
        kind: "synthetic",
        shapes,
        scheme: "w4a16-g128",
        heads: HEAD_KINDS,
        headStorage: { scheme: "w4a16-g128", vocabulary },
      },
    ],
    tables: table("drafts"),
  });
  const figures = figuresOf(report);
  const [h, inter, kv] = [256, 512, 64];
  const layer = (inputs: number) => inputs * (h + 2 * kv) + h * h + 3 * h * inter;
  const cache = 2 * kv * 2 * OPTIONS.context;
  // f16, and the output projection that is the model's, or the head's own of 512 tokens.
  const plain = (id: string) => figures.get(`drafts/tiny/w4a16-g128/${id}`)!;
  const f16 = (weights: number) => 2 * weights;
  const eagle2 = plain("eagle2-3-10-24 f16 vocabulary=512");
  assertEquals(eagle2.bytes, 3 * (f16(2 * h * h + layer(h) + 512 * h) + cache));
  const eagle3 = plain("eagle3-3-10-24 f16 vocabulary=512");
  assertEquals(eagle3.bytes, f16(3 * h * h) + 3 * (f16(layer(2 * h) + 512 * h) + cache));
  // Keys and values of the text are one product for all layers.
  const blocks = f16(5 * h * h + 512 * h) + 5 * (f16(layer(h) + h * 2 * kv) + cache);
  assertEquals(plain("dflash-7-1-8 f16 vocabulary=512").bytes, blocks);
  const markov = 7 * f16(512 * 256);
  assertEquals(plain("dspark-7-1-8 f16 vocabulary=512").bytes, blocks + markov);
  // Quantized, with an output projection of their own.
  const small = (id: string) =>
    figures.get(`drafts/tiny (heads w4a16-g128@128)/w4a16-g128/${id} w4a16-g128 vocabulary=128`)!;
  const w4 = (weights: number) => weights * (0.5 + 2 / 128);
  assertEquals(
    small("eagle2-3-10-24").bytes,
    3 * (w4(2 * h * h + layer(h) + vocabulary * h) + cache),
  );
  assertEquals(
    small("dspark-7-1-8").bytes,
    w4(5 * h * h + vocabulary * h + 7 * vocabulary * 256) +
      5 * (w4(layer(h) + h * 2 * kv) + cache),
  );
  assertEquals(figures.size, 16);
  for (const [id, { value, bytes, share }] of figures) {
    assertGreater(value, 0, id);
    if (bytes === undefined) continue;
    const floor = figures.get(`${id} floor`)!;
    assertAlmostEquals(floor.value / value, share!, 1e-9);
  }
});

Deno.test("bench: a trio, as it is and inflated, says the same with every method", async () => {
  const echo = (name: string, layers: number, more: Partial<ModelConfig>): InflatedShape => {
    const json = JSON.parse(Deno.readTextFileSync(`${DEMO_DIR}/${name}/config.json`));
    const model = {
      ...TINY,
      vocabSize: 4096,
      hiddenSize: 1024,
      headDim: 128,
      rmsNormEps: json.rms_norm_eps,
      layers,
      ...more,
    };
    return { name, model };
  };
  const inflation = {
    target: echo("target", 9, { intermediateSize: 1152, heads: 8, kvHeads: 2 }),
    draft: echo("draft", 5, { intermediateSize: 768, heads: 3, kvHeads: 3 }),
  };
  const tables = table("end-to-end");
  const plain = await reportOf({ sources: [{ kind: "trio", dir: DEMO_DIR }], tables });
  const large = await reportOf({ sources: [{ kind: "trio", dir: DEMO_DIR, inflation }], tables });
  assertEquals(plain.sections[0].subject, "target+draft");
  assertEquals(large.sections[0].subject, "target-inflated+draft-inflated");
  const taus = [plain, large].map((report) => {
    const figures = new Map(report.sections[0].figures.map((one) => [one.name, one]));
    for (const method of ["draft", "eagle2", "hier"]) {
      assertEquals(figures.get(`${method} identical`)?.value, 1, method);
      assertGreater(figures.get(`${method} tau`)!.value, 2, method);
      const parts = ["draft", "verify", "commit", "other"];
      const shares = parts.map((part) => figures.get(`${method} ${part}`)!.share!);
      const sum = shares.reduce((all, share) => all + share);
      assertAlmostEquals(sum, 1, 1e-9, method);
    }
    assert(figures.has("hier(suffix) tau"), "a hierarchy over every drafter that there is");
    assert(!figures.has("eagle3 tau"), "a method without its head");
    return ["ar", "draft", "eagle2", "hier"].map((name) => figures.get(`${name} tau`)!.value);
  });
  assertEquals(taus[1], taus[0]);
  // Heads in four bits, with fewer tokens than the model, and no fewer than the small one: worth nearly as much.
  const headStorage = { scheme: "w4a16-g128", vocabulary: 3328 } as const;
  const quantized = await reportOf({
    sources: [{ kind: "trio", dir: DEMO_DIR, inflation, headStorage }],
    tables: table("end-to-end", "drafts"),
  });
  const [drafts, , texts] = quantized.sections;
  assertStringIncludes(drafts.figures[0].name, "eagle2-3-10-24 w4a16-g128 vocabulary=3328");
  const found = new Map(texts.figures.map((one) => [one.name, one.value]));
  for (const method of ["eagle2", "hier"]) {
    assertEquals(found.get(`${method} identical`), 1, method);
    assertGreater(found.get(`${method} tau`)!, 0.9 * taus[0][method === "hier" ? 3 : 2], method);
  }
});

Deno.test("bench: a part of a capture holds only the ops asked for", () => {
  using device = Device.open({ backend: "cpu", threads: 1 });
  const shapes = { tiny: TINY };
  const source = { kind: "synthetic", shapes, scheme: "f16", heads: [] } as const;
  using loaded = loadModels(device, source, () => {});
  using filled = new FilledState(loaded.models[0].model, 8, 1);
  const logits = (keep: (op: string) => boolean) => {
    const seen = new Set<string>();
    const { symbols } = device.native;
    using graph = capturePart(
      device,
      keep,
      () => filled.queueVerification(1),
      (op) => seen.add(op),
    );
    assertEquals(device.native.symbols, symbols, "functions are put back");
    device.upload(filled.state.logits, new Float32Array(TINY.vocabSize));
    graph.launch();
    const bytes = device.download(filled.state.logits);
    return { seen, some: new Float32Array(bytes.buffer).some((one) => one !== 0) };
  };
  const all = logits(() => true);
  assert(all.seen.has("smq_attention") && all.seen.has("smq_choose") && all.some);
  const none = logits((op) => op === "smq_choose");
  assertEquals(none.seen, all.seen);
  assertEquals(none.some, false);
});

Deno.test("bench: models that do not fit are refused before anything is measured or loaded", async () => {
  const heard: string[] = [];
  const shapes = { huge: { ...TINY, layers: 2_000, hiddenSize: 16384, intermediateSize: 65536 } };
  const source = { kind: "synthetic", shapes, scheme: "f16", heads: ["eagle2"] } as const;
  const progress = (label: string) => void heard.push(label);
  const steps = runBench({ ...OPTIONS, progress, sources: [source], tables: TABLES });
  await assertRejects(() => steps.next(), OutOfDeviceMemoryError, "at a context of 48: they need ");
  assertEquals(heard, []);

  // As on a machine with less memory than this one.
  using device = Device.open({ backend: "cpu", threads: 1 });
  const trio = { kind: "trio", dir: DEMO_DIR, inflation: INFLATIONS["70b-8b"] } as const;
  const fits = (free: number) => {
    Object.defineProperty(device, "memory", {
      value: () => ({ used: 0, free, total: free }),
      configurable: true,
    });
    checkFits(device, trio, 512, "f16");
  };
  fits(64e9);
  assertThrows(() => fits(32e9), OutOfDeviceMemoryError, "GB, 32.00 GB are free; no context fits");
  fits(64e9);
});

const root = Deno.makeTempDirSync();
addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));

async function run(...args: string[]) {
  const io = testIo();
  const code = await runProgram(["bench", ...args], COMMANDS, io);
  return { code, out: io.stdout.text, err: io.stderr.text };
}

Deno.test("bench: the command writes its files, and compares with them", async () => {
  const [first, second] = [`${root}/a.json`, `${root}/b.json`];
  const args = ["--backend", "cpu", "--model", `${DEMO_DIR}/draft`, "--tables", "forward"];
  const sizes = ["--rows", "1,2", "--context", "16", "--runs", "3"];
  const one = await run(...args, ...sizes, "--json", first, "--markdown", `${root}/a.md`);
  assertEquals([one.code, one.err], [0, ""]);
  assertStringIncludes(one.out, "forward: draft/w4a16-g128\n");
  assertStringIncludes(Deno.readTextFileSync(`${root}/a.md`), "## forward: draft/w4a16-g128\n");
  const json = JSON.parse(Deno.readTextFileSync(first));
  assertEquals(Object.keys(json), [
    "schema",
    "source",
    "date",
    "commit",
    "device",
    "options",
    "sections",
  ]);
  assertEquals(json.schema, "specmquant-bench/1");
  assertEquals(json.options, { context: 16, runs: 3, rows: [1, 2] });
  assertEquals(json.sections[0].figures.length, 2);

  const two = await run(...args, ...sizes, "--json", second, "--compare", first);
  assertEquals(two.code, 0);
  assertStringIncludes(two.out, "times as good");
  const line = two.out.split("\n").find((text) =>
    text.startsWith("forward/draft/w4a16-g128/rows=2")
  );
  const [, now, then, , ratio] = line!.split(/\s+/).map(Number);
  assertLess(Math.abs(ratio - then / now), 0.01 * ratio + 0.01);
});

Deno.test("bench: wrong usage is named, and files are no JSON output", async () => {
  const cases: [string[], number, string][] = [
    [["--tables", "forwards"], 2, "did you mean forward?"],
    [["--synthetic", "llama-3-9b"], 2, "did you mean llama-3-8b?"],
    [["--synthetic", "llama-3-8b", "--scheme", "f16,w8a9"], 2, "did you mean w8a8?"],
    [["--model", "a", "--rows", "0"], 2, "Cannot use --rows 0: expected 1 to 64"],
    [
      ["--model", "a", "--prompt-tokens", "512,0"],
      2,
      "Cannot use --prompt-tokens 0: expected 1 to 1048576",
    ],
    [
      ["--model", "a", "--tables", "forward", "--prompt-tokens", "9"],
      2,
      "Cannot use --prompt-tokens: it needs --tables with prefill",
    ],
    [
      ["--model", "a", "--inflate", "70b-8b"],
      2,
      "Cannot use --inflate: it does nothing with --model",
    ],
    [["--model", "a", "--scheme", "f16"], 2, "Cannot use --scheme: it needs --synthetic"],
    [["--model", "a", "--trio", "b"], 2, "Cannot use --model and --trio together"],
    [["--tables", "end-to-end"], 2, "--tables: it needs --trio or --inflate for end-to-end"],
    [["--compare", `${root}/none.json`], 1, "there is no such file"],
    [["--model", `${root}/none`, "--runs", "1", "--backend", "cpu"], 1, "it does not exist"],
  ];
  for (const [args, code, message] of cases) {
    const result = await run(...args, "--json", `${root}/failed.json`);
    assertEquals(result.code, code, args.join(" "));
    assertStringIncludes(result.err, message);
    assert(!result.out.includes('"error"'));
  }
});
