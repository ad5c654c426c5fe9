/**
 * EAGLE-3 heads of every layout with each tensor and each key spoilt in turn: what is nearly one of them is refused by
 * the name of what is wrong, before a weight is read.
 */
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { SpecMQuantError } from "../../src/base/errors.ts";
import { openCheckpoint } from "../../src/checkpoint/checkpoint.ts";
import type { ModelConfig } from "../../src/checkpoint/config/config.ts";
import { openHead } from "../../src/checkpoint/head.ts";
import { checkHead } from "../../src/model/mod.ts";
import { EAGLE3_LAYOUTS, SMALL, writeRandomEagle3, writeRandomModel } from "../models.ts";
import { rewrite, type Tensors, tensorsOf } from "../rewrite.ts";

/** Tensors without which a head is another one that is whole, too. */
const OPTIONAL: Readonly<Record<string, string>> = {
  "embed_tokens.weight": "the verifier's is taken",
  t2d: "d2t says as much",
};

/** Keys that may say anything. */
const FREE = /^(architectures|.*token_id|torch_dtype|vocab_size|speculators_config)$/;

/** Values that no key may have, unless it is among those that it may. */
const WRONG: readonly unknown[] = [-3, "no", { no: 1 }];

type Verifier = Parameters<typeof checkHead>[1];

function withLayout(
  layout: string,
  body: (
    head: string,
    verifier: Verifier,
    write: (change?: (all: Tensors) => void, config?: object) => string,
  ) => void,
): void {
  const dir = Deno.makeTempDirSync();
  try {
    const head = writeRandomEagle3(`${dir}/head`, { ...SMALL, seed: 9 }, EAGLE3_LAYOUTS[layout]);
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
    return undefined;
  } catch (error) {
    assert(error instanceof SpecMQuantError, `${error}`);
    return error.message;
  }
}

for (const layout of Object.keys(EAGLE3_LAYOUTS)) {
  Deno.test(`EAGLE-3, ${layout}: every tensor that is spoilt is refused by its name`, () => {
    withLayout(layout, (head, verifier, write) => {
      assertEquals(said(head, verifier), undefined);
      for (const [name, tensor] of tensorsOf(head)) {
        const usual = name.replace(/^midlayer\./, "layers.0.");
        const without = said(write((all) => all.delete(name)), verifier);
        if (name in OPTIONAL) assertEquals(without, undefined, name);
        else assertStringIncludes(without ?? "nothing", `"${usual.replace(/\.weight$/, "")}`, name);

        const shape = tensor.shape.map((size, i) => i === 0 ? size + 1 : size);
        const bytes = (tensor.data() as Uint8Array).length / tensor.shape[0] * shape[0];
        const longer = write((all) =>
          all.set(name, { ...tensor, shape, data: () => new Uint8Array(bytes) })
        );
        const words = said(longer, verifier) ?? "nothing";
        // A longer map is one of more tokens than there are projections for, and the reverse.
        if (/^(d2t|lm_head)/.test(name)) assert(/d2t|lm_head|vocabulary/.test(words), words);
        else if (!/^(embed_tokens|t2d)/.test(name)) assertStringIncludes(words, `"${usual}"`);
        else assert(words !== "nothing", `${name} with another length`);

        const size = tensor.shape.reduce((a, b) => a * b, 1);
        const other = write((all) =>
          all.set(name, { ...tensor, dtype: "i16", data: () => new Uint8Array(size * 2) })
        );
        assertStringIncludes(said(other, verifier) ?? "nothing", `"${usual}"`);
      }
    });
  });

  Deno.test(`EAGLE-3, ${layout}: every key that is spoilt is refused by its name`, () => {
    withLayout(layout, (head, verifier, write) => {
      const json = JSON.parse(Deno.readTextFileSync(`${head}/config.json`));
      const inner = json.transformer_layer_config;
      const spoil = (key: string, change: (value: unknown) => object) => {
        if (FREE.test(key)) return;
        const isObject = typeof json[key] === "object" && !Array.isArray(json[key]);
        for (const value of WRONG.filter((one) => !isObject || typeof one !== "object")) {
          const words = said(write(undefined, change(value)), verifier) ?? "nothing";
          assertStringIncludes(words, key, `${key} ${JSON.stringify(value)}`);
        }
      };
      for (const key of Object.keys(json)) spoil(key, (value) => ({ [key]: value }));
      for (const key of Object.keys(inner ?? {})) {
        spoil(key, (value) => ({ transformer_layer_config: { ...inner, [key]: value } }));
      }
    });
  });
}

Deno.test("EAGLE-3: what is nearly one is refused by name", () => {
  withLayout("eagle", (_, verifier, write) => {
    const refused = (words: string, config: object, change?: (all: Tensors) => void) =>
      assertStringIncludes(said(write(change, config), verifier) ?? "nothing", words);
    const add = (name: string, shape: number[]) => (all: Tensors) => {
      const bytes = 2 * shape.reduce((a, b) => a * b, 1);
      all.set(name, { name, dtype: "f16", shape, data: () => new Uint8Array(bytes) });
    };
    refused("an EAGLE-3 head of 2 layers", { num_hidden_layers: 2 });
    refused("an EAGLE-3 head of 2 layers", {}, add("layers.1.mlp.up_proj.weight", [96, 64]));
    refused("a P-EAGLE head (tensor mask_hidden)", {}, add("mask_hidden", [1, 1, 192]));
    refused("an EAGLE-3 head with parallel_drafting true", { parallel_drafting: true });
    refused("an EAGLE-3 head with use_aux_hidden_state false", {
      eagle_config: { use_aux_hidden_state: false },
    });
    refused("a speculators head of another kind", { speculators_model_type: "dflash" });
    refused("a DSpark head (markov_rank)", { markov_rank: 256 });
    refused('"input_norm.weight": it is missing', { norm_before_fc: true });
    refused(
      '"input_norm.weight": it is there',
      { norm_before_fc: false },
      add("input_norm.weight", [192]),
    );
    refused("with norm_before_fc and fc_norm", {}, (all) => {
      add("input_norm.weight", [192])(all);
      for (const i of [0, 1, 2]) add(`fc_norm.${i}.weight`, [64])(all);
    });
    refused('model_type "gemma4"', { model_type: "gemma4" });
    refused("hidden states behind 0, 1, 7 layers, expected 0 to 2", {
      eagle_aux_hidden_state_layer_ids: [0, 1, 7],
    });
    // As many as `fc` reads.
    refused('"fc.weight"', { eagle_aux_hidden_state_layer_ids: [0, 1] });
    refused("its number of target layers is 3, expected 2", { num_target_layers: 3 });
    refused(
      "its hidden size is 32, expected 64",
      { target_hidden_size: 32 },
      add("fc.weight", [64, 96]),
    );
    refused("draft_vocab_size", { draft_vocab_size: 1000 });
  });
});

Deno.test("EAGLE-3: maps of a vocabulary that do not fit are refused", () => {
  withLayout("eagle", (head, verifier, write) => {
    const change =
      (name: string, spoil: (bytes: Uint8Array<ArrayBuffer>) => void) => (all: Tensors) => {
        const bytes = Uint8Array.from(all.get(name)!.data() as Uint8Array);
        spoil(bytes);
        all.set(name, { ...all.get(name)!, data: () => bytes });
      };
    const map = new BigInt64Array(
      (tensorsOf(head).get("d2t")!.data() as Uint8Array<ArrayBuffer>).slice().buffer,
    );
    const set = (id: number, offset: bigint) =>
      change("d2t", (bytes) => new BigInt64Array(bytes.buffer)[id] = offset);
    const cases: [(all: Tensors) => void, string][] = [
      [set(3, map[2] - 1n), "which makes it token"], // the token of entry 2 again
      [set(3, 1000n), "which makes it token 1003"],
      [set(3, -4n), "which makes it token -1"],
      [set(3, 2n ** 40n), "which makes it token"],
      [change("t2d", (bytes) => bytes[0] ^= 1), '"t2d": its entry 0'],
    ];
    for (const [spoil, words] of cases) {
      assertStringIncludes(said(write(spoil), verifier) ?? "nothing", words);
    }
  });
});

Deno.test("EAGLE-3: taps are numbered alike, however a file counts them", () => {
  withLayout("eagle", (_, { config }, write) => {
    const deep: ModelConfig = { ...config, layers: 8 };
    const tapsOf = (keys: object): readonly number[] | undefined => {
      const none = { eagle_aux_hidden_state_layer_ids: undefined };
      using head = openHead(write(undefined, { ...none, ...keys }));
      assert(head.config.kind === "eagle3");
      checkHead(head, { dir: "deep", config: deep });
      return head.config.taps.layers;
    };
    const same = [2, 4, 5];
    assertEquals(tapsOf({}), undefined); // those of the paper
    assertEquals(tapsOf({ eagle_aux_hidden_state_layer_ids: same }), same);
    assertEquals(tapsOf({ eagle_aux_hidden_state_layer_ids: [1, 3, 4] }), same);
    assertEquals(tapsOf({ eagle_config: { eagle_aux_hidden_state_layer_ids: [1, 3, 4] } }), same);
    assertEquals(tapsOf({ eagle_config: { eagle_aux_hidden_state_layer_ids: same } }), same);
    assertEquals(tapsOf({ eagle_config: { eagle_aux_hidden_state_layer_ids: [] } }), undefined);
    assertEquals(tapsOf({ target_layer_ids: [1, 3, 4] }), same);
    assertEquals(tapsOf({ target_layer_ids: [-1, 0, 7] }), [0, 1, 8]);
    assertThrows(
      () => tapsOf({ target_layer_ids: [3, 1, 4] }),
      SpecMQuantError,
      "target_layer_ids",
    );
  });
});
