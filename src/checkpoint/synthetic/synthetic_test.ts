import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { backendTest } from "../../../tests/backends.ts";
import { someOf } from "../../../tests/cases.ts";
import { decode } from "../../../tests/rounds.ts";
import { ArgumentError } from "../../base/errors.ts";
import { scoreTokens } from "../../engine/score.ts";
import { checkHead, HeadModel, Model, summarizeModel } from "../../model/mod.ts";
import { DRAFTERS } from "../../engine/drafters/registry.ts";
import { speculationOf } from "../../engine/options.ts";
import { eagle2 } from "../../speculation/mod.ts";
import type { ModelConfig } from "../config/config.ts";
import { HEAD_KINDS, type HeadKind, headShape } from "./head_shapes.ts";
import { MODEL_SHAPES, modelShape } from "./shapes.ts";
import { syntheticCheckpoint, syntheticHead, type SyntheticOptions } from "./synthetic.ts";
import {
  SYNTHETIC_FORMATS,
  SYNTHETIC_LM_HEADS,
  type SyntheticLmHead,
  type SyntheticScheme,
} from "./synthetic_schemes.ts";

/** A shape that a test can run: deep, as depth is what activations must survive. */
const DEEP: ModelConfig = {
  ...modelShape("llama-3-70b"),
  vocabSize: 2000,
  hiddenSize: 256,
  intermediateSize: 512,
  heads: 4,
  kvHeads: 2,
  headDim: 64,
};

const SCHEMES = Object.keys(SYNTHETIC_FORMATS) as SyntheticScheme[];
const LM_HEADS = Object.keys(SYNTHETIC_LM_HEADS) as SyntheticLmHead[];

Deno.test("named shapes have all tensors that a model checks, and their known sizes", () => {
  const gigabytes = (name: string, scheme: SyntheticScheme) => {
    using checkpoint = syntheticCheckpoint(modelShape(name), { scheme });
    return summarizeModel(checkpoint).weightBytes / 1e9;
  };
  for (const name of Object.keys(MODEL_SHAPES)) for (const s of SCHEMES) gigabytes(name, s);
  assertAlmostEquals(gigabytes("llama-3-8b", "f16"), 16.06, 0.01);
  assertAlmostEquals(gigabytes("llama-3-70b", "f16"), 141.1, 0.05);
  assertAlmostEquals(gigabytes("llama-3.2-1b", "f16"), 2.47, 0.01);
  assertAlmostEquals(gigabytes("llama-3.2-3b", "f16"), 6.43, 0.01);
  assertAlmostEquals(gigabytes("qwen2.5-7b", "f16"), 15.23, 0.01);
  assertAlmostEquals(gigabytes("llama-3-70b", "w4a16-g128"), 39.5, 0.2);
  const of = (kind: HeadKind, name: string, scheme?: SyntheticScheme, vocabulary?: number) => {
    using head = syntheticHead(headShape(kind, modelShape(name), vocabulary), { scheme });
    return checkHead(head, { dir: name, config: modelShape(name) });
  };
  for (const kind of HEAD_KINDS) {
    for (const scheme of SCHEMES) {
      for (const v of [undefined, 32000]) of(kind, "qwen3-8b", scheme, v);
    }
  }
  const head = (...args: Parameters<typeof of>) => of(...args).weightBytes / 1e9;
  // EAGLE-2: fc and a layer; with tokens of its own an output projection, too.
  assertAlmostEquals(head("eagle2", "llama-3-8b"), 0.503, 0.001);
  assertAlmostEquals(head("eagle2", "llama-3-8b", "w4a16-g128", 32000), 0.197, 0.001);
  // Qwen3-8B: five layers, fc, both tables of the Markov head; the layers' keys and values a second time.
  assertAlmostEquals(head("dspark", "qwen3-8b"), 2.2528 + 5 * 2 * 1024 * 4096 * 2 / 1e9, 1e-4);
  assertThrows(
    () => headShape("eagle3", DEEP, 2001),
    ArgumentError,
    "its vocabulary is 2001, expected at most 2000",
  );
  assertThrows(
    () => syntheticCheckpoint(DEEP, { scheme: "w8a8", lmHead: "w8a16" }),
    ArgumentError,
    "w8a16 beside w8a8, expected the scheme w4a16-g128",
  );
  assertThrows(() => modelShape("llama-9"), ArgumentError, `"llama-9", expected llama-3-8b`);
});

Deno.test("synthetic tensors: same bytes for a seed however they are read, no zeros, right size", () => {
  using a = syntheticCheckpoint(modelShape("llama-3-8b"), { scheme: "w4a16-g128", seed: 1 });
  using b = syntheticCheckpoint(modelShape("llama-3-8b"), { scheme: "w4a16-g128", seed: 1 });
  using c = syntheticCheckpoint(modelShape("llama-3-8b"), { scheme: "w4a16-g128", seed: 2 });
  const part = (from: typeof a, name: string, offset: number, length: number) => {
    const bytes = new Uint8Array(length);
    from.tensors.readInto(name, offset, bytes);
    return bytes;
  };
  const deviation = (name: string) => {
    const values = new Float16Array(part(a, name, 2 ** 18, 2 ** 19).buffer);
    assert(values.filter((x) => x === 0).length < values.length / 1000, `${name} has zeros`);
    return Math.sqrt(values.reduce((sum, x) => sum + x * x, 0) / values.length);
  };
  const layer = "model.layers.5";
  const q = `${layer}.self_attn.q_proj.qweight`;
  for (const name of [q, "lm_head.weight", `${layer}.mlp.down_proj.scales`]) {
    const whole = part(a, name, 0, 100_000);
    assertEquals(part(b, name, 12_346, 5001), whole.slice(12_346, 12_346 + 5001));
    assert(part(c, name, 0, 64).some((x, i) => x !== whole[i]), "the seed does not matter");
    const other = name.replace("5", "6").replace("lm_head", "model.embed_tokens");
    assert(part(a, other, 0, 64).some((x, i) => x !== whole[i]), "tensors are the same");
    // Rows of 4096 f16: none may be its neighbour again.
    assert(whole.slice(0, 64).some((x, i) => x !== whole[8192 + i]), "rows are the same");
  }
  const counts = new Array<number>(16).fill(0);
  for (const byte of part(a, q, 0, 2 ** 16)) for (const x of [byte & 15, byte >> 4]) counts[x]++;
  for (const count of counts) assertAlmostEquals(count / 2 ** 17, 1 / 16, 0.005);
  assertAlmostEquals(deviation("lm_head.weight"), 1 / 64, 2e-4);
  assertAlmostEquals(deviation(`${layer}.mlp.down_proj.scales`), 1 / 7 / Math.sqrt(14336), 5e-5);
});

Deno.test("synthetic tensors are made at the speed of copying", () => {
  using checkpoint = syntheticCheckpoint(modelShape("llama-3-70b"), { scheme: "w4a16-g128" });
  const buffer = new Uint8Array(32 * 2 ** 20);
  const name = "model.layers.7.mlp.up_proj.qweight";
  checkpoint.tensors.readInto(name, 0, buffer);
  let best = 0;
  for (let i = 0; i < 5; i++) {
    const start = performance.now();
    checkpoint.tensors.readInto(name, 1 + i, buffer);
    best = Math.max(best, buffer.length / 1e6 / (performance.now() - start));
  }
  assert(best > 1, `${best} GB/s, expected several`);
});

const CASES: readonly SyntheticOptions[] = [
  ...SCHEMES.map((scheme) => ({ scheme })),
  ...LM_HEADS.map((lmHead) => ({ scheme: "w4a16-g128" as const, lmHead })),
];

for (const options of CASES) {
  const name = Object.values(options).join(", lm_head ");
  backendTest(`synthetic ${name}: 80 layers stay finite, and a head drafts`, ({ device }) => {
    using checkpoint = syntheticCheckpoint(DEEP, { ...options, seed: 3 });
    using stored = syntheticHead(headShape("eagle2", DEEP));
    const progress: number[] = [];
    let total = 0;
    using model = Model.load(device, checkpoint, (done, all) => {
      progress.push(done);
      total = all;
    });
    assertEquals(progress.at(-1), total);
    assert(progress.every((done, i) => done > (progress[i - 1] ?? 0)), "progress went back");
    using head = HeadModel.load(device, stored, model);
    const tokens = [1, 500, 1999, 7, 7, 300];
    const { logprobs } = scoreTokens(model, tokens);
    assert(logprobs.slice(1).every((x) => x! < 0 && x! > -50), `${logprobs}`);
    const plan = eagle2(head, { depth: 3, topk: 4, treeSize: 12 });
    assertEquals(decode(model, tokens, 8, plan).tokens, decode(model, tokens, 8).tokens);
  }, ["cpu", "cuda"]);
}

const FAMILIES = DRAFTERS.filter(({ head }) => head !== undefined);

// Every other family in every scheme on the CPU library, and the others in the next scheme.
for (const [number, scheme] of SCHEMES.entries()) {
  backendTest(
    `synthetic heads in ${scheme} draft, with fewer tokens than their model`,
    ({ device }) => {
      const shape = { ...DEEP, layers: 6 };
      using checkpoint = syntheticCheckpoint(shape, { scheme: "w4a16-g128", seed: 3 });
      using model = Model.load(device, checkpoint);
      const tokens = [1, 500, 1999, 7, 7, 300];
      const expected = decode(model, tokens, 8).tokens;
      const { backend } = device;
      for (const drafter of someOf(FAMILIES, 2, { first: number, backend })) {
        const kind = drafter.name as HeadKind;
        using stored = syntheticHead(headShape(kind, shape, 512), { scheme });
        using head = HeadModel.load(device, stored, model);
        const linears = head.summary.layers.filter(({ prefix }) => prefix !== "fc");
        const found = new Set(linears.map((one) => one.scheme));
        assertEquals([...found], [scheme], kind);
        assertEquals(head.vocabulary, 512);
        const plan = drafter.plan(speculationOf(drafter.name), head);
        assertEquals(decode(model, tokens, 8, plan).tokens, expected, kind);
      }
    },
    ["cpu", "cuda"],
  );
}
