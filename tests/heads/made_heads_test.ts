/**
 * Losslessness with heads that were trimmed, quantized or both: tokens that a head does not draft change none, and codes of its
 * weights change none, whatever proposes them, greedy and sampled.
 */
import { assertEquals } from "@std/assert";
import { HeadModel, Model } from "../../src/model/mod.ts";
import { quantizeHead, trimHead } from "../../src/quantize/mod.ts";
import {
  dflash,
  type DrafterPlan,
  draftModel,
  dspark,
  eagle2,
  eagle3,
  type TreeOptions,
} from "../../src/speculation/mod.ts";
import { backendTest } from "../backends.ts";
import { type Family, SHAPE, writeHead, writeTarget } from "../made_heads.ts";
import { decode } from "../rounds.ts";
import { random } from "../random.ts";
import { makeModel, VOCAB } from "../whole_models.ts";

const root = Deno.makeTempDirSync();
addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));

const target = writeTarget(`${root}/target`);
/** The target, moved: what agrees with it often. */
const draft = makeModel(`${root}/draft`, { ...SHAPE, noise: 0.2 });

const texts = `${root}/texts.jsonl`;
const next = random(3);
const PROMPTS = [1, 2, 40, 17, 9].map((length) =>
  Array.from({ length }, () => Math.floor(next() * VOCAB))
);
Deno.writeTextFileSync(
  texts,
  PROMPTS.map((tokens) => JSON.stringify({ tokens: [...tokens, 7, 8, 9, 7] })).join("\n"),
);

/** What heads are made to: trimmed first, where they are, to so many tokens, and maybe recent tokens. */
const MADE: readonly (readonly [
  family: Family,
  keep: number | undefined,
  scheme: string | undefined,
  recentTokens?: number,
])[] = [
  ["eagle2", 64, undefined],
  ["eagle2", undefined, "w4a16-g128"],
  ["eagle2", 64, "w4a8-qqq-g128"],
  ["eagle3", 64, "w4a16-g128"],
  ["eagle3 of all tokens", 64, "w8a8"],
  ["dflash", 64, "w4a16-g32"],
  ["dspark", 64, "w4a16-g128"],
  ["dspark of some tokens", 64, "w4a8-qoq"],
  ["eagle2", 64, "w4a16-g128", 24],
  ["dflash", 64, undefined, 16],
  ["dspark", 64, "w4a8-qoq", 8],
];

const PLANS = { eagle2, eagle3, dflash, dspark };

const heads = await Promise.all(MADE.map(async ([family, keep, scheme, recentTokens], i) => {
  const name = [
    family,
    ...(keep ? [`${keep} tokens`] : []),
    ...(recentTokens ? [`${recentTokens} recent tokens`] : []),
    ...(scheme ? [scheme] : []),
  ].join(", ");
  let head = writeHead(`${root}/${i}-whole`, family);
  if (keep !== undefined) {
    await trimHead({ head, target, texts, keep, recentTokens, out: `${root}/${i}-trimmed` });
    head = `${root}/${i}-trimmed`;
  }
  if (scheme !== undefined) {
    await quantizeHead({ head, target, scheme, method: "rtn", out: `${root}/${i}-quantized` });
    head = `${root}/${i}-quantized`;
  }
  return { name, head };
}));

/** The plans of a head on the target, and inside a hierarchy. */
function plansOf(ofTarget: HeadModel, ofDraft: HeadModel, below: Model): [string, DrafterPlan][] {
  const make = PLANS[ofTarget.description.kind] as (h: HeadModel, o: TreeOptions) => DrafterPlan;
  return [
    ["alone", make(ofTarget, { depth: 5, topk: 6, treeSize: 24 })],
    ["chain", make(ofTarget, { depth: 5, topk: 1, treeSize: 6 })],
    [
      "hier",
      draftModel(below, { minDraft: 6 }, make(ofDraft, { depth: 3, topk: 4, treeSize: 12 })),
    ],
  ];
}

for (const { name, head } of heads) {
  backendTest(`lossless: ${name} gives the tokens of plain decoding`, ({ device }) => {
    using model = Model.load(device, target);
    using below = Model.load(device, draft);
    using ofTarget = HeadModel.load(device, head, model);
    using ofDraft = HeadModel.load(device, head, below);
    for (const options of [{}, { temperature: 1, seed: 5 }]) {
      for (const prompt of PROMPTS) {
        const { tokens } = decode(model, prompt, 24, undefined, options);
        for (const [how, plan] of plansOf(ofTarget, ofDraft, below)) {
          const found = decode(model, prompt, 24, plan, options);
          assertEquals(found.tokens, tokens, `${how}, ${JSON.stringify(options)}`);
        }
      }
    }
  }, ["cpu", "cuda"]);
}
