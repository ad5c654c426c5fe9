/**
 * `trim-head`: the logits of a trimmed head are those that the head had at the tokens kept, which are the most frequent ones;
 * and what it refuses.
 */
import { assertEquals, assertGreater, assertRejects } from "@std/assert";
import { ArgumentError, CheckpointError, UnsupportedModelError } from "../../src/base/errors.ts";
import { openHead } from "../../src/checkpoint/head.ts";
import { headTokens } from "../../src/checkpoint/head_vocabulary.ts";
import { checkHead, HeadModel, Model } from "../../src/model/mod.ts";
import {
  quantizeCheckpoint,
  quantizeHead,
  trimHead,
  type TrimHeadOptions,
} from "../../src/quantize/mod.ts";
import { Tokenizer } from "../../src/text/tokenizer.ts";
import { backendTest } from "../backends.ts";
import { FAMILIES, saidBy, writeHead, writeTarget } from "../made_heads.ts";
import { Random } from "../random.ts";
import { rewrite } from "../rewrite.ts";
import { assertClose } from "../rig.ts";
import { readNames, VOCAB } from "../whole_models.ts";

const root = Deno.makeTempDirSync();
addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));

const target = writeTarget(`${root}/target`);
const special = [263, 264, 265];

/** Texts of tokens drawn with very different chances, each with a prompt of others. */
const random = new Random(7);
const drawn = () => Math.floor(VOCAB * random.uniform() ** 3);
const TEXTS = Array.from({ length: 40 }, () => ({
  tokens: Array.from({ length: 50 }, drawn),
  prompt: 10,
}));
const texts = `${root}/texts.jsonl`;
Deno.writeTextFileSync(texts, TEXTS.map((text) => JSON.stringify(text)).join("\n"));

const trim = (head: string, out: string, more: Partial<TrimHeadOptions> = {}) =>
  trimHead({ head, target, texts, keep: 64, out: `${root}/${out}`, ...more });

/** The tokens that a head drafts, in order. */
function drafted(dir: string): number[] {
  using head = openHead(dir);
  const { config, tensors } = head;
  return [...headTokens(tensors, config) ?? Array(config.draftVocabSize).keys()];
}

/** The `keep` most frequent of `tokens` in what is behind the prompts, counted in the plainest way. */
function frequent(tokens: readonly number[], keep: number): number[] {
  const answers = TEXTS.flatMap((text) => text.tokens.slice(text.prompt));
  const order = tokens.filter((token) => !special.includes(token))
    .map((token) => [answers.filter((one) => one === token).length, token])
    .sort(([a, x], [b, y]) => b - a || x - y)
    .map(([, token]) => token);
  const kept = tokens.filter((token) => special.includes(token));
  return [...kept, ...order.slice(0, keep - kept.length)].sort((a, b) => a - b);
}

for (const family of FAMILIES) {
  const whole = writeHead(`${root}/${family}`, family);
  const out = `${root}/${family} trimmed`;
  const result = await trim(whole, `${family} trimmed`);

  Deno.test(`trim-head: ${family} keeps the tokens that answers have most of`, () => {
    const before = drafted(whole);
    assertEquals(drafted(out), frequent(before, 64));
    assertEquals([result.kept, result.before], [64, before.length]);
    const kept = new Set(drafted(out));
    const answers = TEXTS.flatMap((text) => text.tokens.slice(text.prompt));
    assertEquals(
      result.coverage,
      answers.filter((token) => kept.has(token)).length / answers.length,
    );
    using head = openHead(out);
    using model = openHead(whole);
    assertEquals(head.config.kind, model.config.kind);
  });

  backendTest(
    `trim-head: the logits of ${family} are those that it had at the tokens kept`,
    (rig) => {
      using model = Model.load(rig.device, target);
      using before = HeadModel.load(rig.device, whole, model);
      using after = HeadModel.load(rig.device, out, model);
      assertEquals(after.summary.unused.filter(({ matters }) => matters), []);
      const [expected, found] = [saidBy(rig, before), saidBy(rig, after)];
      assertEquals(found.hidden, expected.hidden);
      const places = drafted(out).map((token) => drafted(whole).indexOf(token));
      const count = expected.logits.length / before.vocabulary;
      const cut = Array.from(
        { length: count },
        (_, row) => places.map((place) => expected.logits[row * before.vocabulary + place]),
      ).flat();
      assertGreater(count, 4);
      // Sums of other numbers of outputs may be split otherwise.
      assertClose(found.logits, cut, "f32", family);
    },
  );
}

Deno.test("trim-head: plain text is counted as its tokens are", async () => {
  const file = `${root}/plain.txt`;
  const text = "hello world\n".repeat(3000) + "zz\n".repeat(20000) + "hello";
  Deno.writeTextFileSync(file, text);
  await trim(`${root}/eagle2`, "plain", { texts: file, keep: 9 });
  const tokenizer = Tokenizer.load(target);
  const counts = new Map<number, number>();
  for (const id of tokenizer.encode(text, { addSpecialTokens: false })) {
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  const most = [...counts].sort(([x, a], [y, b]) => b - a || x - y).slice(0, 6).map(([id]) => id);
  assertEquals(drafted(`${root}/plain`), [...most, ...special].sort((a, b) => a - b));
});

Deno.test("trim-head: a trimmed head is trimmed further, and keeps of its own tokens alone", async () => {
  await trim(`${root}/eagle3 trimmed`, "twice", { keep: 20 });
  assertEquals(drafted(`${root}/twice`), frequent(drafted(`${root}/eagle3 trimmed`), 20));
});

backendTest("trim-head: rows of a quantized output projection are what it stands for", async (
  rig,
  { open },
) => {
  const { device: opened } = rig;
  const quantized = `${root}/quantized on ${opened.backend}`;
  const how = { scheme: "w4a16-g32", method: "rtn", lmHead: "w4a16" } as const;
  await quantizeCheckpoint({ model: target, out: quantized, ...how });
  await assertRejects(
    () => trim(`${root}/eagle2`, "no device", { target: quantized }),
    ArgumentError,
    "it is quantized and there is no device to ask",
  );
  const out = `asked on ${opened.backend}`;
  await trim(`${root}/eagle2`, out, { target: quantized, device: () => open() });
  using model = Model.load(opened, quantized);
  using head = HeadModel.load(opened, `${root}/${out}`, model);
  assertEquals(head.vocabulary, 64);
  using before = HeadModel.load(opened, `${root}/eagle2`, model);
  const [expected, found] = [saidBy(rig, before), saidBy(rig, head)];
  const kept = drafted(`${root}/${out}`);
  const count = found.logits.length / kept.length;
  const cut = Array.from(
    { length: count },
    (_, row) => kept.map((token) => expected.logits[row * VOCAB + token]),
  ).flat();
  // Products of 4-bit weights, and of the same weights rounded to f16.
  assertClose(found.logits, cut, "f16", "logits");
}, ["cpu", "cuda"]);

Deno.test("trim-head: what it cannot do it refuses before work", async () => {
  const head = `${root}/eagle2`;
  const refused = async (
    // deno-lint-ignore no-explicit-any
    type: new (...args: any[]) => Error,
    message: string,
    more: Partial<TrimHeadOptions> & { head?: string },
  ) => {
    await assertRejects(
      () => trim(more.head ?? head, "refused", more),
      type,
      message,
    );
    assertEquals(readNames(root).filter((name) => name.startsWith("refused")), []);
  };
  await refused(ArgumentError, `less than the ${VOCAB} tokens that`, { keep: VOCAB });
  await refused(ArgumentError, "more than the 3 special tokens", { keep: 3 });
  const most = VOCAB - 64;
  await refused(ArgumentError, `expected at most ${most}, the tokens`, { recentTokens: most + 1 });
  await refused(ArgumentError, "recentTokens is -1, expected", { recentTokens: -1 });
  for (const own of ["eagle3", "dspark of some tokens"]) {
    const message = "recentTokens is 8, expected 0, as";
    await refused(ArgumentError, message, { head: `${root}/${own}`, recentTokens: 8 });
  }
  await refused(ArgumentError, "keep is 0, expected a whole number from 1", { keep: 0 });
  const bad = `${root}/bad.jsonl`;
  Deno.writeTextFileSync(bad, '{"tokens": [1, 2]}\n{"words": 1}\n');
  await refused(CheckpointError, "line 2: it has none of", { texts: bad });
  Deno.writeTextFileSync(bad, '{"tokens": [1, 2], "prompt": 2}\n');
  await refused(CheckpointError, "it has no token to count", { texts: bad });
  Deno.writeFileSync(bad, Uint8Array.of(0x22, 0xff));
  await refused(CheckpointError, "its bytes are not UTF-8", { texts: bad });
  await refused(CheckpointError, "it holds a complete model", { head: target });
  await refused(CheckpointError, "it holds a draft head", { target: head });
  const quantized = `${root}/head quantized`;
  const how = { target, scheme: "w4a16-g32", method: "rtn", out: quantized };
  await quantizeHead({ head, ...how });
  await refused(UnsupportedModelError, "trim it first, then quantize it", { head: quantized });
  // Never over what is there.
  await assertRejects(() => trim(head, "eagle3"), ArgumentError, "it exists, expected an absent");
});

Deno.test("trim-head: with other texts it does not go on", async () => {
  const head = `${root}/eagle2`;
  const stop = new AbortController();
  const kept: string[] = [];
  await assertRejects(
    () =>
      trim(head, "stopped", {
        signal: stop.signal,
        onProgress: (stage) => stage === "writing" && stop.abort(new Error("enough")),
        onKept: (dir) => void kept.push(dir),
      }),
    Error,
    "enough",
  );
  assertEquals(kept, [`${Deno.realPathSync(root)}/stopped.partial`]);
  await assertRejects(
    () => trim(head, "stopped", { keep: 65 }),
    ArgumentError,
    "begun with keep 64",
  );
  await trim(head, "stopped");
  assertEquals(drafted(`${root}/stopped`), drafted(`${root}/eagle2 trimmed`));
});

Deno.test("heads: what is nearly a trimmed EAGLE-2 head is refused by name", () => {
  const head = `${root}/eagle2 trimmed`;
  const said = (name: string, change: Parameters<typeof rewrite>[2], config: object = {}) => {
    try {
      using opened = openHead(rewrite(head, `${root}/nearly/${name}`, change, config));
      using model = openHead(`${root}/eagle2`);
      checkHead(opened, { dir: target, config: model.config.model });
      return "";
    } catch (error) {
      return (error as Error).message;
    }
  };
  const has = (text: string, part: string) => assertEquals(text.includes(part), true, text);
  Deno.mkdirSync(`${root}/nearly`);
  assertEquals(said("none", () => {}), "");
  assertEquals(said("no t2d", (all) => void all.delete("t2d")), "");
  has(said("no lm_head", (all) => void all.delete("lm_head.weight")), "lm_head");
  has(said("no d2t", (all) => void all.delete("d2t")), "draft_vocab_size");
  has(said("other size", () => {}, { draft_vocab_size: 65 }), '"d2t"');
  has(said("too many", () => {}, { draft_vocab_size: VOCAB + 1 }), '"draft_vocab_size"');
  has(
    said("short", (all) => {
      const { data, ...rest } = all.get("lm_head.weight")!;
      const bytes = data() as Uint8Array;
      all.set("lm_head.weight", {
        ...rest,
        shape: [63, 128],
        data: () => bytes.subarray(0, 63 * 256),
      });
    }),
    "[63, 128]",
  );
  has(
    said("twice", (all) => {
      const { data, ...rest } = all.get("d2t")!;
      const offsets = new BigInt64Array((data() as Uint8Array<ArrayBuffer>).slice().buffer);
      offsets[5] = offsets[4] - 1n;
      all.set("d2t", { ...rest, data: () => new Uint8Array(offsets.buffer) });
    }),
    "each once",
  );
  has(
    said("t2d", (all) => {
      const { data, ...rest } = all.get("t2d")!;
      const known = (data() as Uint8Array<ArrayBuffer>).slice();
      known[known.indexOf(1)] = 0;
      all.set("t2d", { ...rest, data: () => known });
    }),
    "as d2t has it",
  );
});
