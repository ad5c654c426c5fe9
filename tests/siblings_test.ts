/**
 * A draft model's next best choices beside its sequence: they are accepted, the draft model goes on from them, and the
 * text is that of plain decoding.
 */
import { assert, assertEquals, assertGreater, assertThrows } from "@std/assert";
import { Trio } from "../scripts/trio.ts";
import { ArgumentError } from "../src/base/errors.ts";
import { Arena, type Device, type Tensor } from "../src/device/mod.ts";
import {
  type ChoiceOptions,
  type Drafter,
  type DrafterPlan,
  draftModel,
  eagle2,
  Round,
  sequenceMemory,
} from "../src/speculation/mod.ts";
import { backendTest } from "./backends.ts";
import type { Trio as Models } from "./methods.ts";
import { SMALL, writeRandomHead, writeRandomModel } from "./models.ts";
import { problems } from "./problems.ts";
import { decode, Decoder, prompts, withWritten } from "./rounds.ts";

const TREE = { depth: 3, topk: 4, treeSize: 12 };
const SAMPLED: ChoiceOptions = { temperature: 1, seed: 5 };

const words = (device: Device, t: Tensor<"i32">) => [
  ...new Int32Array(device.download(t).buffer),
];

backendTest("siblings are accepted where the sequence errs", ({ device }) => {
  using trio = new Trio(undefined, device);
  const texts = problems(5, 5).map((text) => trio.tokenizer.encode(`Question: ${text}\nAnswer:`));
  const run = (options: ChoiceOptions, plan?: DrafterPlan) => {
    using decoder = new Decoder(trio.target, 256, plan);
    let forwards = 0;
    const said = texts.map((text, seed) => {
      const tokens = decoder.decode(text, 32, { ...options, seed });
      forwards += decoder.forwards;
      return tokens;
    });
    return { said, forwards };
  };
  for (const temperature of [0, 1]) {
    const plain = run({ temperature });
    for (const inner of [undefined, eagle2(trio.draftHead, TREE)]) {
      const plan = (siblings: number) => draftModel(trio.draft, { minDraft: 5, siblings }, inner);
      const [without, few, many] = [0, 1, 6].map((count) => run({ temperature }, plan(count)));
      const what = `${plan(6).name} at temperature ${temperature}`;
      for (const { said } of [without, few, many]) assertEquals(said, plain.said, what);
      assertGreater(
        without.forwards,
        1.02 * few.forwards,
        `${what}: forwards without any and with one`,
      );
      assertGreater(
        without.forwards,
        1.1 * many.forwards,
        `${what}: forwards without any and with six`,
      );
    }
  }
}, ["cpu", "cuda"]);

/** Random models of which the draft model is often right, and often not. */
function withErring(device: Device, body: (models: Models) => void): void {
  const shape = { ...SMALL, vocab: 24, sharpness: 0.5 };
  const write = (dir: string): void => {
    writeRandomModel(`${dir}/target`, shape);
    writeRandomModel(`${dir}/draft`, { ...shape, noise: 1.5 });
    writeRandomHead(`${dir}/head`, { ...shape, seed: 9 });
  };
  withWritten(device, write, body);
}

backendTest(
  "behind a sibling the draft model says what it says of the text alone",
  ({ device }) => {
    withErring(device, ({ target, draft, draftHead }) => {
      for (
        const inner of [
          undefined,
          eagle2(draftHead, TREE),
          draftModel(draft, { minDraft: 2, siblings: 2 }),
        ]
      ) {
        const plan = draftModel(draft, { minDraft: 5, siblings: 7, name: "me" }, inner);
        let drafter: Drafter | undefined;
        using arena = new Arena(device, "test");
        const memory = sequenceMemory(device, arena, 100, plan);
        const create: DrafterPlan["create"] = (verifier) => drafter = plan.create(verifier);
        using round = new Round(target, memory, { ...plan, create });
        const text = prompts(8)[7].map((token) => token % 24);
        memory.choice.set(SAMPLED, text.length, 24);
        for (const _ of round.read(text));
        let [taken, ended] = [0, 0];
        while (text.length < 90) {
          const before = [...text];
          const accepted = round.run();
          text.push(...round.result.subarray(1, 1 + accepted));
          const tokens = words(device, drafter!.proposal.tokens!);
          const parents = words(device, drafter!.proposal.parents!);
          // The sequence comes first; the first sibling does not stand behind the row before it, or is another guess there.
          const own = decode(draft, before, plan.depth, undefined, SAMPLED).tokens;
          assertEquals(tokens[0], before.at(-1));
          let length = 1;
          while (
            length <= 5 || parents[length] === length - 1 && tokens[length] === own[length - 1]
          ) length++;
          assertEquals(
            tokens.slice(1, length),
            own.slice(0, length - 1),
            `behind ${before.length}`,
          );
          for (let row = length; row < tokens.length; row++) {
            const beside = parents[row] + 1;
            assert(beside < length, "a sibling stands beside a token of the sequence");
            const others = tokens.filter((_, j) => j !== row && parents[j] === parents[row]);
            assert(!others.includes(tokens[row]), "no guess is made twice");
          }
          const last = accepted - 2;
          if (last < 0 || last + 1 >= length || text[before.length + last] === own[last]) continue;
          taken++;
          if (last + 2 === length) ended++;
          assertEquals(round.proposer(last), "me", "who proposed a sibling");
        }
        assertGreater(taken, 3, `siblings taken of ${plan.name}`);
        assertGreater(taken, ended, "siblings of other tokens than the last");
      }
    });
  },
);

backendTest("siblings that have no room are refused", ({ device }) => {
  withErring(device, ({ draft, draftHead }) => {
    const refused = (minDraft: number, siblings: number, most: number, rows: number) =>
      assertThrows(
        () =>
          draftModel(
            draft,
            { minDraft, siblings },
            minDraft > 1 ? eagle2(draftHead, TREE) : undefined,
          ),
        ArgumentError,
        `Cannot draft: siblings is ${siblings}, expected at most ${most} beside sequences of up to ${rows} rows`,
      );
    refused(6, 55, 54, 10);
    // A vocabulary of 24 has no more guesses for one token.
    refused(1, 25, 24, 2);
  });
});
