/**
 * Recent tokens: their logits are those that the whole head has at the tokens that they stand for, whichever those are; what is
 * proposed with them depends on the text alone; and files that ask for them wrongly are refused.
 */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { toF32 } from "../../src/base/half.ts";
import { onWarning } from "../../src/base/warnings.ts";
import { openCheckpoint } from "../../src/checkpoint/checkpoint.ts";
import { recentTokensOf } from "../../src/checkpoint/config/head_config.ts";
import { type Head, openHead } from "../../src/checkpoint/head.ts";
import { headTokens } from "../../src/checkpoint/head_vocabulary.ts";
import { Arena } from "../../src/device/mod.ts";
import { checkHead, HeadModel, HeadState, Model } from "../../src/model/mod.ts";
import { quantizeCheckpoint, quantizeHead, trimHead } from "../../src/quantize/mod.ts";
import { weightRows } from "../../src/quantize/jobs/weight_rows.ts";
import { draftModel, eagle2, Round, sequenceMemory } from "../../src/speculation/mod.ts";
import { backendTest } from "../backends.ts";
import { GGUF_CASES, ggufCase } from "../gguf/gguf_cases.ts";
import { type Family, saidBy, writeHead, writeTarget } from "../made_heads.ts";
import { SMALL } from "../models.ts";
import { Random } from "../random.ts";
import { rewrite } from "../rewrite.ts";
import { assertClose } from "../rig.ts";
import { prompts, withModels } from "../rounds.ts";
import { CONTEXT, Seats } from "../seats.ts";
import { VOCAB } from "../whole_models.ts";

const root = Deno.makeTempDirSync();
addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));

const target = writeTarget(`${root}/target`);
const texts = `${root}/texts.jsonl`;
const drawn = new Random(1).integers(400, VOCAB);
Deno.writeTextFileSync(texts, JSON.stringify({ tokens: drawn }));

const KEPT = 64;
const RECENT_TOKENS = 20;
const FAMILIES: readonly Family[] = ["eagle2", "dflash", "dspark"];

const result = { kept: KEPT, recentTokens: RECENT_TOKENS, before: VOCAB };
for (const family of FAMILIES) {
  const head = writeHead(`${root}/${family} whole`, family);
  const how = {
    head,
    target,
    texts,
    keep: KEPT,
    recentTokens: RECENT_TOKENS,
    out: `${root}/${family}`,
  };
  const { coverage: _, ...found } = await trimHead(how);
  assertEquals(found, result);
}

/** The tokens that a trimmed head has, and all others. */
function tokensOf(dir: string): { readonly own: number[]; readonly others: number[] } {
  using head = openHead(dir);
  const own = [...headTokens(head.tensors, head.config)!];
  const all = Array.from({ length: VOCAB }, (_, token) => token);
  return { own, others: all.filter((token) => !own.includes(token)) };
}

for (const family of FAMILIES) {
  backendTest(
    `recent tokens: logits of ${family} are those of the whole head at the tokens shown`,
    (rig) => {
      const { own, others } = tokensOf(`${root}/${family}`);
      using model = Model.load(rig.device, target);
      using whole = HeadModel.load(rig.device, `${root}/${family} whole`, model);
      using head = HeadModel.load(rig.device, `${root}/${family}`, model);
      assertEquals(head.vocabulary, KEPT + RECENT_TOKENS);
      const expected = saidBy(rig, whole);
      const first = others.slice(0, RECENT_TOKENS);
      const last = others.slice(-RECENT_TOKENS).reverse();
      for (const shown of [undefined, Int32Array.from(last)]) {
        const found = saidBy(rig, head, shown);
        assertEquals(found.hidden, expected.hidden);
        const entries = [...own, ...shown ?? first];
        const count = found.logits.length / entries.length;
        const isMarkov = head.markov !== undefined;
        // Of a block with a Markov head the first half is before that has added anything: it adds to the head's own alone.
        const plain = isMarkov ? count / 2 : count;
        const at = (row: number, token: number) => expected.logits[row * VOCAB + token];
        const rows = Array.from({ length: count }, (_, row) => [
          ...own.map((token) => at(row, token)),
          ...entries.slice(KEPT).map((token) => at(row % plain, token)),
        ]);
        assertClose(found.logits, rows.flat(), "f32", `${family}, ${shown ? "shown" : "first"}`);
      }
    },
  );
}

backendTest("recent tokens: the map is that of the tokens shown, however many change", (rig) => {
  const { device } = rig;
  const { own, others } = tokensOf(`${root}/eagle2`);
  using model = Model.load(device, target);
  using head = HeadModel.load(device, `${root}/eagle2`, model);
  const sizes = { context: 8, slots: 8, rows: 1, logitsRows: 1 };
  using state = new HeadState(head, sizes);
  using beside = new HeadState(head, sizes);
  const random = new Random(2);
  const words = (tensor: Parameters<typeof device.download>[0]) => [
    ...new Int32Array(device.download(tensor).buffer),
  ];
  const before = words(beside.map!.tokens);
  let shown = others.slice(0, RECENT_TOKENS);
  for (let i = 0; i < 40; i++) {
    const changes = random.pick([0, 1, 3, 12]);
    if (i % 5 === 4) shown = [...shown.slice(1), shown[0]];
    const free = others.filter((token) => !shown.includes(token));
    for (let j = 0; j < changes; j++) {
      shown[random.integer(RECENT_TOKENS)] = free.splice(random.integer(free.length), 1)[0];
    }
    state.recent!.show(Int32Array.from(shown));
    const { tokens, entries } = state.map!;
    const all = [...own, ...shown];
    assertEquals(words(tokens), all);
    const places = Array.from({ length: VOCAB }, (_, token) => all.indexOf(token));
    assertEquals(words(entries), places);
  }
  assertEquals(words(beside.map!.tokens), before, "another text's are its own");
});

backendTest(
  "recent tokens: what a text has said is proposed, and what it has not is not",
  ({ device }) => {
    withModels(device, { target: 1, draft: 1 }, ({ target, recent }) => {
      // A tree of one level and as many nodes as there are entries has all of them.
      const head = recent!.eagle2.target;
      const count = head.vocabulary;
      const { own, first } = head.recent!;
      assertEquals(count, 64);
      const plan = eagle2(head, { depth: 1, topk: count - 1, treeSize: count });
      const said = [...prompts(5)[4], SMALL.vocab - 2];
      using arena = new Arena(device, "said");
      const memory = sequenceMemory(device, arena, CONTEXT, plan);
      using round = new Round(target, memory, plan);
      for (const _ of round.read(said));
      round.drafter!.propose();
      const tokens = new Set(
        new Int32Array(device.download(round.drafter!.proposal.tokens!).buffer).subarray(1),
      );
      const news = [...new Set(said.filter((token) => !own.includes(token)))];
      const came = news.filter((token) => !first.includes(token));
      const allowed = new Set([...own, ...first, ...news]);
      assert([...tokens].every((token) => allowed.has(token)));
      // One entry of all is left out.
      assert(
        came.filter((token) => tokens.has(token)).length >= Math.min(came.length, first.length) - 1,
      );
      assert(came.length > 3, `${came}`);
      assert(tokens.has(said.at(-1)!), "the last token is there, too");
    });
  },
);

backendTest(
  "recent tokens: a head inside a hierarchy has those of the text that its model is on",
  ({ device }) => {
    withModels(device, { target: 1, draft: 1, noise: 0.4 }, ({ target, draft, recent }) => {
      const shape = { depth: 2, topk: 12, treeSize: 32 };
      const plan = draftModel(draft, { minDraft: 6 }, eagle2(recent!.eagle2.draft, shape));
      /** The last tree inside a proposal: whether the draft model takes any of it or not. */
      const inner = (round: Round): number[] => {
        round.drafter!.propose();
        const { round: below } = round.drafter as unknown as { readonly round: Round };
        return [...device.download(below.drafter!.proposal.tokens!)];
      };
      using arena = new Arena(device, "hierarchy");
      const memory = () => sequenceMemory(device, arena, CONTEXT, plan, { promptRows: 64 });
      let refused = 0;
      for (const prompt of prompts(5).slice(3)) {
        using round = new Round(target, memory(), plan);
        const said = [...prompt];
        for (const _ of round.read(prompt));
        for (let i = 0; i < 8; i++) {
          const accepted = round.run();
          said.push(...round.result.subarray(1, 1 + accepted));
          if (accepted < 6) refused++;
        }
        using fresh = new Round(target, memory(), plan);
        for (const _ of fresh.read(said));
        assertEquals(inner(round), inner(fresh));
      }
      assert(refused > 4, `${refused} of 16 rounds`);
    });
  },
);

backendTest(
  "recent tokens: a seat that copies another's prompt has those of its own text",
  ({ device }) => {
    withModels(device, { target: 1, draft: 1, noise: 0.4 }, ({ target, recent }) => {
      const plan = eagle2(recent!.eagle2.target, { depth: 3, topk: 6, treeSize: 16 });
      const random = new Random(4);
      const [shared, other, more] = [40, 50, 9].map((count) => random.integers(count, SMALL.vocab));
      const proposed = (round: Round): number[] => {
        round.drafter!.propose();
        return [...device.download(round.drafter!.proposal.tokens!)];
      };
      using seats = new Seats(target, 2, plan);
      const [from, into] = seats.rounds;
      for (const _ of from.read(shared));
      // What was there before is of another text.
      for (const _ of into.read(other));
      const elsewhere = proposed(into);
      for (
        const _ of into.read(
          [...shared, ...more],
          CONTEXT,
          0,
          (held) => held < from.held ? { from, held: from.held } : undefined,
        )
      );
      using arena = new Arena(device, "fresh");
      using fresh = new Round(target, sequenceMemory(device, arena, CONTEXT, plan), plan);
      for (const _ of fresh.read([...shared, ...more]));
      const found = proposed(into);
      assertEquals(found, proposed(fresh));
      assertNotEquals(found, elsewhere);
    });
  },
  ["cpu", "cuda"],
);

backendTest(
  "recent tokens: rows of an output projection are its weights, stored as floats or blocks",
  (rig) => {
    const { device } = rig;
    let looked = 0;
    for (const path of [target, ...GGUF_CASES.map((name) => ggufCase(name).path)]) {
      using model = Model.load(device, path);
      const { lmHead, dtype } = model;
      if (lmHead.queueWeights === undefined) continue;
      looked++;
      const index = [0, lmHead.n - 1, 7, 7];
      using arena = new Arena(device, "rows");
      const rows = arena.allocate(dtype, [index.length, lmHead.k]);
      lmHead.queueWeights(rows, rig.put("i32", [index.length], index));
      assertClose(
        toF32(device.download(rows), dtype),
        [...weightRows(device, dtype, lmHead, index)],
        dtype,
        path,
      );
    }
    assert(looked > 3, `${looked} models`);
  },
);

Deno.test("recent tokens: a quantized head keeps them", async () => {
  const out = `${root}/quantized head`;
  const how = { scheme: "w4a16-g32", method: "rtn" } as const;
  await quantizeHead({ head: `${root}/eagle2`, target, out, ...how });
  using head = openHead(out);
  assertEquals(recentTokensOf(head.config), RECENT_TOKENS);
});

Deno.test("recent tokens: none unasked beside few tokens; a head that has them is trimmed further", async () => {
  using head = openHead(`${root}/eagle2`);
  assertEquals(JSON.parse(Deno.readTextFileSync(`${root}/eagle2/config.json`)).recent_tokens, 20);
  assertEquals(recentTokensOf(head.config), RECENT_TOKENS);
  // One that has them is trimmed further, with or without.
  const out = `${root}/without`;
  const how = { head: `${root}/eagle2`, target, texts, keep: 40 };
  assertEquals((await trimHead({ ...how, out })).recentTokens, 0);
  assertEquals("recent_tokens" in JSON.parse(Deno.readTextFileSync(`${out}/config.json`)), false);
  // They are of all that the target has.
  const most = VOCAB - 40;
  const again = await trimHead({ ...how, recentTokens: most, out: `${root}/again` });
  assertEquals(again.recentTokens, most);
  using more = openHead(`${root}/again`);
  assertEquals(recentTokensOf(more.config), most);
});

backendTest(
  "recent tokens: a target whose projection gives no rows is warned of, and served",
  async ({ device }) => {
    const quantized = `${root}/quantized on ${device.backend}`;
    const how = { scheme: "w4a16-g32", method: "rtn", lmHead: "w4a16" } as const;
    await quantizeCheckpoint({ model: target, out: quantized, ...how });
    const warnings: string[] = [];
    onWarning((message) => void warnings.push(message));
    try {
      using model = Model.load(device, quantized);
      using head = HeadModel.load(device, `${root}/eagle2`, model);
      assertEquals(head.vocabulary, KEPT);
      assertEquals(warnings.length, 1);
      assert(warnings[0].includes(`it has no recent tokens on ${quantized}`), warnings[0]);
    } finally {
      onWarning();
    }
  },
  ["cpu", "cuda"],
);

Deno.test("recent tokens: files that ask for them wrongly are refused by name", () => {
  using checkpoint = openCheckpoint(target);
  let count = 0;
  const said = (from: string, config: object, vocabSize = VOCAB): string => {
    let head: Head | undefined;
    try {
      head = openHead(rewrite(from, `${root}/wrong ${count++}`, undefined, config));
      checkHead(head, { dir: target, config: { ...checkpoint.config, vocabSize } });
      return "";
    } catch (error) {
      return (error as Error).message;
    } finally {
      head?.[Symbol.dispose]();
    }
  };
  const has = (text: string, part: string) => assert(text.includes(part), `${text}: ${part}`);
  for (const family of FAMILIES) {
    const trimmed = `${root}/${family}`;
    assertEquals(said(trimmed, { recent_tokens: 1 }), "");
    for (const wrong of [-1, 1.5, "64", true, {}]) {
      has(said(trimmed, { recent_tokens: wrong }), '"recent_tokens"');
    }
    const most = VOCAB - KEPT;
    assertEquals(said(trimmed, { recent_tokens: most }), "");
    has(said(trimmed, { recent_tokens: most + 1 }), `at most ${most}`);
    const known = tokensOf(trimmed).others.filter((token) => token < VOCAB - 10).length;
    assert(known < most);
    has(said(trimmed, { recent_tokens: most }, VOCAB - 10), `at most ${known}`);
    has(said(`${root}/${family} whole`, { recent_tokens: 8 }), "a vocabulary of its own (d2t)");
  }
  const eagle3 = writeHead(`${root}/eagle3`, "eagle3");
  has(said(eagle3, { recent_tokens: 8 }), "an EAGLE-3 head with recent tokens");
});
