import {
  assert,
  assertEquals,
  assertGreater,
  assertGreaterOrEqual,
  assertThrows,
} from "@std/assert";
import { OutOfDeviceMemoryError } from "../base/errors.ts";
import { Trio } from "../../scripts/models/trio.ts";
import { Device } from "../device/mod.ts";
import { choiceBytes, stateBytes } from "../model/mod.ts";
import { MAX_HEAD_ROWS, MAX_TREE_ROWS } from "../ops/mod.ts";
import { type DrafterPlan, draftModel, eagle2 } from "../speculation/mod.ts";
import { checkMemory, largestContext, planMemory } from "./plan.ts";
import { Session } from "./session.ts";
import { parseModelConfig } from "../checkpoint/config/config.ts";

Deno.test("a memory plan has room for the largest proposals of all", () => {
  using trio = new Trio();
  const { device, target, draft, draftHead } = trio;
  // A chain as deep as a head's masks allow, in a proposal of 64 rows.
  const tree = { depth: MAX_HEAD_ROWS + 1, topk: 1, treeSize: 8 };
  const plan = (siblings: number) =>
    draftModel(draft, { minDraft: 6, siblings }, eagle2(draftHead, tree));
  const { rows, slack } = plan(50);
  assertEquals([rows, slack], [64, 64 + 2 * MAX_HEAD_ROWS + 3]);
  const context = 1000;
  const options = { context, slots: context + 1 + slack, rows: 1024, logitsRows: MAX_TREE_ROWS };
  const { config, summary: { needs } } = target;
  const needed = stateBytes(config, options, needs) + choiceBytes(config, MAX_TREE_ROWS);
  assertGreaterOrEqual(
    planMemory([{ role: "target", config, weightBytes: 0, needs }], context).total,
    needed,
  );
  const taken = (drafter: DrafterPlan) => {
    const { used } = device.memory();
    using _ = new Session(target, trio.tokenizer, { context: 128, drafter });
    return device.memory().used - used;
  };
  // What the two differ in: siblings, and the rows that a proposal has for them.
  const more = taken(plan(50)) - taken(plan(0));
  const logits = 50 * config.vocabSize * 2 * 4;
  // As many more slots, each with its angles in three tables.
  const angles = 50 * 3 * config.headDim * 4;
  const buffers = planMemory([{ role: "draft", config, weightBytes: 0, needs }], context).total -
    planMemory([{ role: "target", config, weightBytes: 0, needs }], context).total;
  assertGreater(more, 0);
  assertGreaterOrEqual(buffers + logits + angles, more);
});

Deno.test("a memory plan names the largest context that fits", () => {
  const config = parseModelConfig("config.json", {
    architectures: ["LlamaForCausalLM"],
    model_type: "llama",
    vocab_size: 128256,
    hidden_size: 8192,
    intermediate_size: 28672,
    num_hidden_layers: 80,
    num_attention_heads: 64,
    num_key_value_heads: 8,
    hidden_act: "silu",
    rms_norm_eps: 1e-5,
    rope_theta: 500000,
    max_position_embeddings: 131072,
  });
  const needs = {
    normedQuantized: false,
    activatedRows: true,
    activatedQuantized: false,
    scratch: 0,
    logitsScratch: 0,
  };
  const models = [{ role: "target", config, weightBytes: 39e9, needs }];
  const free = 48e9;
  const largest = largestContext(models, free);
  assert(planMemory(models, largest).total <= free);
  assert(planMemory(models, largest + 64).total > free);

  using device = Device.open({ backend: "cpu" });
  const { free: left } = device.memory();
  const small = [{ ...models[0], weightBytes: left / 2 }];
  const fits = largestContext(small, left, device);
  assert(fits > 1000);
  checkMemory(small, Math.floor(fits / 2), device);
  const error = assertThrows(
    () => checkMemory(small, 2 * fits, device),
    OutOfDeviceMemoryError,
    "the largest context that fits is",
  );
  assert(error.requested > error.free);
});
