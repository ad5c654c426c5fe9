/**
 * What a block drafter's confidence head says, and chains that end where it says so: the text is that of plain decoding, and
 * only what was known before a token decides about it.
 */
import { assert, assertEquals, assertLess, assertThrows } from "@std/assert";
import { fileURLToPath } from "node:url";
import { toF32 } from "../../src/base/half.ts";
import { ArgumentError } from "../../src/base/errors.ts";
import { openSafetensors } from "../../src/checkpoint/containers/safetensors.ts";
import { rows } from "../../src/device/mod.ts";
import { BlockState, HeadModel, Model } from "../../src/model/mod.ts";
import { copy } from "../../src/ops/mod.ts";
import {
  type ChoiceOptions,
  dflash,
  type Drafter,
  type DrafterPlan,
  draftModel,
  dspark,
} from "../../src/speculation/mod.ts";
import { backendTest } from "../backends.ts";
import { Random } from "../random.ts";
import { Decoder, prompts, withModels } from "../rounds.ts";

const GOLDEN = fileURLToPath(new URL("../data/golden", import.meta.url));
const CHAIN = { depth: 5, topk: 1, treeSize: 6 };
const BACKENDS = ["cpu", "cuda"] as const;
/** A first token is decoded plainly, so a prompt has more. */
const PROMPTS = prompts(6).filter(({ length }) => length > 1 && length < 150);

/** The tokens of the first proposal for each prompt, node 0 left out. */
function firstOf(target: Model, plan: DrafterPlan, options: ChoiceOptions): number[][] {
  let seen: number[] | undefined;
  const create: DrafterPlan["create"] = (verifier) => {
    const drafter: Drafter = plan.create(verifier);
    const propose = drafter.propose.bind(drafter);
    drafter.propose = () => {
      propose();
      const tokens = verifier.memory.device.download(drafter.proposal.tokens!);
      seen ??= [...new Int32Array(tokens.buffer).subarray(1, drafter.proposed)];
    };
    return drafter;
  };
  using decoder = new Decoder(target, 200, { ...plan, create });
  return PROMPTS.map((prompt) => {
    seen = undefined;
    decoder.decode(prompt, 3, options);
    return seen!;
  });
}

for (const [name, reads] of [["dspark", 2], ["dspark-specforge", 1]] as const) {
  backendTest(
    `confidence of ${name} is that of its row, and of what the token before says`,
    (rig) => {
      const { device } = rig;
      using model = Model.load(device, `${GOLDEN}/llama-deep`);
      using head = HeadModel.load(device, `${GOLDEN}/${name}`, model);
      const [drafted, slots] = [3, 16];
      const sizes = { context: slots, slots, rows: 8, drafted, branches: 1 };
      using state = new BlockState(head, sizes);
      state.cache.ensure(slots);
      const text = rig.put("i32", [9], [5, 9, 2, 7, 1, 8, 3, 4, 6]);
      const { shape: [, read], dtype } = state.input;
      const taps = rig.put(dtype as "f16" | "bf16", [8, read], new Random(3).normals(8 * read));
      copy(device, rows(state.input, 0, 8), taps);
      state.queueContext(8);
      state.setLength(8);
      state.queueBlock(text);
      const before = [6, 11, 13];
      before.forEach((token, i) => state.queueSaid(i, { tokens: rig.put("i32", [1], [token]) }));
      state.queueConfidence(drafted);
      const found = new Float32Array(device.download(state.confidence!).buffer);
      using source = openSafetensors(`${GOLDEN}/${name}/model.safetensors`);
      const stored = (tensor: string) => {
        const { dtype } = source.info(tensor);
        const bytes = source.read(tensor);
        return dtype === "f32"
          ? new Float32Array(bytes.slice().buffer)
          : toF32(bytes, dtype as "f16");
      };
      const [weight, bias] = ["weight", "bias"].map((part) =>
        stored(`confidence_head.proj.${part}`)
      );
      const table = stored("markov_head.markov_w1.weight");
      const rank = head.markov!.before.linear.k;
      const hidden = toF32(device.download(state.hidden), model.dtype);
      const width = hidden.length / drafted;
      assertEquals(weight.length, width + (reads === 2 ? rank : 0));
      for (let i = 0; i < drafted; i++) {
        const features = [
          ...hidden.subarray(i * width, (i + 1) * width),
          ...table.subarray(before[i] * rank, (before[i] + 1) * rank),
        ];
        const expected = weight.reduce((sum, w, j) => sum + w * features[j], bias[0]);
        assertLess(Math.abs(found[i] - expected), 5e-3, `row ${i}: ${found[i]}, not ${expected}`);
      }
    },
    BACKENDS,
  );
}

backendTest(
  "chains cut by confidence begin like whole ones, and give the tokens of plain decoding",
  ({
    device,
  }) => {
    withModels(device, { target: 1, draft: 1 }, ({ target, draft, blocks }) => {
      const { target: head, draft: inner } = blocks!.DeepSpec;
      const sampled: ChoiceOptions = { temperature: 1, seed: 3 };
      const lengths = new Set<number>();
      for (const options of [{}, sampled]) {
        for (const leastConfidence of [0, 0.2, 1]) {
          const cut = dspark(head, { ...CHAIN, leastConfidence });
          const hier = draftModel(
            draft,
            { minDraft: 3 },
            dspark(inner, { ...CHAIN, leastConfidence }),
          );
          const [plain, ...others] = [undefined, cut, hier].map((plan) => {
            using decoder = new Decoder(target, 200, plan);
            return PROMPTS.map((prompt) => decoder.decode(prompt, 24, options));
          });
          for (const one of others) assertEquals(one, plain, `${leastConfidence}`);
          const whole = firstOf(target, dspark(head, CHAIN), options);
          firstOf(target, cut, options).forEach((tokens, i) => {
            assertEquals(tokens, whole[i].slice(0, tokens.length));
            lengths.add(tokens.length);
            if (leastConfidence === 0) assertEquals(tokens.length, CHAIN.depth);
            if (leastConfidence === 1) assertEquals(tokens.length, 0);
          });
        }
      }
      assert(lengths.size > 2, `chains of ${[...lengths]}`);
    });
  },
  BACKENDS,
);

backendTest("a chain is cut where there is a confidence head, and no tree is", ({ device }) => {
  withModels(device, { target: 1, draft: 1 }, ({ blocks }) => {
    const { DeepSpec, SpecForge, "z-lab": flash } = blocks!;
    const cases: [() => unknown, string][] = [
      [
        () => dspark(SpecForge.target, { ...CHAIN, leastConfidence: 0.5 }),
        "has no confidence head",
      ],
      [() => dflash(flash.target, { ...CHAIN, leastConfidence: 0.5 }), "has no confidence head"],
      [
        () => dspark(DeepSpec.target, { depth: 2, topk: 2, treeSize: 4, leastConfidence: 0.5 }),
        "expected none where topk is 2",
      ],
      [() => dspark(DeepSpec.target, { ...CHAIN, leastConfidence: 2 }), "leastConfidence is 2"],
    ];
    for (const [plan, words] of cases) assertThrows(plan, ArgumentError, words);
  });
}, BACKENDS);
