/**
 * Block drafters of every layout with each tensor and each key spoilt in turn: what is nearly one of them is refused by
 * the name of what is wrong, before a weight is read.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { SpecMQuantError } from "../../src/base/errors.ts";
import { openCheckpoint } from "../../src/checkpoint/checkpoint.ts";
import { openHead } from "../../src/checkpoint/head.ts";
import { checkHead } from "../../src/model/mod.ts";
import { BLOCK_LAYOUTS, SMALL, writeRandomBlock, writeRandomModel } from "../models.ts";
import { resizeRows, rewrite, type Tensors, tensorsOf } from "../rewrite.ts";

/** Tensors without which a drafter is another one that is whole, too. */
const OPTIONAL = /^(t2d|confidence_head\.proj\.bias)$/;

/** Keys that may say anything: those that name things, and those of which one says all and others nothing. */
const FREE = /^(architectures|.*token_id|torch_dtype|vocab_size|speculators_config)$/;

/** Values that no key may have, unless it is among those that it may. */
const WRONG: readonly unknown[] = [-3, "no", { no: 1 }];

type Verifier = Parameters<typeof checkHead>[1];
type Change = (all: Tensors) => void;
type Write = (change?: Change, config?: object) => string;

function withLayout(
  layout: string,
  body: (head: string, verifier: Verifier, write: Write) => void,
): void {
  const dir = Deno.makeTempDirSync();
  try {
    const head = writeRandomBlock(`${dir}/head`, { ...SMALL, seed: 9 }, BLOCK_LAYOUTS[layout]);
    using checkpoint = openCheckpoint(writeRandomModel(`${dir}/model`, SMALL));
    let count = 0;
    body(
      head,
      { dir: `${dir}/model`, config: checkpoint.config },
      (change, config) => rewrite(head, `${dir}/${count++}`, change, config),
    );
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

/** What checking says; undefined where nothing is wrong. */
function said(path: string, verifier: Verifier): string | undefined {
  try {
    using head = openHead(path);
    const { unused } = checkHead(head, verifier);
    assertEquals(unused.filter(({ matters }) => matters), [], `${path}: not used`);
    assertEquals(head.unusedKeys.filter(({ matters }) => matters), [], `${path}: not used`);
    return undefined;
  } catch (error) {
    assert(error instanceof SpecMQuantError, `${error}`);
    return error.message;
  }
}

function add(name: string, shape: number[]): Change {
  const bytes = 2 * shape.reduce((a, b) => a * b, 1);
  return (all) => {
    all.set(name, { name, dtype: "f16", shape, data: () => new Uint8Array(bytes) });
  };
}

for (const layout of Object.keys(BLOCK_LAYOUTS)) {
  Deno.test(`block drafters, ${layout}: every tensor that is spoilt is refused by its name`, () => {
    withLayout(layout, (head, verifier, write) => {
      assertEquals(said(head, verifier), undefined);
      for (const [name, tensor] of tensorsOf(head)) {
        const without = said(write((all) => all.delete(name)), verifier);
        if (OPTIONAL.test(name)) assertEquals(without, undefined, name);
        else assertStringIncludes(without ?? "nothing", `"${name.replace(/\.weight$/, "")}`, name);

        const shape = tensor.shape.map((size, i) => i === 0 ? size + 1 : size);
        const bytes = (tensor.data() as Uint8Array).length / tensor.shape[0] * shape[0];
        const longer = write((all) =>
          all.set(name, { ...tensor, shape, data: () => new Uint8Array(bytes) })
        );
        assertStringIncludes(said(longer, verifier) ?? "nothing", `"${name}"`);

        const size = tensor.shape.reduce((a, b) => a * b, 1);
        const other = write((all) =>
          all.set(name, { ...tensor, dtype: "i16", data: () => new Uint8Array(size * 2) })
        );
        assertStringIncludes(said(other, verifier) ?? "nothing", `"${name}"`);
      }
    });
  });

  Deno.test(`block drafters, ${layout}: every key that is spoilt is refused by its name`, () => {
    withLayout(layout, (head, verifier, write) => {
      const json = JSON.parse(Deno.readTextFileSync(`${head}/config.json`));
      const spoil = (object: Record<string, unknown>, whole: (object: object) => object): void => {
        for (const [key, old] of Object.entries(object)) {
          if (FREE.test(key) && key !== "mask_token_id") continue;
          const isObject = typeof old === "object" && !Array.isArray(old);
          for (const value of WRONG.filter((one) => !isObject || typeof one !== "object")) {
            const words = said(write(undefined, whole({ [key]: value })), verifier) ?? "nothing";
            assertStringIncludes(words, key, `${key} ${JSON.stringify(value)}`);
          }
        }
      };
      spoil(json, (changed) => changed);
      for (const name of ["transformer_layer_config", "dflash_config"]) {
        spoil(json[name] ?? {}, (changed) => ({ [name]: { ...json[name], ...changed } }));
      }
    });
  });
}

Deno.test("block drafters: what is nearly one is refused by name", () => {
  withLayout("z-lab", (head, verifier, write) => {
    const refused = (words: string, config: object, change?: Change) =>
      assertStringIncludes(said(write(change, config), verifier) ?? "nothing", words);
    const inner = JSON.parse(Deno.readTextFileSync(`${head}/config.json`)).dflash_config;
    const within = (more: object) => ({ dflash_config: { ...inner, ...more } });
    refused('another kind (projector_type "domino")', within({ projector_type: "domino" }));
    refused("a Domino head (gru_hidden_dim)", within({ gru_hidden_dim: 16 }));
    refused("a DFlash-2 head (conv_kernel_size)", within({ conv_kernel_size: 2 }));
    refused('with markov_head_type "gated"', within({ markov_head_type: "gated" }));
    refused('with markov_head_type "rnn"', {}, add("markov_head.joint_proj.weight", [48, 96]));
    refused('"markov_head.markov_w1.weight": it is missing', within({ markov_rank: 8 }));
    refused('"confidence_head.proj.weight": it is missing', within({ use_confidence_head: true }));
    refused("with log_snr_conditioning true", { log_snr_conditioning: true });
    refused("an embedding of the mask (tensor mask_embedding)", {}, add("mask_embedding", [64]));
    refused("speculators head of another kind", { speculators_model_type: "dflare" });
    refused("sliding_window in 1 of 2 layers", {
      layer_types: ["sliding_attention", "full_attention"],
      sliding_window: 16,
    });
    refused("for a target of 32", { target_hidden_size: 32 });
    refused("its number of target layers is 3, expected 2", { num_target_layers: 3 });
    refused("hidden states behind 0, 7 layers", within({ target_layer_ids: [-1, 6] }));
    refused('"fc.weight"', within({ target_layer_ids: [-1, 0, 1] })); // as many as `fc` reads
    refused("its mask_token_id is 160", within({ mask_token_id: 160 }));
    refused("draft_vocab_size", { draft_vocab_size: 1000 });
    refused('"d2t": it is missing', { draft_vocab_size: 96 });
    refused("block_size", { block_size: 65 });
    refused('model_type "gemma4"', { model_type: "gemma4" });
    refused("an embedding of its own", {}, add("embed_tokens.weight", [160, 64]));
    refused("an output projection of its own", {}, add("lm_head.weight", [160, 64]));
  });
});

Deno.test("block drafters: a Markov head of tokens that there are no logits of is refused", () => {
  withLayout("DeepSpec", (_, verifier, write) => {
    const names = ["markov_head.markov_w1.weight", "markov_head.markov_w2.weight"];
    const longer = write((all) => resizeRows(all, names, 170), { vocab_size: 170 });
    assertStringIncludes(
      said(longer, verifier)!,
      "its Markov head has 170 tokens, expected at most 160",
    );
    const shorter = write((all) => resizeRows(all, names, 150), { vocab_size: 150 });
    assertEquals(said(shorter, verifier), undefined);
  });
});

Deno.test("block drafters: a confidence head is known, and nothing is left unused", () => {
  withLayout("DeepSpec", (head, verifier) => {
    using opened = openHead(head);
    assert(opened.config.kind === "dspark");
    assertEquals(opened.config.confidence, "markov");
    assertEquals(checkHead(opened, verifier).unused, []);
  });
});

Deno.test("block drafters: which row predicts, by what a file says and else by who wrote it", () => {
  const fromAnchor = (layout: string, config: object): boolean => {
    let found: boolean | undefined;
    withLayout(layout, (_, __, write) => {
      using head = openHead(write(undefined, config));
      assert(head.config.kind === "dflash" || head.config.kind === "dspark");
      found = head.config.fromAnchor;
    });
    return found!;
  };
  assertEquals(fromAnchor("z-lab", {}), false);
  assertEquals(fromAnchor("DeepSpec", {}), true);
  assertEquals(fromAnchor("SpecForge", {}), true);
  assertEquals(fromAnchor("speculators", {}), false); // as it says
  assertEquals(fromAnchor("speculators", { sample_from_anchor: undefined }), true);
  assertEquals(fromAnchor("z-lab", { sample_from_anchor: true }), true);
  assertEquals(fromAnchor("z-lab", { shift_label: true }), true);
  assertEquals(fromAnchor("DeepSpec", { dspark_bonus_anchor: true }), false);
});
