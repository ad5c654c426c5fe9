/** Whether a round that is under way has a proposal: turns of several texts are judged by it. */
import { assertEquals } from "@std/assert";
import { Arena } from "../../src/device/mod.ts";
import {
  always,
  draftModel,
  Round,
  sequenceMemory,
  type Setting,
  switched,
} from "../../src/speculation/mod.ts";
import { backendTest } from "../backends.ts";
import { SMALL } from "../models.ts";
import { withModels } from "../rounds.ts";
import { CONTEXT } from "../seats.ts";

backendTest("a round has a proposal where its policy wanted one", ({ device }) => {
  withModels(device, { target: 1, draft: 1 }, ({ target, draft }) => {
    const plan = switched([draftModel(draft, { minDraft: 2 })]);
    using arena = new Arena(device, "alone");
    using round = new Round(target, sequenceMemory(device, arena, CONTEXT, plan), plan);
    round.memory.choice.set({}, 2, SMALL.vocab);
    for (const _ of round.read([1, 2]));
    const proposes = (setting: Setting, isPlain = false) => {
      round.drafter!.policy = always(setting);
      const begun = round.begin({}, isPlain);
      begun.propose();
      begun.queueAlone();
      begun.finish();
      return begun.hasProposal;
    };
    const [plain, drafts] = plan.settings;
    assertEquals([plain.kind, drafts.kind], ["plain", "draft"]);
    assertEquals(
      [proposes(plain), proposes(drafts), proposes(drafts, true), proposes(plain)],
      [false, true, false, false],
    );
  });
}, ["cpu", "cuda"]);
